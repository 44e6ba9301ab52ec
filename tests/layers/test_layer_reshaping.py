from __future__ import annotations

import numpy as np
import pytest

from minidl.layers import Flatten, Identity, Input, Permute, RepeatVector, Reshape

X = np.arange(24.0).reshape(2, 3, 4)


def test_flatten_is_a_view_in_row_major_order():
    y = Flatten()(X)
    np.testing.assert_array_equal(y, X.reshape(2, 12))
    assert np.shares_memory(y, X)


def test_flatten_gives_the_same_row_in_both_formats():
    images = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    first = Flatten("channels_first")(np.moveaxis(images, -1, 1))
    np.testing.assert_array_equal(first, Flatten()(images))


@pytest.mark.parametrize(
    ("target", "shape"),
    [((12,), (2, 12)), ((-1,), (2, 12)), ((4, -1), (2, 4, 3)), ((-1, 2, 2), (2, 3, 2, 2))],
)
def test_reshape(target, shape):
    y = Reshape(target)(X)
    np.testing.assert_array_equal(y, X.reshape(shape))


def test_shapes_that_are_not_known_stay_so():
    unknown = Input((None, 4))
    assert Flatten()(unknown).shape == (None, None)
    assert Reshape((-1, 2))(unknown).shape == (None, None, 2)
    assert Reshape((6, 2))(unknown).shape == (None, 6, 2)
    assert Permute((2, 1))(unknown).shape == (None, 4, None)
    assert RepeatVector(3)(Input((None,))).shape == (None, 3, None)


def test_permute_and_repeat():
    np.testing.assert_array_equal(Permute((2, 1))(X), X.transpose(0, 2, 1))
    np.testing.assert_array_equal(RepeatVector(2)(X[0]), [[row, row] for row in X[0]])


@pytest.mark.parametrize("layer", [Flatten(), Reshape((4, 3)), Permute((2, 1)), Identity()])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_dtypes_pass(layer, dtype):
    x = X.astype(dtype)
    assert layer(x).dtype == dtype
    assert layer.output_dtype(dtype) == dtype


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flatten("last"), "data_format='last'"),
        (lambda: Reshape((-1, -1)), r"\(-1, -1\)"),
        (lambda: Reshape((-2, 3)), r"\(-2, 3\)"),
        (lambda: Reshape((2.0, 3)), r"\(2.0, 3\)"),
        (lambda: Reshape((None, 3)), r"\(None, 3\)"),
        (lambda: Reshape(12), r"Write \(12,\)"),
        (lambda: Reshape((5, 2))(X), r"\(2, 3, 4\).*12 numbers.*\(5, 2\)"),
        (lambda: Reshape((5, -1))(X), r"12 numbers.*\(5, -1\)"),
        (lambda: Reshape((0, -1))(X), r"\(0, -1\)"),
        (lambda: Reshape((5, 2))(Input((3, 4))), r"\(None, 3, 4\)"),
        (lambda: Permute((0, 1)), r"dims=\(0, 1\)"),
        (lambda: Permute((1, 1)), r"dims=\(1, 1\)"),
        (lambda: Permute(2), "dims=2"),
        (lambda: Permute((2, 1))(np.ones((2, 3))), "expected 3 axes"),
        (lambda: RepeatVector(0), "n=0"),
        (lambda: RepeatVector(2.0), "n=2.0"),
        (lambda: RepeatVector(2)(X), "expected 2 axes"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_later_input_of_another_size_is_checked_too():
    layer = Reshape((6, 2))
    layer(X)
    with pytest.raises(ValueError, match="10 numbers"):
        layer(np.ones((2, 10)))
