"""Image layers: values by hand, draws and seeds, inference, integers, one image, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import Input, Sequential, layers, utils
from minidl.layers.image.affine import FILL_MODES, sample, sample_adjoint

RANDOM = {
    "RandomFlip": (),
    "RandomRotation": (0.3,),
    "RandomZoom": (0.3,),
    "RandomTranslation": (0.3, 0.3),
    "RandomContrast": ((0.5, 0.5), (-9, 9)),
    "RandomBrightness": (0.4, (-9, 9)),
}
SEED = {"RandomCrop": {"seed": 3}}
every_random = pytest.mark.parametrize(("name", "args"), RANDOM.items())


def images(*shape):
    return np.random.default_rng(0).normal(size=shape)


@every_random
def test_inference_is_the_identity(name, args):
    x = images(3, 4, 5, 2)
    layer = getattr(layers, name)(*args)
    np.testing.assert_array_equal(layer(x, training=False), x)
    model = Sequential([Input((4, 5, 2)), layer])
    np.testing.assert_allclose(model.predict(x), x, rtol=1e-6)


@every_random
def test_training_changes_images_and_each_one_otherwise(name, args):
    layer = getattr(layers, name)(*args, seed=1)
    x = np.repeat(images(1, 4, 5, 2), 8, axis=0)
    y = layer(x, training=True)
    assert y.shape == x.shape
    distinct = {image.tobytes() for image in y}
    assert len(distinct) == (2 if name == "RandomFlip" else 8)
    assert not np.array_equal(layer(x, training=True), y)  # the next draws


@every_random
def test_a_direct_call_is_training_unless_it_says_otherwise(name, args):
    """As in Keras, where scripts look at their augmented images this way."""
    x = images(8, 4, 5, 2)
    assert not np.array_equal(getattr(layers, name)(*args, seed=1)(x), x)


@every_random
def test_the_same_seed_draws_the_same(name, args):
    x = images(3, 4, 5, 2)
    first, second = (getattr(layers, name)(*args, seed=7)(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    outputs = []
    for _ in range(2):
        utils.set_random_seed(3)
        outputs.append(getattr(layers, name)(*args)(x))
    np.testing.assert_array_equal(*outputs)


@every_random
def test_one_image_is_a_batch_of_one(name, args):
    x = images(4, 5, 2)
    alone = getattr(layers, name)(*args, seed=7)(x)
    batch = getattr(layers, name)(*args, seed=7)(x[None])
    np.testing.assert_array_equal(alone, batch[0])


@every_random
def test_both_data_formats_do_the_same(name, args):
    x = images(3, 4, 5, 2)
    last = getattr(layers, name)(*args, seed=7)
    first = getattr(layers, name)(*args, seed=7, data_format="channels_first")
    y = first(np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(np.moveaxis(y, 1, -1), last(x), rtol=1e-12, atol=1e-12)


def test_flips():
    x = np.arange(6.0).reshape(1, 2, 3, 1)
    flipped = {
        "horizontal": [[2, 1, 0], [5, 4, 3]],
        "vertical": [[3, 4, 5], [0, 1, 2]],
        "horizontal_and_vertical": [[5, 4, 3], [2, 1, 0]],
    }
    for mode, expected in flipped.items():
        layer = layers.RandomFlip(mode)
        y, residuals = layer.apply(x, np.array([True]))
        np.testing.assert_array_equal(y[0, :, :, 0], expected)
        np.testing.assert_array_equal(layer.apply_backward(residuals, y), x)
        np.testing.assert_array_equal(layer.apply(x, np.array([False]))[0], x)


@pytest.mark.parametrize(
    ("fill_mode", "expected"),
    {
        "constant": [9, 9, 9, 1, 2, 3, 9, 9],
        "nearest": [1, 1, 1, 1, 2, 3, 3, 3],
        "reflect": [3, 2, 1, 1, 2, 3, 3, 2],
        "wrap": [1, 2, 3, 1, 2, 3, 1, 2],
    }.items(),
)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_what_is_beyond_the_borders(fill_mode, expected, interpolation):
    row = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
    seen = []
    for shift in (-3, 0, 3):
        matrix = np.array([[1.0, 0, shift, 0, 1, 0]])
        seen += sample(row, matrix, interpolation, fill_mode, 9.0).ravel().tolist()
    assert seen[:8] == expected


def test_between_pixels():
    x = np.array([[0.0, 1.0], [10.0, 11.0]]).reshape(1, 1, 2, 2)
    quarter = np.array([[1.0, 0, 0.25, 0, 1, 0.5]])
    y = sample(x, quarter, "bilinear", "constant", 0.0)
    assert y[0, 0, 0, 0] == 5.25
    np.testing.assert_allclose(y[0, 0, 1, 1], 0.75 * 0.5 * 11)  # the rest is filled
    y = sample(x, quarter, "nearest", "constant", -1.0)
    assert y[0, 0].tolist() == [[10, 11], [-1, -1]]


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_sampling_adjoint(fill_mode, interpolation):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 5, 3, 4, 6))
    matrices = rng.normal([1, 0, 0, 0, 1, 0], 1.0, (5, 6))
    y = sample(x, matrices, interpolation, fill_mode, 0.0)
    dx = sample_adjoint(dy, matrices, interpolation, fill_mode)
    np.testing.assert_allclose(np.vdot(dy, y), np.vdot(dx, x), rtol=1e-11)


def test_a_full_turn_and_four_quarters_are_the_identity():
    x = images(1, 5, 5, 2)
    np.testing.assert_allclose(layers.RandomRotation((1, 1))(x), x, atol=1e-9)
    quarter = layers.RandomRotation((0.25, 0.25))
    np.testing.assert_allclose(quarter(x)[0, :, :, 0], np.rot90(x[0, :, :, 0]), atol=1e-9)


def between(values, low, high):
    """Whether values lie within a range, and reach nearly to both ends."""
    margin = 0.01 * (high - low)
    return low <= values.min() < low + margin and high - margin < values.max() <= high


def test_draws_fill_their_ranges():
    shape = (5000, 10, 20, 1)
    zoom = layers.RandomZoom((-0.2, 0.4), (0.1, 0.3), seed=0).draw(shape)
    assert between(zoom[:, 4], 0.8, 1.4)
    assert between(zoom[:, 0], 1.1, 1.3)
    same = layers.RandomZoom(0.2, seed=0).draw(shape)
    np.testing.assert_array_equal(same[:, 0], same[:, 4])
    moved = layers.RandomTranslation(0.5, (0.1, 0.2), seed=0).draw(shape)
    assert between(moved[:, 5], -5, 5)
    assert between(moved[:, 2], -4, -2)
    turned = layers.RandomRotation((0, 0.25), seed=0).draw(shape)
    assert between(turned[:, 0], 0, 1)
    corners = [layers.RandomCrop(8, 19, seed=s).draw(shape) for s in range(60)]
    assert set(corners) == {(top, left) for top in range(3) for left in range(2)}
    contrast = layers.RandomContrast(0.3, seed=0).draw(shape)
    assert contrast.shape == (5000, 1, 1, 1)
    assert between(contrast, 1, 1.3)
    assert between(layers.RandomBrightness(0.1, (0, 10), seed=0).draw(shape), -1, 1)
    assert 0.45 < layers.RandomFlip(seed=0).draw(shape).mean() < 0.55


def test_contrast_and_brightness_stay_in_range_and_pass_no_gradient_where_cut_off():
    x = np.array([0.0, 50.0, 200.0, 250.0]).reshape(1, 2, 2, 1)
    layer = layers.RandomContrast((1, 1))
    y, residuals = layer.apply(x, np.full((1, 1, 1, 1), 2.0))
    np.testing.assert_array_equal(y.ravel(), [0, 0, 255, 255])
    np.testing.assert_array_equal(layer.apply_backward(residuals, np.ones_like(y)), 0 * x)
    layer = layers.RandomBrightness(0.5)
    y, residuals = layer.apply(x, np.full((1, 1, 1, 1), 30.0))
    np.testing.assert_array_equal(y.ravel(), [30, 80, 230, 255])
    dx = layer.apply_backward(residuals, np.ones_like(y))
    np.testing.assert_array_equal(dx.ravel(), [1, 1, 1, 0])


def test_crops_at_inference_are_the_central_window_resized():
    x = images(2, 6, 9, 1)
    layer = layers.RandomCrop(4, 4)
    expected = layers.Resizing(4, 4, crop_to_aspect_ratio=True)(x)
    np.testing.assert_array_equal(layer(x, training=False), expected)
    assert layer(x).shape == (2, 4, 4, 1)
    small = images(2, 3, 9, 1)
    np.testing.assert_array_equal(layer(small, training=True), layer(small, training=False))


def test_a_random_crop_is_a_part_of_the_image_the_same_for_all():
    x = np.arange(30.0).reshape(1, 5, 6, 1) + np.array([0, 100]).reshape(2, 1, 1, 1)
    for seed in range(5):
        y = layers.RandomCrop(2, 3, seed=seed)(x)
        np.testing.assert_array_equal(y[1] - y[0], 100)
        np.testing.assert_array_equal(np.diff(y[0, :, 0, 0]), 6)
        np.testing.assert_array_equal(np.diff(y[0, 0, :, 0]), 1)


def test_center_crop():
    x = np.arange(35.0).reshape(1, 5, 7, 1)
    np.testing.assert_array_equal(layers.CenterCrop(2, 3)(x), x[:, 1:3, 2:5])
    np.testing.assert_array_equal(layers.CenterCrop(5, 7)(x), x)
    assert layers.CenterCrop(6, 3)(x).shape == (1, 6, 3, 1)
    assert layers.CenterCrop(3, 3)(x.astype("uint8")).dtype == "float32"


def test_resizing_keeps_or_gives_up_proportions():
    x = np.ones((1, 4, 8, 1))
    x[:, :, 2:6] = 2
    cut = layers.Resizing(2, 2, crop_to_aspect_ratio=True)(x)
    np.testing.assert_array_equal(cut, np.full((1, 2, 2, 1), 2.0))
    framed = layers.Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=5.0)(x)
    np.testing.assert_array_equal(framed[0, :2, :, 0], 5)
    np.testing.assert_array_equal(framed[0, 2:6, :, 0], x[0, :, :, 0])


def test_resized_integers_are_rounded_and_do_not_wrap():
    x = np.array([0, 255, 255, 0], "uint8").reshape(1, 1, 4, 1)
    y = layers.Resizing(1, 16, "lanczos3")(x)
    assert y.dtype == "uint8"
    assert (y.min(), y.max()) == (0, 255)
    assert layers.Resizing(1, 8)(x).ravel().tolist() == [0, 64, 191, 255, 255, 191, 64, 0]


def test_in_front_of_a_model_that_is_trained():
    model = Sequential(
        [
            Input((6, 6, 1)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1, data_format="channels_last"),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomContrast(0.1, value_range=(0, 1)),
            layers.RandomCrop(5, 5),
            layers.Resizing(4, 4),
            layers.Flatten(),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).random((12, 6, 6, 1))
    history = model.fit(x, np.arange(12) % 2, batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    np.testing.assert_array_equal(model.predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Resizing(0, 3, name="r"), "r: received height=0, expected a positive"),
        (lambda: layers.Resizing(3, 2.5, name="r"), "r: received width=2.5"),
        (
            lambda: layers.Resizing(3, 3, "linear", name="r"),
            "r: received interpolation='linear'. Did you mean 'bilinear'?",
        ),
        (
            lambda: layers.Resizing(3, 3, fill_mode="reflect", name="r"),
            "r: received fill_mode='reflect'. .*Known: constant",
        ),
        (
            lambda: layers.Resizing(
                3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True, name="r"
            ),
            "r: .*at most one of them",
        ),
        (lambda: layers.CenterCrop(3, -1, name="c"), "c: received width=-1"),
        (lambda: layers.CenterCrop(3, 1, "first", name="c"), "c: received data_format='first'"),
        (
            lambda: layers.RandomFlip("horizontl", name="f"),
            "f: received mode='horizontl'. Did you mean 'horizontal'?",
        ),
        (lambda: layers.RandomFlip(seed=-1, name="f"), "seed=-1"),
        (lambda: layers.RandomRotation(1.5, name="r"), "r: received factor=1.5, .*at most 1"),
        (lambda: layers.RandomRotation("much", name="r"), "r: received factor='much'.*pair"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3), name="r"), r"received factor=\(0.1, 0.2"),
        (
            lambda: layers.RandomRotation(0.1, "reflekt", name="r"),
            "r: received fill_mode='reflekt'. Did you mean 'reflect'?",
        ),
        (
            lambda: layers.RandomRotation(0.1, interpolation="bicubic", name="r"),
            "r: received interpolation='bicubic'.*Known: bilinear, nearest",
        ),
        (lambda: layers.RandomRotation(0.1, fill_value="x", name="r"), "fill_value='x'"),
        (lambda: layers.RandomZoom((-1, 0.2), name="z"), r"z: received height_factor.*above -1"),
        (lambda: layers.RandomZoom(0.2, (0.2, 1.2), name="z"), "z: received width_factor=1.2"),
        (lambda: layers.RandomTranslation(2, 0.1, name="t"), "t: received height_factor=2"),
        (lambda: layers.RandomCrop(3, None, name="c"), "c: received width=None"),
        (lambda: layers.RandomContrast((-0.1, 0.2), name="c"), "c: received factor=-0.1"),
        (lambda: layers.RandomContrast(0.1, (1, 1), name="c"), r"received value_range=\(1, 1\)"),
        (lambda: layers.RandomBrightness(0.1, 255, name="b"), "b: received value_range=255"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", [*RANDOM, "Resizing", "CenterCrop", "RandomCrop"])
def test_another_rank_is_refused(name):
    layer = getattr(layers, name)(*RANDOM.get(name, (2, 2)), name="p")
    with pytest.raises(ValueError, match=r"'p'.*at least 3 axes.*got 2"):
        layer(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"'p'.*at most 4 axes.*got 5"):
        layer(np.zeros((4, 4, 4, 4, 4)))


@pytest.mark.parametrize("name", ["Resizing", "CenterCrop", "RandomCrop"])
def test_images_without_a_pixel_are_refused(name):
    with pytest.raises(ValueError, match=rf"'r' \({name}\).*\(2, 0, 4, 1\).*no pixel"):
        getattr(layers, name)(3, 3, name="r")(np.zeros((2, 0, 4, 1)))


@pytest.mark.parametrize("name", ["Resizing", "CenterCrop", "RandomCrop"])
def test_one_image_is_resized_as_a_batch_is(name):
    x = images(5, 6, 2)
    layer = getattr(layers, name)
    for size in ((3, 4), (6, 3)):
        y, residuals = layer(*size, **SEED.get(name, {})).forward(x, training=True)
        batch, batch_residuals = layer(*size, **SEED.get(name, {})).forward(x[None], training=True)
        np.testing.assert_array_equal(y, batch[0])
        dx = layer(*size).backward(residuals, np.ones_like(y))
        np.testing.assert_array_equal(
            dx, layer(*size).backward(batch_residuals, np.ones_like(batch))[0]
        )


def test_sizes_that_are_not_known_in_advance():
    inputs = Input((None, None, 3))
    assert layers.Resizing(5, 6)(inputs).shape == (None, 5, 6, 3)
    assert layers.CenterCrop(5, 6)(inputs).shape == (None, 5, 6, 3)
    assert layers.RandomCrop(5, 6)(inputs).shape == (None, 5, 6, 3)
    assert layers.RandomZoom(0.1)(inputs).shape == (None, None, None, 3)
