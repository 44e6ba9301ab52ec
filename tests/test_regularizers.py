"""Regularizers: penalties, their gradients against differences, extremes, configs."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minidl import config, regularizers

MAKERS = {
    "l1": lambda: regularizers.L1(0.3),
    "l2": lambda: regularizers.L2(0.7),
    "l1l2": lambda: regularizers.L1L2(0.3, 0.7),
    "l1l2 without l1": lambda: regularizers.L1L2(l2=0.7),
    "l1l2 without l2": lambda: regularizers.L1L2(l1=0.3),
    "rows": lambda: regularizers.OrthogonalRegularizer(0.4),
    "columns": lambda: regularizers.OrthogonalRegularizer(0.4, mode="columns"),
}
ORTHOGONAL = ("rows", "columns")
STEP = 1e-3

matrices = arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(-3, 3)
)


def numeric_gradient(function, x):
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        values = []
        for k in (-2, -1, 1, 2):
            moved = x.copy()
            moved[index] += k * STEP
            values.append(function(moved))
        gradient[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)
    return gradient


def test_the_table_holds_every_registered_class():
    assert {type(make()) for make in MAKERS.values()} == set(regularizers.registry.classes())


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in ORTHOGONAL])
@given(x=matrices)
def test_gradient_is_that_of_the_penalty(name, x):
    regularizer = MAKERS[name]()
    x = np.where(np.abs(x) < 4 * STEP, 0.1, x)
    expected = numeric_gradient(regularizer, x)
    np.testing.assert_allclose(regularizer.gradient(x), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ORTHOGONAL)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0.5, 1.0, 20.0]),
)
def test_orthogonal_gradient_is_that_of_the_penalty(name, shape, seed, size):
    """Random matrices: their rows are neither short nor at right angles, where the kinks are."""
    regularizer = MAKERS[name]()
    x = np.random.default_rng(seed).normal(0, size, shape)
    rows = x if name == "rows" else x.T
    u = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assume(np.abs(u @ u.T).min() > 0.05)
    assume(np.linalg.norm(rows, axis=1).min() > 0.2)
    expected = numeric_gradient(regularizer, x)
    np.testing.assert_allclose(regularizer.gradient(x), expected, rtol=1e-6, atol=1e-8)


def test_penalties():
    x = np.array([[1.0, -2.0], [0.0, 3.0]])
    assert regularizers.L1(0.1)(x) == pytest.approx(0.6)
    assert regularizers.L2(0.1)(x) == pytest.approx(1.4)
    assert regularizers.L1L2(0.1, 0.2)(x) == pytest.approx(0.6 + 2.8)
    assert regularizers.L1L2()(x) == 0
    np.testing.assert_array_equal(regularizers.L1L2().gradient(x), 0)
    np.testing.assert_allclose(regularizers.L1(0.1).gradient(x), [[0.1, -0.1], [0, 0.1]])
    np.testing.assert_allclose(regularizers.L2(0.1).gradient(x), [[0.2, -0.4], [0, 0.6]])


def test_orthogonal_penalty():
    """Two rows at 60 degrees and a third at right angles to both: one pair of three counts 1/2."""
    x = np.array([[2.0, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, -5]])
    assert regularizers.OrthogonalRegularizer(0.6)(x) == pytest.approx(0.6 * 0.5 / 3)
    assert regularizers.OrthogonalRegularizer(0.6, "columns")(x.T) == pytest.approx(0.1)
    assert regularizers.OrthogonalRegularizer(0.6)(-x) == pytest.approx(0.1)
    one_row = np.array([[1.0, 2.0]])
    assert regularizers.OrthogonalRegularizer()(one_row) == 0
    np.testing.assert_array_equal(regularizers.OrthogonalRegularizer().gradient(one_row), 0)


def test_orthogonal_gradient_at_a_zero_row_is_finite():
    x = np.array([[0.0, 0.0], [1.0, 1.0]])
    regularizer = regularizers.OrthogonalRegularizer()
    assert regularizer(x) == 0
    np.testing.assert_array_equal(regularizer.gradient(x), 0)


def test_orthogonal_gradient_of_rows_below_epsilon():
    """There a row is divided by ε instead of its length, and the penalty is linear in it."""
    tiny, long = np.array([3e-8, 1e-8]), np.array([1.0, 2.0])
    regularizer = regularizers.OrthogonalRegularizer(1.0)
    x = np.stack([tiny, long])
    u = long / np.linalg.norm(long)
    assert regularizer(x) == pytest.approx(tiny @ u / config.epsilon())
    np.testing.assert_allclose(regularizer.gradient(x)[0], u / config.epsilon())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_shape_and_argument_stay(name, dtype):
    regularizer = MAKERS[name]()
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    x.flags.writeable = False
    before = x.copy()
    assert type(regularizer(x)) is float
    gradient = regularizer.gradient(x)
    assert gradient.dtype == dtype
    assert gradient.shape == x.shape
    assert not np.shares_memory(gradient, x)
    np.testing.assert_array_equal(x, before)
    double = regularizer.gradient(x.astype("f8"))
    np.testing.assert_allclose(gradient, double, rtol=1e-5, atol=1e-6)
    assert regularizer(x) == pytest.approx(regularizer(x.astype("f8")), rel=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1e3, 1e30])
def test_extreme_values(name, dtype, size):
    regularizer = MAKERS[name]()
    x = (np.random.default_rng(0).normal(size=(3, 4)) * size).astype(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        value, gradient = regularizer(x), regularizer.gradient(x)
        expected = regularizer(x.astype("f8"))
    assert np.isfinite(value)
    assert value == pytest.approx(expected, rel=1e-4, abs=1e-37)
    assert np.isfinite(gradient).all()


def test_strided_arrays_and_integers():
    x = np.random.default_rng(0).normal(size=(6, 8))[::2, ::2]
    for make in MAKERS.values():
        np.testing.assert_array_equal(make().gradient(x), make().gradient(x.copy()))
        assert make()(x) == pytest.approx(make()(x.copy()), rel=1e-14)
    assert regularizers.L2(0.5).gradient(np.array([1, 2])).dtype == config.floatx()
    assert regularizers.L1(0.5)(np.array([1, 2])) == 1.5


# Names, configs, errors


def test_names():
    assert regularizers.get(None) is None
    assert regularizers.get("l1").get_config() == {"l1": 0.01}
    assert regularizers.get("l2").get_config() == {"l2": 0.01}
    assert regularizers.get("L2").get_config() == {"l2": 0.01}
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}
    assert regularizers.get("L1L2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert regularizers.get("orthogonal_regularizer").mode == "rows"
    assert regularizers.l2(0.5).l2 == 0.5
    assert regularizers.l1_l2(l2=0.5).get_config() == {"l1": 0.0, "l2": 0.5}
    assert type(regularizers.get(regularizers.L1)) is regularizers.L1
    with pytest.raises(ValueError, match=r"Unknown regularizer 'l3'\. Did you mean"):
        regularizers.get("l3")


@pytest.mark.parametrize("name", MAKERS)
def test_config_makes_the_same_again(name):
    regularizer = MAKERS[name]()
    config = json.loads(json.dumps(regularizers.serialize(regularizer)))
    assert config["module"] == "keras.regularizers"
    again = regularizers.deserialize(config)
    assert type(again) is type(regularizer)
    assert again.get_config() == regularizer.get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: regularizers.L1(-0.1),
        lambda: regularizers.L2(float("inf")),
        lambda: regularizers.L2("0.1"),
        lambda: regularizers.L1L2(l1=-1),
        lambda: regularizers.L1L2(l2=float("nan")),
        lambda: regularizers.OrthogonalRegularizer(-1),
        lambda: regularizers.OrthogonalRegularizer(mode="diagonals"),
        lambda: regularizers.OrthogonalRegularizer()(np.ones(3)),
        lambda: regularizers.OrthogonalRegularizer().gradient(np.ones((1, 2, 3))),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"received .*expected"):
        make()


def test_a_plain_function_is_a_regularizer():
    def cubes(x):
        return np.sum(np.abs(x) ** 3)

    regularizer = regularizers.get(cubes)
    assert regularizer(np.array([1.0, -2.0])) == 9
    assert regularizer.gradient(np.array([1.0, -2.0])).tolist() == [3, -12]
    with pytest.raises(ValueError, match="'cubes' was a plain function"):
        regularizers.deserialize(regularizers.serialize(regularizer))


def test_half_written_subclasses_say_what_is_missing():
    class Half(regularizers.Regularizer):
        pass

    with pytest.raises(NotImplementedError, match="Half has no __call__"):
        Half()(np.ones(2))
    with pytest.raises(NotImplementedError, match="Half has no __call__"):
        Half().gradient(np.ones(2))
