"""grad, vjp, jacobian, stop_gradient, custom_gradient: shapes, structures, nesting, memory."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from minidl.autodiff import (
    NotDifferentiableError,
    custom_gradient,
    grad,
    jacobian,
    stop_gradient,
    value_and_grad,
    vjp,
)
from minidl.layers import Parameter

x = np.array([0.5, -1.0, 2.0])


def test_values_and_several_arguments():
    value, (dw, db) = value_and_grad(lambda w, x, b: np.sum(w * x) + b, (0, 2))(x, 2 * x, 1.0)
    assert value == 2 * np.sum(x * x) + 1
    assert dw.tolist() == (2 * x).tolist()
    assert db == 1.0
    assert isinstance(value, float)


def test_structures_of_arguments():
    tree = {"w": [x, x * 2], "b": (np.float32(1.0),)}
    d = grad(lambda t: np.sum(t["w"][0] * t["w"][1]) * t["b"][0])(tree)
    assert d["w"][0].tolist() == (2 * x).tolist()
    assert isinstance(d["b"], tuple)
    assert d["b"][0].dtype == np.float32


def test_keyword_arguments_and_constants_pass():
    assert grad(lambda x, power=2: np.sum(x**power))(x, power=3).tolist() == (3 * x**2).tolist()


def test_a_gradient_is_an_array_of_its_own():
    dy = np.ones(3)
    for function in (lambda x: x, np.copy, lambda x: np.broadcast_to(x, (2, 3)).sum(axis=0)):
        (dx,) = vjp(function, x)[1](dy)
        dx += 1
        assert dy.tolist() == [1, 1, 1]
    assert vjp(np.sum, x)[1](1.0)[0].flags.writeable


def test_vjp_can_be_called_twice():
    _, pull = vjp(lambda x: np.tanh(x) * x, x)
    assert pull(x)[0].tolist() == pull(x)[0].tolist()


def test_second_and_third_derivatives():
    f = grad(grad(grad(lambda x: x**5)))
    assert f(2.0) == pytest.approx(240.0)
    hessian = jacobian(grad(lambda x: np.sum(x**3) + x[0] * x[1]))(x)
    np.testing.assert_allclose(hessian, np.diag(6 * x) + np.eye(3)[[1, 0, 2]] * [[1], [1], [0]])


def test_nested_traces_do_not_confuse_each_other():
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative is 1, and does not depend on x."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(3.0) == 6.0


def test_jacobian_shapes():
    assert jacobian(lambda a: a @ np.ones((3, 2)))(np.ones((4, 3))).shape == (4, 2, 4, 3)
    assert jacobian(lambda a: a[:0])(x).shape == (0, 3)
    assert jacobian(np.sum)(x).tolist() == [1, 1, 1]


def test_parameters_as_arguments_and_within():
    w = Parameter(x, name="w")
    assert grad(lambda w: np.sum(w * w))(w).tolist() == (2 * x).tolist()
    assert grad(lambda x: np.sum(x * w.value))(x).tolist() == x.tolist()
    for use in (lambda x: np.concatenate([w, x]), lambda x: np.stack((w, x)), lambda x: w @ x,
                lambda x: x @ w, lambda x: np.where(x > 0, w, x), lambda x: w[0] * x):  # fmt: skip
        vjp(use, x)
    frozen = Parameter(x, trainable=False)
    assert isinstance(grad(lambda x: np.sum(x * frozen))(x), np.ndarray)


def test_a_parameter_does_not_leave_the_trace():
    w = Parameter(x, name="w")
    for leave in (np.asarray, float, lambda p: p.numpy(), lambda p: np.array([p, p])):
        with pytest.raises(NotDifferentiableError, match=r"constant|gradient"):
            grad(lambda x, leave=leave: np.sum(x) * leave(w))(x)


def test_stop_gradient_of_structures():
    stopped = stop_gradient({"a": [x], "w": Parameter(x)})
    assert stopped["a"][0] is x
    assert isinstance(stopped["w"], np.ndarray)


def test_custom_gradient():
    @custom_gradient
    def log1pexp(x):
        e = np.exp(x)
        return np.log1p(e), lambda dy: dy * (1 - 1 / (1 + e))

    np.testing.assert_allclose(grad(lambda x: log1pexp(x).sum())(x), 1 / (1 + np.exp(-x)))
    assert log1pexp(0.0) == pytest.approx(np.log(2))
    second = grad(lambda x: np.sum(grad(lambda x: log1pexp(x).sum())(x)))
    np.testing.assert_allclose(second(x), np.exp(x) / (1 + np.exp(x)) ** 2)


def test_custom_gradient_of_several():
    @custom_gradient
    def both(a, b):
        return (a * b, a + b), lambda dp, ds: (dp * b + ds, dp * a + ds)

    da, db = grad(lambda a, b: np.sum(both(a, b)[0]) + np.sum(both(a, b)[1]), (0, 1))(x, 3 * x)
    assert da.tolist() == (3 * x + 1).tolist()
    assert db.tolist() == (x + 1).tolist()


def test_custom_gradient_in_keras_form():
    @custom_gradient
    def doubled(x):
        def backward(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return 7 * upstream

        return 2 * x, backward

    assert grad(doubled)(1.0) == 7.0


def test_custom_gradient_refuses_what_would_be_lost():
    w = Parameter(x, name="w")

    @custom_gradient
    def reads(x):
        return x * w, lambda dy: dy

    @custom_gradient
    def wrong_shape(x):
        return x * 2, lambda dy: dy[:1]

    @custom_gradient
    def wrong_count(x):
        return x * 2, lambda dy: (dy, dy)

    with pytest.raises(NotDifferentiableError, match="reads the parameter 'w'"):
        vjp(reads, x)
    with pytest.raises(ValueError, match=r"shape \(1,\), expected \(3,\)"):
        grad(lambda x: wrong_shape(x).sum())(x)
    with pytest.raises(ValueError, match="2 gradients, expected 1"):
        grad(lambda x: wrong_count(x).sum())(x)


def test_nothing_of_a_trace_stays_in_memory():
    """No ring of references keeps the arrays of a run alive until the collector comes by."""

    class Tracked(np.ndarray):
        pass

    gc.disable()
    try:
        array = np.ones(3).view(Tracked)
        alive = weakref.ref(array)
        grad(lambda x: np.sum(np.tanh(x * 2) ** 2))(array)
        del array
        assert alive() is None
    finally:
        gc.enable()


def test_ties_are_shared_evenly():
    assert grad(lambda x: np.max(x))(np.array([1.0, 1.0, 0.0])).tolist() == [0.5, 0.5, 0]
    assert grad(lambda x: np.sum(np.maximum(x, 0)))(np.zeros(2)).tolist() == [0.5, 0.5]


def test_zeros_where_a_formula_would_divide():
    assert grad(np.linalg.norm)(np.zeros(3)).tolist() == [0, 0, 0]
    assert grad(np.std)(np.ones(3)).tolist() == [0, 0, 0]
    assert grad(lambda x: np.hypot(x, 0.0))(0.0) == 0.0
    assert grad(np.prod)(np.array([0.0, 2.0, 0.0])).tolist() == [0, 0, 0]
    assert grad(np.prod)(np.array([0.0, 2.0, 3.0])).tolist() == [6, 0, 0]
    assert grad(lambda x: np.sum(x**0))(np.zeros(2)).tolist() == [0, 0]
    assert grad(lambda x: np.sum(np.sinc(x)))(np.zeros(1)).tolist() == [0]


def test_float32_is_not_widened_by_constants():
    single = x.astype(np.float32)
    function = lambda x: np.sum(np.where(x > 0, x**2 * 0.5, np.log1p(np.abs(x))))  # noqa: E731
    assert grad(function)(single).dtype == np.float32
