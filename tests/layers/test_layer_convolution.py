"""Convolutions: values worked out by hand, identities, memory, and inputs that do not fit."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from minidl import Input, Sequential, layers
from minidl.layers.convolutional import patches
from minidl.layers.convolutional.geometry import (
    convolution_windows,
    output_size,
    transposed_size,
    transposed_windows,
)
from minidl.layers.convolutional.patches import FEW, patch_matrices, windowed


def plainly(x, kernel, strides, dilation, padding, groups=1):
    """Convolve an image place by place, as one would explain it; channels last, no bias."""
    height, width, channels = x.shape
    filters, share = kernel.shape[-1], channels // groups
    rows, columns = (
        output_size(n, k, s, d, padding)
        for n, k, s, d in zip(x.shape, kernel.shape, strides, dilation, strict=False)
    )
    before = []
    for n, k, s, d, out in zip(
        x.shape, kernel.shape, strides, dilation, (rows, columns), strict=False
    ):
        needed = (out - 1) * s + (k - 1) * d + 1
        before.append(max(needed - n, 0) // 2 if padding == "same" else 0)
    z = np.zeros((rows, columns, filters))
    for i, j, f in np.ndindex(z.shape):
        group = f // (filters // groups)
        for a, b, c in np.ndindex(kernel.shape[0], kernel.shape[1], share):
            row = i * strides[0] + a * dilation[0] - before[0]
            column = j * strides[1] + b * dilation[1] - before[1]
            if 0 <= row < height and 0 <= column < width:
                z[i, j, f] += x[row, column, group * share + c] * kernel[a, b, c, f]
    return z


GEOMETRIES = [
    (kernel, strides, dilation, padding)
    for kernel in [(1, 1), (3, 2), (2, 4)]
    for strides, dilation in [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 1))]
    for padding in ("valid", "same")
]


@pytest.mark.parametrize(("kernel", "strides", "dilation", "padding"), GEOMETRIES)
@pytest.mark.parametrize(("channels", "groups"), [(2, 1), (5, 1), (4, 2)])
def test_each_window_is_weighed(kernel, strides, dilation, padding, channels, groups):
    rng = np.random.default_rng(0)
    layer = layers.Conv2D(
        4, kernel, strides, padding, dilation_rate=dilation, groups=groups, dtype="float64"
    )
    x = rng.normal(size=(2, 6, 5, channels))
    y = layer(x)
    assert layer.compute_output_shape((None, 6, 5, channels)) == (None, *y.shape[1:])
    for n in range(2):
        expected = plainly(x[n], layer.kernel.value, strides, dilation, padding, groups)
        np.testing.assert_allclose(y[n], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kernel", "strides", "dilation", "padding"), GEOMETRIES)
def test_depthwise_is_a_convolution_with_a_group_a_channel(kernel, strides, dilation, padding):
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3))
    options = {"padding": padding, "dilation_rate": dilation, "dtype": "float64"}
    depthwise = layers.DepthwiseConv2D(kernel, strides, depth_multiplier=2, **options)
    grouped = layers.Conv2D(6, kernel, strides, groups=3, **options)
    grouped.build(x.shape)
    y = depthwise(x)
    grouped.kernel.value = depthwise.kernel.value.reshape(grouped.kernel.shape)
    np.testing.assert_allclose(y, grouped(x), rtol=1e-12, atol=1e-12)


def test_separable_is_depthwise_and_then_pointwise():
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3))
    separable = layers.SeparableConv2D(4, 3, depth_multiplier=2, dtype="float64")
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, dtype="float64")
    dense = layers.Dense(4, dtype="float64")
    y = separable(x)
    dense(depthwise(x))
    w, V, b = separable.get_weights()
    depthwise.set_weights([w])
    dense.set_weights([V[0, 0], b])
    np.testing.assert_allclose(y, dense(depthwise(x)), rtol=1e-12, atol=1e-12)


TRANSPOSED = [
    (size, kernel, stride, dilation, padding, extra)
    for size, kernel, stride, padding in itertools.product(
        [1, 2, 5], [1, 2, 3, 4], [1, 2, 3, 5], ["valid", "same"]
    )
    for dilation in ([1, 2] if stride == 1 else [1])
    for extra in (None, *range(stride))
]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_sizes_and_windows(padding):
    """No tap of a window lies outside, and every place of the output has a size to belong to."""
    for size, kernel, stride, dilation, _, extra in (t for t in TRANSPOSED if t[4] == padding):
        out = transposed_size(size, kernel, stride, dilation, padding, extra)
        if out < 1:
            continue
        given = None if extra is None else (extra,)
        w = transposed_windows((size,), (kernel,), (stride,), (dilation,), padding, given)
        assert w.input == (out,)
        assert w.output == (size,)
        last = (size - 1) * stride + (kernel - 1) * dilation
        assert 0 <= w.before[0] <= w.after[0] <= w.before[0] + 1 or padding == "valid"
        assert last < w.padded[0]
        if extra is None:
            assert out == (size * stride if padding == "same" else max(last + 1, size * stride))


def test_a_transposed_convolution_is_the_transpose_of_a_convolution():
    """⟨conv(x), y⟩ = ⟨x, transposed(y)⟩ with one kernel, at sizes that the strides fit."""
    rng = np.random.default_rng(0)
    for kernel, strides, channels in [((3, 2), (2, 2), 5), ((2, 3), (1, 2), 2)]:
        conv = layers.Conv2D(4, kernel, strides, "same", use_bias=False, dtype="float64")
        back = layers.Conv2DTranspose(
            channels, kernel, strides, "same", use_bias=False, dtype="float64"
        )
        x = rng.normal(size=(2, 6, 4, channels))
        z = conv(x)
        y = rng.normal(size=z.shape)
        back.build(y.shape)
        back.kernel.value = conv.kernel.value
        np.testing.assert_allclose(np.vdot(z, y), np.vdot(x, back(y)), rtol=1e-12)


def test_causal_outputs_do_not_see_later_steps():
    rng = np.random.default_rng(0)
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = rng.normal(size=(2, 9, 4)).astype("float32")
    before = layer(x)
    x[:, 5:] = rng.normal(size=(2, 4, 4))
    after = layer(x)
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5:] != before[:, 5:]).all()


FORMATS = {
    "Conv1D": ((6,), {"filters": 4, "kernel_size": 3, "padding": "causal"}),
    "Conv2D": ((6, 5), {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}),
    "Conv3D": ((3, 4, 3), {"filters": 4, "kernel_size": 2, "groups": 2}),
    "Conv2DTranspose": ((3, 4), {"filters": 3, "kernel_size": 3, "strides": 2}),
    "DepthwiseConv2D": ((4, 5), {"kernel_size": 2, "depth_multiplier": 2}),
    "SeparableConv2D": ((4, 5), {"filters": 3, "kernel_size": 2, "padding": "same"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_both_data_formats_are_the_same_convolution(name):
    sizes, arguments = FORMATS[name]
    arguments = {**arguments, "activation": "tanh", "dtype": "float64"}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *sizes, 4))
    last = getattr(layers, name)(**arguments)
    first = getattr(layers, name)(**arguments, data_format="channels_first")
    last(x)
    first(np.moveaxis(x, -1, 1))
    first.set_weights(last.get_weights())
    y, residuals = last.forward(x)
    y_first, residuals_first = first.forward(np.moveaxis(x, -1, 1))
    assert first.compute_output_shape((None, 4, *sizes)) == (None, *y_first.shape[1:])
    np.testing.assert_allclose(np.moveaxis(y_first, 1, -1), y, rtol=1e-12)
    dy = rng.normal(size=y.shape)
    dx = first.backward(residuals_first, np.moveaxis(dy, -1, 1))
    np.testing.assert_allclose(np.moveaxis(dx, 1, -1), last.backward(residuals, dy), rtol=1e-12)
    for a, b in zip(first.trainable_weights, last.trainable_weights, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-12)


def test_an_activation_over_the_channels_stays_on_its_axis():
    """As in Keras, softmax works along the last axis, whatever that is."""
    layer = layers.Conv2D(3, 2, data_format="channels_first", activation="softmax")
    y = layer(np.random.default_rng(0).normal(size=(2, 4, 5, 5)))
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-6)


# Memory and blocks


@pytest.mark.parametrize("channels", [FEW, FEW + 1])
@pytest.mark.parametrize("scratch", [1, 700, 5000])
@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D"])
def test_blocks_do_not_change_the_result(monkeypatch, name, channels, scratch):
    """Whether a block is the whole batch, some samples, or some rows of one."""
    rng = np.random.default_rng(0)
    arguments = {"kernel_size": 3, "padding": "same", "dtype": "float64"}
    if name != "DepthwiseConv2D":
        arguments["filters"] = channels
    layer = getattr(layers, name)(**arguments)
    x = rng.normal(size=(5, 6, 7, channels))
    y, dy = layer(x), rng.normal(size=(5, 6, 7, channels))

    def run():
        y, residuals = layer.forward(x)
        dx = layer.backward(residuals, dy)
        return [y, dx, *(p.grad.copy() for p in layer.trainable_weights)]

    whole = run()
    np.testing.assert_array_equal(whole[0], y)
    for module in ("patches", "products", "by_channel"):
        monkeypatch.setattr(f"minidl.layers.convolutional.{module}.SCRATCH", scratch)
    monkeypatch.setattr(patches, "LIMIT", scratch)
    for a, b in zip(run(), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2D(8, 5, padding="same"), (64, 32, 32, 8)),
        (layers.Conv2D(8, 5), (64, 32, 32, 3)),
        (layers.Conv2D(8, 5, strides=2, padding="same"), (1, 256, 256, 8)),
        (layers.Conv2DTranspose(8, 5, strides=2, padding="same"), (64, 16, 16, 8)),
        (layers.DepthwiseConv2D(5, padding="same"), (64, 32, 32, 8)),
    ],
    ids=["many", "few", "one large image", "transposed", "depthwise"],
)
def test_scratch_memory_is_bounded(layer, shape):
    """The patches of all these inputs are many times the input; a block of them is 2 MB."""
    x = np.ones(shape, "float32")
    layer.build(shape)
    tracemalloc.start()
    y, residuals = layer.forward(x)
    layer.backward(residuals, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes + 2 * y.nbytes + 6 * 2**20


def test_a_view_is_copied_only_where_it_must_be():
    x = np.zeros((2, 4, 4, 8), "float32")
    for kernel, copies in [((1, 1), False), ((4, 4), False), ((2, 2), True)]:
        windows = convolution_windows((4, 4), kernel, (1, 1), (1, 1), "valid")
        assert np.shares_memory(windowed(x, windows), x)
        blocks = list(patch_matrices(x, windows, 1, x.dtype, 0, ones=False))
        assert all(np.shares_memory(P, x) != copies for _, P in blocks)


def test_images_stay_bytes_until_a_block_is_made():
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 1), dtype="uint8")
    layer = layers.Conv2D(2, 3)
    y = layer(images)
    _, residuals = layer.forward(images)
    assert y.dtype == "float32"
    assert residuals[0] is images
    np.testing.assert_array_equal(y, layer(images.astype("float32")))


def test_sums_over_many_places_keep_their_digits():
    """A million float32 numbers of one sign, added one by one, would lose a percent."""
    for channels in (1, 5):
        x = np.ones((1, 1000, 1000, channels), "float32")
        layer = layers.Conv2D(2, 1 if channels > FEW else (1, 2))
        layer.build(x.shape)
        y, residuals = layer.forward(x)
        layer.backward(residuals, np.full(y.shape, 0.1, "float32"), need_dx=False)
        for parameter in layer.weights:
            np.testing.assert_allclose(parameter.grad, 0.1 * y[..., 0].size, rtol=2e-5)


# In models


def test_in_a_model_with_images_of_any_size():
    inputs = Input((None, None, 3))
    y = layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    assert y.shape == (None, None, None, 4)
    assert layers.Conv2DTranspose(4, 3, strides=2)(y).shape == (None, None, None, 4)
    model = Sequential([inputs, layers.Conv2D(4, 3, name="c"), layers.GlobalAveragePooling2D()])
    assert model.predict(np.ones((2, 5, 7, 3))).shape == (2, 4)
    with pytest.raises(ValueError, match=r"'c' \(Conv2D\).*\(2, 7\).*output's sizes"):
        model.predict(np.ones((2, 2, 7, 3)))


def test_a_small_convnet_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (64, 6, 6, 1)).astype("float32")
    y = np.arange(64) % 2
    x[y == 1, 1:4, 2] += 1  # a bar that stands, or one that lies
    x[y == 0, 2, 1:4] += 1
    model = Sequential(
        [
            Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 2, activation="relu", padding="same"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    model.fit(x, y, epochs=15, batch_size=16, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95


def test_padding_may_be_written_in_capitals():
    assert layers.Conv2D(1, 1, padding="SAME").padding == "same"


def test_one_number_stands_for_all_axes():
    layer = layers.Conv3D(2, 3, strides=np.int64(2), dilation_rate=[1, 1, 1])
    assert layer.kernel_size == (3, 3, 3)
    assert layer.get_config()["strides"] == [2, 2, 2]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, r"c: received filters=0, expected a positive integer"),
        ({"filters": 2.5}, r"c: received filters=2.5"),
        ({"kernel_size": 0}, r"c: received kernel_size=0, expected a positive integer"),
        ({"kernel_size": (3, 3, 3)}, r"c: received kernel_size=\(3, 3, 3\).*tuple of 2"),
        ({"kernel_size": 3.0}, r"c: received kernel_size=3.0"),
        ({"kernel_size": True}, r"c: received kernel_size=True"),
        ({"strides": (1, 0)}, r"c: received strides=\(1, 0\)"),
        ({"dilation_rate": -1}, r"c: received dilation_rate=-1"),
        ({"groups": 0}, r"c: received groups=0"),
        ({"groups": 3}, r"c: received filters=4 and groups=3.*multiple of groups"),
        ({"strides": 2, "dilation_rate": 2}, r"c: received strides=\(2, 2\) and dilation_rate"),
        ({"padding": "sane"}, r"c: received padding='sane'. Did you mean 'same'\?"),
        ({"padding": "causal"}, r"c: received padding='causal'. Causal padding is for Conv1D"),
        ({"padding": 1}, r"c: received padding=1"),
        ({"data_format": "channels"}, r"c: received data_format='channels'"),
        ({"activation": "rleu"}, r"Did you mean 'relu'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(**{"filters": 4, "kernel_size": 2, **arguments}, name="c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_padding": 2}, r"t: received output_padding=\(2, 2\) and strides=\(2, 2\)"),
        ({"output_padding": -1}, r"t: received output_padding=-1.*at least 0"),
        ({"output_padding": (1,)}, r"t: received output_padding=\(1,\)"),
        ({"dilation_rate": 2}, r"t: received strides=\(2, 2\) and dilation_rate=\(2, 2\)"),
        ({"padding": "causal"}, r"Causal padding is for Conv1D"),
        ({"filters": None}, r"t: received filters=None"),
    ],
)
def test_bad_arguments_of_transposed_convolutions(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2DTranspose(
            **{"filters": 4, "kernel_size": 2, "strides": 2, **arguments}, name="t"
        )


@pytest.mark.parametrize("cls", [layers.DepthwiseConv1D, layers.SeparableConv1D])
def test_bad_depth_multipliers(cls):
    arguments = {"filters": 1} if cls is layers.SeparableConv1D else {}
    with pytest.raises(ValueError, match="d: received depth_multiplier=0"):
        cls(kernel_size=1, depth_multiplier=0, name="d", **arguments)


RANKS = {
    "Conv1D": 1,
    "Conv2D": 2,
    "Conv3D": 3,
    "Conv1DTranspose": 1,
    "Conv2DTranspose": 2,
    "Conv3DTranspose": 3,
    "SeparableConv1D": 1,
    "SeparableConv2D": 2,
}


@pytest.mark.parametrize("name", RANKS)
def test_another_rank_is_refused(name):
    rank = RANKS[name]
    layer = getattr(layers, name)(1, 1, name="c")
    for wrong in (rank + 1, rank + 3):
        with pytest.raises(ValueError, match=rf"'c' \({name}\).*expected {rank + 2} axes"):
            layer(np.zeros((4,) * wrong))
        with pytest.raises(ValueError, match=rf"expected {rank + 2} axes"):
            layer.build((4,) * wrong)


def test_other_channels_than_at_build_are_refused():
    layer = layers.Conv2D(2, 1, name="c")
    layer(np.zeros((1, 2, 2, 3)))
    with pytest.raises(ValueError, match=r"'c'.*expected size 3 on axis -1, and got 4"):
        layer(np.zeros((1, 2, 2, 4)))


def test_channels_must_be_known_and_fit_the_groups():
    with pytest.raises(ValueError, match=r"'c' \(Conv2D\).*known number of channels"):
        layers.Conv2D(2, 1, name="c")(Input((4, 4, None)))
    with pytest.raises(ValueError, match=r"'c'.*5 channels, expected a multiple of groups=2"):
        layers.Conv2D(2, 1, groups=2, name="c")(Input((4, 4, 5)))


def test_a_window_larger_than_the_input_is_refused():
    layer = layers.Conv2D(2, (2, 3), dilation_rate=(1, 2), name="c")
    message = r"'c' \(Conv2D\).*\(None, 8, 4, 1\).*reach over \(2, 5\).*\(7, 0\).*'same'"
    with pytest.raises(ValueError, match=message):
        layer(Input((8, 4, 1)))
    with pytest.raises(ValueError, match="reach over"):
        layer.compute_output_shape((None, 8, 4, 1))
    layer(np.zeros((1, 2, 5, 1)))
    with pytest.raises(ValueError, match="reach over"):  # built for another shape
        layer(np.zeros((1, 2, 4, 1)))
    for cls in (layers.DepthwiseConv2D, layers.SeparableConv2D):
        arguments = {"filters": 1} if cls is layers.SeparableConv2D else {}
        with pytest.raises(ValueError, match="reach over"):
            cls(kernel_size=3, **arguments)(np.zeros((1, 2, 4, 1)))


def test_an_output_without_places_is_refused():
    layer = layers.Conv1DTranspose(1, 2, 2, "same", output_padding=0, name="t")
    with pytest.raises(ValueError, match=r"'t' \(Conv1DTranspose\).*output_padding=\(0,\).*\(0,\)"):
        layer(np.zeros((1, 1, 1)))
    assert layer(np.zeros((1, 2, 1))).shape == (1, 2, 1)
