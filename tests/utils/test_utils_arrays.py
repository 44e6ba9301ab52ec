"""to_categorical and normalize: values, dtypes, extremes, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl import config
from minidl.utils import normalize, to_categorical

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5)


@given(hnp.arrays(np.int64, SHAPES, elements=st.integers(0, 6)))
def test_one_hot_rows_point_at_their_class(labels):
    one_hot = to_categorical(labels, 7)
    squeezed = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    assert one_hot.shape == (*squeezed.shape, 7)
    assert one_hot.dtype == np.float32
    np.testing.assert_array_equal(one_hot.argmax(-1), squeezed)
    np.testing.assert_array_equal(one_hot.sum(-1), 1)
    assert set(np.unique(one_hot)) == {0, 1}


@pytest.mark.parametrize("labels", [[0, 2], (0.0, 2.0), np.array([0, 2], "uint8"), [[0], [2]]])
def test_the_number_of_classes_is_the_largest_plus_one(labels):
    np.testing.assert_array_equal(to_categorical(labels), [[1, 0, 0], [0, 0, 1]])


def test_booleans_and_scalars_are_labels_too():
    np.testing.assert_array_equal(to_categorical([True, False]), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(to_categorical(1, 3), [0, 1, 0])


def test_more_classes_than_a_byte_can_count():
    assert to_categorical(np.array([255], "uint8"), 300).shape == (1, 300)


def test_no_labels_and_a_number_of_classes():
    assert to_categorical([], 3).shape == (0, 3)


def test_one_hot_in_float64_if_that_is_the_default():
    config.set_floatx("float64")
    try:
        assert to_categorical([0, 1]).dtype == np.float64
        assert normalize([1, 2]).dtype == np.float64
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize(
    ("labels", "classes", "match"),
    [
        ([0, -1], None, r"label -1 at index \[1\].*whole numbers from 0\."),
        ([0, 3, 4], 3, r"label 3 at index \[1\] \(2 such labels\).*from 0 to 2"),
        ([0, 1.5], None, r"label 1\.5 at index \[1\]"),
        ([0, float("nan")], None, "label nan"),
        ([float("inf")], None, "label inf"),
        ([], None, "received no labels"),
        ([0], 0, "num_classes=0"),
        ([0], 2.0, r"num_classes=2\.0"),
    ],
)
def test_labels_that_are_none(labels, classes, match):
    with pytest.raises(ValueError, match=match):
        to_categorical(labels, classes)


def test_text_labels_have_to_be_numbered_first():
    with pytest.raises(TypeError, match=r"np\.unique\(labels, return_inverse=True\)"):
        to_categorical(["cat", "dog"])


# normalize


def vectors(dtype):
    low = float(np.finfo(dtype).tiny)
    numbers = st.floats(-1e3, 1e3, width=8 * np.dtype(dtype).itemsize).filter(
        lambda x: x == 0 or abs(x) > low
    )
    return hnp.arrays(dtype, (3, 4), elements=numbers)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", [0.5, 1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_vectors_have_norm_one_afterwards(dtype, order, axis):
    @given(vectors(dtype))
    def check(x):
        y = normalize(x, axis=axis, order=order)
        assert y.dtype == dtype
        lengths = np.linalg.norm(y.astype("float64"), order, axis)
        zero = (x == 0).all(axis=axis)
        np.testing.assert_allclose(lengths[~zero], 1, rtol=1e-5)
        assert (np.moveaxis(y, axis, 0)[:, zero] == 0).all()
        assert (np.sign(y) * np.sign(x) >= 0).all()

    check()


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e30, 3e38])
def test_squares_may_leave_the_range_of_float32(scale):
    x = np.array([[3, 4], [4, 3]], "float32") / 5 * np.float32(scale)
    y = normalize(x)
    assert y.dtype == np.float32
    if scale > 1e-40:  # there denormal numbers have few digits
        np.testing.assert_allclose(y, [[0.6, 0.8], [0.8, 0.6]], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), 1, rtol=1e-6)


def test_integers_and_lists_become_floatx():
    assert normalize(np.array([[3, 4]])).dtype == np.float32
    assert normalize([3.0, 4.0]).dtype == np.float32
    assert normalize(np.array([3, 4], "uint8"), order=np.inf).tolist() == [0.75, 1.0]


def test_normalize_changes_nothing_in_place():
    x = np.array([3.0, 4.0, 0.0])
    normalize(x)
    np.testing.assert_array_equal(x, [3, 4, 0])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"order": 0}, "order=0"),
        ({"order": -1}, "order=-1"),
        ({"order": "2"}, "order='2'"),
        ({"order": float("nan")}, "order=nan"),
        ({"axis": 2}, r"axis=2 for an array of shape \(2, 2\), expected an integer from -2 to 1"),
        ({"axis": None}, "axis=None"),
    ],
)
def test_wrong_arguments(options, match):
    with pytest.raises(ValueError, match=match):
        normalize(np.ones((2, 2)), **options)
