"""Random image layers against Keras: the same transformation of the same draws, the same ranges.

What Keras draws is given to both sides, or it is given the matrices that minidl makes; how often
what is drawn is compared apart from that.
"""

from __future__ import annotations

import numpy as np
import pytest

from minidl import layers
from minidl.layers.image.affine import sample, sample_adjoint
from tests.parity.test_layers import close, keras, lenient_numpy, plain  # noqa: F401  (fixtures)

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


def images(dtype, data_format="channels_last", seed=0):
    x = np.random.default_rng(seed).normal(100.0, 60.0, (4, 7, 6, 3)).astype(dtype)
    return x if data_format == "channels_last" else np.ascontiguousarray(np.moveaxis(x, -1, 1))


def check(keras_transform, layer, x, drawn, dtype):
    """Compare outputs and dx of a layer's `apply` with a function of Keras's."""
    import jax

    y, residuals = layer.apply(x, drawn)
    expected, pullback = jax.vjp(keras_transform, jax.numpy.asarray(x))
    close(y, expected, dtype, "y")
    dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    dx = layer.apply_backward(residuals, dy)
    close(dx, pullback(jax.numpy.asarray(dy))[0], dtype, "dx")


@both_dtypes
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
def test_sampling(keras, fill_mode, interpolation, dtype):  # noqa: F811
    import jax

    x = images(dtype, "channels_first")
    rng = np.random.default_rng(2)
    matrices = rng.normal([1, 0, 0, 0, 1, 0], [0.4, 0.4, 4, 0.4, 0.4, 4], (4, 6))
    transforms = np.pad(matrices, ((0, 0), (0, 2)))

    def theirs(inputs):
        return keras.ops.image.affine_transform(
            inputs, transforms, interpolation, fill_mode, 7.0, "channels_first"
        )

    y = sample(x, matrices, interpolation, fill_mode, 7.0)
    expected, pullback = jax.vjp(theirs, jax.numpy.asarray(x))
    close(y, expected, dtype, "y")
    dy = rng.normal(size=y.shape).astype(dtype)
    dx = sample_adjoint(dy, matrices, interpolation, fill_mode)
    close(dx, pullback(jax.numpy.asarray(dy))[0], dtype, "dx")


def test_matrices(keras):  # noqa: F811
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    angle, down, across = rng.uniform(-180, 180, 9), rng.uniform(0.5, 2, 9), rng.uniform(0.5, 2, 9)
    rotation = keras.layers.RandomRotation(0.5)
    zeros = jnp.zeros(9)
    theirs = rotation._compute_affine_matrix(
        0.5, 0.5, jnp.asarray(angle), zeros, zeros, zeros + 1, zeros, zeros, 7, 6
    )
    ours = layers.RandomRotation.matrices(angle * np.pi / 180, 7, 6)
    np.testing.assert_allclose(ours, np.asarray(theirs)[:, :6], rtol=1e-6, atol=1e-6)

    zooms = jnp.asarray(np.stack([across, down], axis=1), "float32")
    theirs = keras.layers.RandomZoom(0.5)._get_zoom_matrix(zooms, 7, 6)
    ours = layers.RandomZoom.matrices(down, across, 7, 6)
    np.testing.assert_allclose(ours, np.asarray(theirs)[:, :6], rtol=1e-5, atol=1e-6)

    theirs = keras.layers.RandomTranslation(0.5, 0.5)._get_translation_matrix(
        jnp.asarray(np.stack([across, down], axis=1))
    )
    ours = layers.RandomTranslation.matrices(down, across)
    np.testing.assert_allclose(ours, np.asarray(theirs)[:, :6], rtol=1e-6)


