from __future__ import annotations

import numpy as np
import pytest

import minidl.layers as layers
from minidl.layers import (
    Add,
    Average,
    Concatenate,
    Dot,
    Input,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)

A = np.array([[1.0, 5.0, -2.0]])
B = np.array([[3.0, 5.0, 4.0]])
C = np.array([[0.0, 5.0, 7.0]])


@pytest.mark.parametrize(
    ("cls", "inputs", "expected"),
    [
        (Add, [A, B, C], [[4, 15, 9]]),
        (Subtract, [A, B], [[-2, 0, -6]]),
        (Multiply, [A, B, C], [[0, 125, -56]]),
        (Average, [A, B, C], [[4 / 3, 5, 3]]),
        (Maximum, [A, B, C], [[3, 5, 7]]),
        (Minimum, [A, B, C], [[0, 5, -2]]),
        (Concatenate, [A, B], [[1, 5, -2, 3, 5, 4]]),
    ],
)
def test_values_and_functional_names(cls, inputs, expected):
    kept = [x.copy() for x in inputs]
    np.testing.assert_allclose(cls()(inputs), expected)
    np.testing.assert_allclose(getattr(layers, cls.__name__.lower())(inputs), expected)
    np.testing.assert_array_equal(inputs, kept)
    y = getattr(layers, cls.__name__.lower())([Input((3,)) for _ in inputs], name="merged")
    assert y.name == "merged"
    assert isinstance(y.node.layer, cls)


def test_dot_by_hand():
    np.testing.assert_allclose(Dot(1)([A, B]), [[3 + 25 - 8]])
    np.testing.assert_allclose(layers.dot([A, B], axes=1), [[20]])
    cosine = 20 / np.sqrt(30 * 50)
    np.testing.assert_allclose(Dot(-1, normalize=True)([A, B]), [[cosine]])
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3, 5))
    np.testing.assert_allclose(Dot(2)([a, b]), a @ b.transpose(0, 2, 1))
    np.testing.assert_allclose(Dot((1, 1))([a, b]), a.transpose(0, 2, 1) @ b)
    assert Dot((2, 3))([a, np.ones((2, 4, 6, 5))]).shape == (2, 3, 4, 6)


def test_zeros_are_no_exception_for_products():
    layer = Multiply()
    _, residuals = layer.forward([np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), 5.0)])
    assert [float(d) for d in np.ravel(layer.backward(residuals, np.ones((1, 1))))] == [0, 0, 0]
    _, residuals = layer.forward([np.zeros((1, 1)), np.full((1, 1), 3.0), np.full((1, 1), 5.0)])
    assert [float(d) for d in np.ravel(layer.backward(residuals, np.ones((1, 1))))] == [15, 0, 0]


@pytest.mark.parametrize("cls", [Maximum, Minimum])
def test_ties_share_step_by_step_as_in_keras(cls):
    x = np.full((1, 1), 2.0)
    _, residuals = cls().forward([x, x])
    np.testing.assert_array_equal(np.ravel(cls().backward(residuals, np.ones((1, 1)))), [0.5, 0.5])
    _, residuals = cls().forward([x, x, x])
    np.testing.assert_array_equal(
        np.ravel(cls().backward(residuals, np.ones((1, 1)))), [0.25, 0.25, 0.5]
    )


def test_average_does_not_overflow():
    huge = np.full((1, 2), 3e38, "float32")
    np.testing.assert_allclose(Average()([huge, huge, huge]), huge, rtol=1e-6)


def test_shorter_inputs_get_axes_behind_the_batch():
    x, y = np.ones((2, 3, 4)), np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(Add()([x, y]), x + y[:, np.newaxis])
    assert Add()([Input((3, 4)), Input((4,))]).shape == (None, 3, 4)
    assert Add()([Input((3, None)), Input((3, 4))]).shape == (None, 3, None)
    assert Add()([Input(batch_shape=(2, 3)), Input((3,))]).shape == (2, 3)


