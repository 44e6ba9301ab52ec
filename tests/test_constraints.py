"""Constraints: norms afterwards, formulas, extremes, configs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minidl import config, constraints

MAKERS = {
    "max_norm": constraints.MaxNorm,
    "non_neg": constraints.NonNeg,
    "unit_norm": constraints.UnitNorm,
    "min_max_norm": constraints.MinMaxNorm,
}

kernels = arrays(np.float64, (3, 4), elements=st.floats(-10, 10))


def norms(w, axis=0):
    return np.sqrt(np.sum(np.square(w), axis=axis))


def test_the_table_holds_every_registered_class():
    assert set(MAKERS.values()) == set(constraints.registry.classes())


@given(w=kernels, limit=st.floats(0, 5))
def test_max_norm(w, limit):
    v = constraints.MaxNorm(limit)(w)
    n = norms(w)
    np.testing.assert_allclose(norms(v), np.minimum(n, limit), atol=2e-7)
    np.testing.assert_allclose(v * (n + config.epsilon()), w * np.minimum(n, limit), atol=1e-12)


@given(w=kernels)
def test_non_neg(w):
    np.testing.assert_array_equal(constraints.NonNeg()(w), np.where(w > 0, w, 0))


@given(w=kernels)
def test_unit_norm(w):
    v = constraints.UnitNorm()(w)
    np.testing.assert_allclose(v * (norms(w) + config.epsilon()), w, atol=1e-12)


@given(w=kernels, low=st.floats(0, 2), more=st.floats(0, 2), rate=st.floats(0, 1))
def test_min_max_norm(w, low, more, rate):
    v = constraints.MinMaxNorm(low, low + more, rate)(w)
    n = norms(w)
    desired = rate * np.clip(n, low, low + more) + (1 - rate) * n
    np.testing.assert_allclose(v * (n + config.epsilon()), w * desired, atol=1e-11)


def test_small_weights_stay_as_they_are_under_max_norm():
    w = np.array([[0.3, 3.0], [0.4, 4.0]])
    v = constraints.MaxNorm()(w)
    np.testing.assert_allclose(v[:, 0], w[:, 0], rtol=1e-6)
    np.testing.assert_allclose(v[:, 1], w[:, 1] * 0.4, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1, [0, 1], (0, 1, 2)])
def test_axis(axis):
    w = np.random.default_rng(0).normal(size=(3, 4, 5))
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    for constraint in (
        constraints.UnitNorm(axis),
        constraints.MaxNorm(1e-3, axis),
        constraints.MinMaxNorm(2.0, 2.0, axis=axis),
    ):
        lengths = norms(constraint(w), numpy_axis)
        np.testing.assert_allclose(lengths, np.mean(lengths), rtol=1e-6)
        assert constraint.get_config()["axis"] == (axis if isinstance(axis, int) else list(axis))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e30])
def test_dtype_argument_and_extremes(name, dtype, size):
    w = (np.random.default_rng(0).normal(size=(3, 4)) * size).astype(dtype)
    w.flags.writeable = False
    before = w.copy()
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        v = MAKERS[name]()(w)
    assert v.dtype == dtype
    assert v.shape == w.shape
    assert np.isfinite(v).all()
    np.testing.assert_array_equal(w, before)
    if size == 1e30 and name != "non_neg":
        np.testing.assert_allclose(norms(v), 2 if name == "max_norm" else 1, rtol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_names_and_configs(name):
    cls = MAKERS[name]
    assert getattr(constraints, name) is cls
    for identifier in (name, cls.__name__, cls, cls()):
        assert type(constraints.get(identifier)) is cls
    serialized = json.loads(json.dumps(constraints.serialize(cls())))
    assert serialized["module"] == "keras.constraints"
    again = constraints.deserialize(serialized)
    assert type(again) is cls
    assert again.get_config() == cls().get_config()


def test_defaults():
    assert constraints.MaxNorm().get_config() == {"max_value": 2, "axis": 0}
    assert constraints.UnitNorm().get_config() == {"axis": 0}
    assert constraints.MinMaxNorm().get_config() == {
        "min_value": 0.0,
        "max_value": 1.0,
        "rate": 1.0,
        "axis": 0,
    }
    assert constraints.get(None) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: constraints.MaxNorm(-1),
        lambda: constraints.MaxNorm(axis="rows"),
        lambda: constraints.UnitNorm(axis=[]),
        lambda: constraints.UnitNorm(axis=[0, 1.5]),
        lambda: constraints.MinMaxNorm(min_value=-1),
        lambda: constraints.MinMaxNorm(2.0, 1.0),
        lambda: constraints.MinMaxNorm(rate=1.5),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"received (min_value|max_value|rate|axis)=.*expected"):
        make()


def test_unknown_names_tell_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'max_norm'"):
        constraints.get("maxnorm")


def test_a_plain_function_is_a_constraint():
    def halve(w):
        return w / 2

    constraint = constraints.get(halve)
    np.testing.assert_array_equal(constraint(np.array([4.0])), [2])
    with pytest.raises(ValueError, match="'halve' was a plain function"):
        constraints.deserialize(constraints.serialize(constraint))


def test_half_written_subclasses_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="has no __call__"):
        constraints.Constraint()(np.ones(2))