@both_formats
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomRotation", {"factor": 0.4}),
        ("RandomRotation", {"factor": 0.4, "fill_mode": "constant", "fill_value": 9.0}),
        ("RandomZoom", {"height_factor": 0.5}),
        ("RandomZoom", {"height_factor": (0.1, 0.5), "width_factor": 0.3, "fill_mode": "wrap"}),
        ("RandomTranslation", {"height_factor": 0.4, "width_factor": 0.3, "fill_mode": "nearest"}),
    ],
)
def test_transformations_that_keras_drew(keras, name, arguments, data_format):  # noqa: F811
    """Keras's matrices, read back, and the whole of its layer: it finds places in float32."""
    dtype = "float32"
    arguments = {**arguments, "data_format": data_format, "dtype": dtype}
    theirs = getattr(keras.layers, name)(**arguments, seed=3)
    ours = getattr(layers, name)(**arguments, seed=3)
    x = images(dtype, data_format)
    transformation = theirs.get_random_transformation(x, training=True)
    if name == "RandomRotation":
        matrices = transformation["rotation_matrix"]
    elif name == "RandomZoom":
        zooms = [np.asarray(transformation[k], "float32") for k in ("width_zoom", "height_zoom")]
        matrices = theirs._get_zoom_matrix(np.concatenate(zooms, axis=1), 7, 6)
    else:
        matrices = theirs._get_translation_matrix(transformation["translations"])
    drawn = np.asarray(matrices, "float64")[:, :6]
    check(lambda i: theirs.transform_images(i, transformation), ours, x, drawn, dtype)
    if name == "RandomRotation":
        mine = ours.matrices(np.asarray(transformation["angle"], "float64") * np.pi / 180, 7, 6)
        np.testing.assert_allclose(drawn, mine, atol=1e-5)


@both_dtypes
@both_formats
@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips(keras, mode, data_format, dtype):  # noqa: F811
    arguments = {"mode": mode, "data_format": data_format, "dtype": dtype}
    theirs, ours = keras.layers.RandomFlip(**arguments), layers.RandomFlip(**arguments)
    x = images(dtype, data_format)
    flips = np.array([True, False, True, True])
    transformation = {"flips": flips[:, None, None, None], "input_shape": x.shape}
    check(lambda i: theirs.transform_images(i, transformation), ours, x, flips, dtype)


@both_dtypes
@both_formats
def test_crops(keras, data_format, dtype):  # noqa: F811
    arguments = {"height": 4, "width": 3, "data_format": data_format, "dtype": dtype}
    theirs, ours = keras.layers.RandomCrop(**arguments), layers.RandomCrop(**arguments)
    x = images(dtype, data_format)
    check(lambda i: theirs.transform_images(i, (2, 1)), ours, x, (2, 1), dtype)


@both_dtypes
@both_formats
def test_colors(keras, data_format, dtype):  # noqa: F811
    x = images(dtype, data_format)
    assert x.min() < 0 < 255 < x.max()  # some are cut off
    arguments = {"factor": (0.5, 0.9), "data_format": data_format, "dtype": dtype}
    drawn = np.array([0.6, 1.1, 1.8, 1.0]).reshape(4, 1, 1, 1)
    theirs, ours = keras.layers.RandomContrast(**arguments), layers.RandomContrast(**arguments)
    transformation = {"contrast_factor": drawn.astype(dtype)}
    check(lambda i: theirs.transform_images(i, transformation), ours, x, drawn, dtype)
    theirs, ours = keras.layers.RandomBrightness(**arguments), layers.RandomBrightness(**arguments)
    drawn = np.array([-70.0, 12.0, 130.0, 0.0]).reshape(4, 1, 1, 1)
    transformation = {"rgb_delta": drawn.astype(dtype)}
    check(lambda i: theirs.transform_images(i, transformation), ours, x, drawn, dtype)