def test_concatenate_gives_views_back():
    layer = Concatenate()
    y, residuals = layer.forward([A, B])
    parts = layer.backward(residuals, y)
    np.testing.assert_array_equal(parts, [A, B])
    assert all(np.shares_memory(part, y) for part in parts)


def test_concatenate_of_integers_and_floats():
    y = Concatenate()([A.astype("float32"), np.ones((1, 2), "int64")])
    assert y.dtype == "float32"
    assert Concatenate()([np.ones((1, 2), "uint8")] * 2).dtype == "uint8"


def test_concatenate_shapes():
    assert Concatenate()([Input((3, 2)), Input((3, 4))]).shape == (None, 3, 6)
    assert Concatenate(axis=1)([Input((None, 2)), Input((3, 2))]).shape == (None, None, 2)
    assert Concatenate(axis=0)([A, B]).shape == (2, 3)
    assert Concatenate()([Input((None, 2)), Input((3, 2))]).shape == (None, 3, 4)


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integers_do_not_wrap_around(dtype):
    y = Add()([np.full((1, 1), 200, dtype), np.full((1, 1), 100, dtype)])
    assert y.dtype == "float32"
    assert y == 300


def test_positional_inputs_and_tuples():
    np.testing.assert_array_equal(Add()(A, B), A + B)
    np.testing.assert_array_equal(Add()((A, B)), A + B)


MERGES = [Add, Multiply, Average, Maximum, Minimum, Subtract]


@pytest.mark.parametrize("cls", MERGES)
@pytest.mark.parametrize("shapes", [[(2, 3), (2, 4)], [(2, 3, 4), (2, 3)], [(2, 3), (3, 3)]])
def test_shapes_that_do_not_go_together(cls, shapes):
    arrays = [np.ones(shape) for shape in shapes]
    pattern = rf"{cls.__name__}.*\({shapes[0][0]}, .*\({shapes[1][0]}, "
    with pytest.raises(ValueError, match=pattern):
        cls(name="here")(arrays)
    built = cls(name="here")
    built([A, B])
    with pytest.raises(ValueError, match=pattern):
        built(arrays)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Add()(A), r"one input of shape \(1, 3\).*layer\(\[x1, x2\]\)"),
        (lambda: Add()(Input((3,))), "expected a list of several"),
        (lambda: Add()([]), "list of several"),
        (lambda: Add()([np.float64(3), np.float64(4)]), "batch axis in each"),
        (lambda: Subtract()([A, B, C]), "3 inputs.*expected 2"),
        (lambda: Concatenate()(A), "expected a list"),
        (lambda: Concatenate(axis=2)([A, B]), "axis=2"),
        (lambda: Concatenate(axis=1.5), "axis=1.5"),
        (lambda: Concatenate(axis=[1]), r"axis=\[1\]"),
        (
            lambda: Concatenate(axis=1)([np.ones((2, 3, 4)), np.ones((2, 3, 5))]),
            r"axis=1.*\(2, 3, 5\)",
        ),
        (lambda: Concatenate()([np.ones((2, 3)), np.ones((2, 3, 1))]), r"\(2, 3, 1\)"),
        (lambda: Concatenate()([Input((3, 2)), Input((4, 2))]), r"\(None, 4, 2\)"),
        (lambda: Dot(0)([A, B]), "axes=0.*batch"),
        (lambda: Dot(-2)([A, B]), "axes=-2"),
        (lambda: Dot(2)([A, B]), "axes=2"),
        (lambda: Dot((1, 2, 3)), r"axes=\(1, 2, 3\)"),
        (lambda: Dot("a"), "axis='a'"),
        (lambda: Dot(1)([A, B, C]), "3 inputs"),
        (lambda: Dot(1)([A, np.ones((1, 4))]), r"\(1, 3\), \(1, 4\)"),
        (lambda: Dot(1)([A, np.ones((2, 3))]), "one batch size"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
