"""Pooling: values worked out by hand, ties, padding, masks, and inputs that cannot be pooled."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from minidl import Input, Sequential, layers
from minidl.layers.pooling.windows import Windows


def plainly(x, size, stride, padding, reduce):
    """Pool a (height, width) image window by window, as one would explain it."""
    starts = []
    for length, s, d in zip(x.shape, size, stride, strict=True):
        if padding == "same":
            count = -(-length // d)
            before = max((count - 1) * d + s - length, 0) // 2
        else:
            count, before = (length - s) // d + 1, 0
        starts.append([o * d - before for o in range(count)])
    y = np.empty([len(s) for s in starts])
    for o, p in np.ndindex(y.shape):
        top, left = starts[0][o], starts[1][p]
        window = x[max(top, 0) : top + size[0], max(left, 0) : left + size[1]]
        y[o, p] = reduce(window)
    return y


GEOMETRIES = list(itertools.product([1, 2, 3, 5], [1, 2, 3, 4], ["valid", "same"]))


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_each_window_is_pooled(kind, size, stride, padding):
    x = np.random.default_rng(0).normal(size=(7, 6))
    layer = getattr(layers, f"{kind}Pooling2D")((size, 2), (stride, 3), padding, dtype="float64")
    expected = plainly(
        x, (size, 2), (stride, 3), padding, {"Max": np.max, "Average": np.mean}[kind]
    )
    y = layer(x[None, :, :, None])
    assert layer.compute_output_shape((None, 7, 6, 1)) == (None, *y.shape[1:])
    np.testing.assert_allclose(y[0, :, :, 0], expected, rtol=1e-14)


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
def test_places_of_windows(size, stride, padding):
    windows = Windows.along(7, size, stride, padding)
    held = [[] for _ in range(windows.outputs)]
    for k in range(size):
        here, which = windows.place(k)
        positions, owners = range(7)[here], range(windows.outputs)[which]
        for position, owner in zip(positions, owners, strict=True):
            assert position == owner * stride + k - windows.before
            held[owner].append(position)
    assert [len(h) for h in held] == windows.numbers()
    assert windows.inside == all(len(h) == size for h in held)


def test_the_first_of_equal_maxima_gets_the_gradient_row_by_row():
    x = np.array([[0.0, 1.0, 2.0, 2.0], [1.0, 0.0, 2.0, 2.0]])[None, :, :, None]
    for layer in (layers.MaxPooling2D(2), layers.MaxPooling2D(2, padding="same")):
        _, residuals = layer.forward(x)
        dx = layer.backward(residuals, np.array([[3.0, 5.0]])[None, :, :, None])
        np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 3, 5, 0], [0, 0, 0, 0]])
    overlapping = layers.MaxPooling1D(2, 1)
    _, residuals = overlapping.forward(np.ones((1, 4, 1)))
    dx = overlapping.backward(residuals, np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1))
    np.testing.assert_array_equal(dx.ravel(), [1, 10, 100, 0])


def test_equal_global_maxima_share_the_gradient():
    layer = layers.GlobalMaxPooling1D()
    _, residuals = layer.forward(np.array([[[1.0], [2.0], [2.0]]]))
    np.testing.assert_array_equal(
        layer.backward(residuals, np.array([[6.0]])).ravel(), [0.0, 3.0, 3.0]
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_all_of_dy_arrives(padding):
    """A maximum passes its gradient on whole, ties or not."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2, 7, 6, 3)).astype(float)
    layer = layers.MaxPooling2D(3, 2, padding)
    y, residuals = layer.forward(x)
    dy = rng.normal(size=y.shape)
    dx = layer.backward(residuals, dy)
    np.testing.assert_allclose(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)), rtol=1e-12)


def test_what_sticks_out_does_not_count():
    x = np.full((1, 3, 3, 1), -5.0)
    assert (layers.MaxPooling2D(3, 1, "same")(x) == -5).all()
    np.testing.assert_allclose(layers.AveragePooling2D(3, 1, "same")(x), -5)


def test_the_default_stride_is_the_pool_size():
    layer = layers.AveragePooling2D((3, 2))
    assert layer.strides == (3, 2)
    assert layers.MaxPooling2D().pool_size == (2, 2)
    assert layers.MaxPooling1D(3).get_config()["pool_size"] == [3]