RANGES = [
    ("RandomRotation", {"factor": 0.3}, "angle"),
    ("RandomRotation", {"factor": (-0.1, 0.4)}, "angle"),
    ("RandomZoom", {"height_factor": 0.3}, "height_zoom"),
    ("RandomZoom", {"height_factor": (0.1, 0.3), "width_factor": 0.5}, "width_zoom"),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": (0.1, 0.2)}, "translations"),
    ("RandomContrast", {"factor": 0.3}, "contrast_factor"),
    ("RandomContrast", {"factor": (0.2, 0.5)}, "contrast_factor"),
    ("RandomBrightness", {"factor": 0.3}, "rgb_delta"),
    ("RandomBrightness", {"factor": (-0.1, 0.2), "value_range": (0, 1)}, "rgb_delta"),
    ("RandomFlip", {}, "flips"),
]


@pytest.mark.parametrize(("name", "arguments", "key"), RANGES)
def test_ranges_of_what_is_drawn(keras, name, arguments, key):  # noqa: F811
    """The same quantiles of 20,000 draws on each side, to two percent of their range."""
    x = np.zeros((20_000, 2, 2, 1), "float32")
    theirs = getattr(keras.layers, name)(**arguments, seed=1)
    values = np.asarray(theirs.get_random_transformation(x)[key], "float64")
    drawn = np.asarray(getattr(layers, name)(**arguments, seed=1).draw(x.shape), "float64")
    if key == "angle":
        drawn = np.degrees(np.arctan2(drawn[:, 3], drawn[:, 0]))
        values = (values + 180) % 360 - 180
    elif key.endswith("zoom"):
        drawn = drawn[:, 0 if key == "width_zoom" else 4]
    elif key == "translations":
        drawn = -drawn[:, [2, 5]]
    quantiles = np.linspace(0, 1, 11)
    a, b = np.quantile(drawn, quantiles), np.quantile(values, quantiles)
    np.testing.assert_allclose(a, b, atol=0.02 * (b[-1] - b[0]))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("size", [(10, 12), (3, 4)])
def test_resizing_of_integers(keras, interpolation, size):  # noqa: F811
    x = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), "uint8")
    ours = layers.Resizing(*size, interpolation)(x)
    theirs = np.asarray(keras.layers.Resizing(*size, interpolation)(x))
    assert ours.dtype == theirs.dtype == np.uint8
    differences = np.abs(ours.astype(int) - theirs)
    assert differences.max() <= 1  # a half may be rounded either way
    assert (differences == 0).mean() > 0.98


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomFlip", {"mode": "vertical"}),
        ("RandomCrop", {"height": 3, "width": 2}),
        ("RandomRotation", {"factor": (0.1, 0.2), "fill_mode": "wrap"}),
        ("RandomZoom", {"height_factor": (-0.1, 0.2), "width_factor": 0.3}),
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.3, "fill_value": 2.0}),
        ("RandomContrast", {"factor": 0.3}),
        ("RandomBrightness", {"factor": 0.3, "value_range": (0, 1)}),
    ],
)
def test_configurations_go_both_ways(keras, name, arguments):  # noqa: F811
    ours = getattr(layers, name)(**arguments, seed=4, name="it").get_config()
    theirs = getattr(keras.layers, name)(**arguments, seed=4, name="it").get_config()
    for key in set(theirs) - {"dtype"}:
        assert plain(ours[key]) == plain(theirs[key]), key
    assert set(ours) - set(theirs) <= {"activity_regularizer", "autocast"}
    assert plain(getattr(layers, name).from_config(theirs).get_config()) == plain(ours)


@pytest.mark.parametrize("name", ["RandomFlip", "RandomRotation"])
def test_a_direct_call_augments(keras, name):  # noqa: F811
    arguments = {"RandomFlip": ["horizontal"], "RandomRotation": [(0.1, 0.2)]}[name]
    x = images("float32")
    for module in (keras.layers, layers):
        layer = getattr(module, name)(*arguments, seed=1)
        assert not np.allclose(np.asarray(layer(x)), x)
        assert np.allclose(np.asarray(layer(x, training=False)), x)