def test_padding_may_be_written_in_capitals():
    assert layers.MaxPooling1D(2, padding="SAME").padding == "same"


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_both_data_formats_are_the_same_pooling(kind, rank):
    x = np.random.default_rng(0).normal(size=(2, *(5, 4, 3)[:rank], 2))
    cls = getattr(layers, f"{kind}Pooling{rank}D")
    last, first = cls(2, 1, "same"), cls(2, 1, "same", "channels_first")
    y, residuals = last.forward(x)
    y_first, residuals_first = first.forward(np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(np.moveaxis(y_first, 1, -1), y, rtol=1e-14)
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = np.moveaxis(first.backward(residuals_first, np.moveaxis(dy, -1, 1)), 1, -1)
    np.testing.assert_allclose(dx, last.backward(residuals, dy), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_mask_leaves_steps_out_of_the_mean(data_format, keepdims):
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    expected = [x[0, :2].mean(axis=0), x[1].mean(axis=0), [0, 0]]
    x[0, 2] = np.nan  # what is masked may be anything
    last = data_format == "channels_last"
    given = x if last else np.moveaxis(x, -1, 1)
    layer = layers.GlobalAveragePooling1D(data_format, keepdims, dtype="float64")
    y, residuals = layer.forward(given, mask=mask)
    assert y.ndim == 2 + keepdims
    np.testing.assert_allclose(y.reshape(3, 2), expected, rtol=1e-14)
    np.testing.assert_array_equal(layer(given, mask=mask), y)
    dx = layer.backward(residuals, np.ones_like(y))
    dx = dx if last else np.moveaxis(dx, 1, -1)
    np.testing.assert_allclose(dx[:, :, 0], [[0.5, 0.5, 0, 0], [0.25] * 4, [0] * 4])
    assert layer.compute_mask(given, mask) is None


def test_a_mask_of_another_shape_is_refused():
    layer = layers.GlobalAveragePooling1D(name="mean")
    with pytest.raises(ValueError, match=r"'mean'.*mask of shape \(2, 3\).*expected.*\(2, 4\)"):
        layer(np.zeros((2, 4, 1)), mask=np.ones((2, 3), bool))


def test_means_of_many_float32_numbers_keep_their_digits():
    x = np.random.default_rng(0).uniform(1, 2, (1, 300, 300, 2)).astype("float32")
    expected = x.mean(axis=(1, 2), dtype="float64")
    np.testing.assert_allclose(layers.GlobalAveragePooling2D()(x), expected, rtol=1e-6)


def test_pooling_copies_no_patches():
    x = np.ones((16, 64, 64, 8), "float32")
    layer = layers.MaxPooling2D(5, 1, "same")
    tracemalloc.start()
    y, residuals = layer.forward(x)
    layer.backward(residuals, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * x.nbytes  # patches of 5 by 5 would be 25


def test_aliases():
    for short, name in [("AvgPool", "AveragePooling"), ("MaxPool", "MaxPooling")]:
        for rank in "123":
            for prefix in ("", "Global"):
                assert getattr(layers, f"{prefix}{short}{rank}D") is getattr(
                    layers, f"{prefix}{name}{rank}D"
                )


def test_in_a_model_with_images_of_any_size():
    inputs = Input((None, None, 3))
    y = layers.MaxPooling2D(2)(inputs)
    assert y.shape == (None, None, None, 3)
    assert layers.GlobalAveragePooling2D()(y).shape == (None, 3)
    model = Sequential([inputs, layers.MaxPooling2D(2), layers.GlobalMaxPooling2D()])
    assert model.predict(np.ones((2, 5, 7, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"pool_size": 0},
            r"p: received pool_size=0, expected a positive integer",
        ),
        ({"pool_size": (2, 2, 2)}, r"p: received pool_size=\(2, 2, 2\).*tuple of 2"),
        ({"pool_size": 2.0}, r"p: received pool_size=2.0"),
        ({"pool_size": True}, r"p: received pool_size=True"),
        ({"strides": -1}, r"p: received strides=-1"),
        ({"strides": (1, None)}, r"p: received strides=\(1, None\)"),
        ({"padding": "sane"}, r"p: received padding='sane'. Did you mean 'same'\?"),
        ({"padding": 1}, r"p: received padding=1"),
        ({"data_format": "channels"}, r"p: received data_format='channels'"),
    ],
)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_bad_arguments(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, f"{kind}Pooling2D")(**{"pool_size": 2, **arguments}, name="p")


@pytest.mark.parametrize("kind", ["Max", "Average", "GlobalMax", "GlobalAverage"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_another_rank_is_refused(kind, rank):
    arguments = {} if kind.startswith("Global") else {"pool_size": 2}
    layer = getattr(layers, f"{kind}Pooling{rank}D")(**arguments, name="p")
    for wrong in (rank + 1, rank + 3):
        with pytest.raises(ValueError, match=rf"'p'.*expected {rank + 2} axes.*got {wrong}"):
            layer(np.zeros((4,) * wrong))


def test_a_window_larger_than_the_input_is_refused():
    layer = layers.MaxPooling2D((2, 3), name="p")
    message = r"'p' \(MaxPooling2D\).*\(None, 8, 2, 1\).*\(8, 2\).*window of \(2, 3\).*'same'"
    with pytest.raises(ValueError, match=message):
        layer(Input((8, 2, 1)))
    with pytest.raises(ValueError, match="no room"):
        layer(np.zeros((1, 1, 5, 1)))
    with pytest.raises(ValueError, match="no room"):
        layer.build((None, 1, 5, 1))
    layer(np.zeros((1, 2, 3, 1)))
    with pytest.raises(ValueError, match="no room"):  # built for another shape
        layer(np.zeros((1, 2, 2, 1)))
    assert layers.MaxPooling2D((2, 3), padding="same")(np.zeros((1, 8, 2, 1))).shape == (1, 4, 1, 1)


def test_nothing_cannot_be_pooled():
    for layer in (layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D()):
        with pytest.raises(ValueError, match=r"\(2, 0, 3, 1\).*nothing is there"):
            layer(np.zeros((2, 0, 3, 1)))
    with pytest.raises(ValueError, match="no room"):
        layers.AveragePooling1D(2, padding="same")(np.zeros((2, 0, 1)))
