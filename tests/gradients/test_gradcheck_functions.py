"""gradcheck of bare functions, and the assertion for tests."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import activations, layers, losses
from minidl.autodiff import NotDifferentiableError, stop_gradient
from minidl.gradcheck import GradientError, check_function, gradcheck
from minidl.testing import assert_gradients_correct


def bump(a, b, width=2.0):
    return np.exp(-((a - b) ** 2) / width)


def test_it_picks_an_input_for_each_argument_without_a_default():
    report = gradcheck(bump)
    assert [part.name for part in report.parts] == ["da", "db"]
    assert report.checked >= 24
    assert [p.name for p in gradcheck(np.arctan2).parts] == ["dx0", "dx1"]
    assert [p.name for p in gradcheck(np.tanh, input_shape=(2, 2)).parts] == ["dx"]
    shapes = [(2, 3), (3, 4)]
    assert len(gradcheck(np.matmul, input_shape=shapes).parts) == 2


def test_given_inputs_and_integers_without_a_gradient():
    def pick(table, rows):
        return table[rows] ** 2

    report = check_function(pick, np.arange(6.0).reshape(3, 2), np.array([0, 2, 2]))
    assert [part.name for part in report.parts] == ["dtable"]


def test_kinks_are_counted():
    def relu(x):
        return np.where(x > 0, x, 0)

    report = check_function(relu, np.array([-1.0, 0.0, 1.0, 2.0, 3.0]))
    assert report.skipped == 1


def half(x):
    return np.sum(x**2) / 2


@pytest.mark.parametrize(
    ("gradient", "cause"),
    [
        (lambda x: -x, "sign"),
        (lambda x: 2 * x, "twice|2"),
        (lambda x: x / len(x), "divided by 4"),
        (lambda x: x * 0, "zero everywhere"),
        (lambda x: x[:1], r"shape \(1, 3\), expected \(4, 3\)"),
    ],
)
def test_a_wrong_gradient_of_ones_own_is_explained(gradient, cause):
    check_function(half, gradient=lambda x: x)
    with pytest.raises(GradientError, match=cause):
        check_function(half, gradient=gradient)


def test_what_the_trace_lost_is_found():
    with pytest.raises(GradientError, match="dx"):
        gradcheck(lambda x: x * stop_gradient(x))
    with pytest.raises(NotDifferentiableError):
        gradcheck(lambda x: np.unique(x).sum())


def test_what_a_function_may_not_do():
    def scribbles(x):
        x[0] = 0
        return np.sum(x)

    with pytest.raises(GradientError, match="changed in place"):
        check_function(scribbles, np.ones(3), gradient=lambda x: np.array([0.0, 1, 1]))
    with pytest.raises(ValueError, match="belongs to one number"):
        check_function(np.square, gradient=lambda x: 2 * x)
    with pytest.raises(TypeError, match="expected one array"):
        check_function(lambda x: [x, x])
    with pytest.raises(TypeError, match="received the class Dense"):
        gradcheck(layers.Dense)


def test_the_assertion_is_quiet_or_names_the_cause():
    class Twice(activations.Activation):
        def forward(self, z):
            return z**2, z

        def backward(self, z, dy):
            return 4 * z * dy

    assert assert_gradients_correct(layers.Dense(2), input_shape=(3, 4)) is None
    assert_gradients_correct(losses.MeanSquaredError())
    assert_gradients_correct(np.sin)
    with pytest.raises(AssertionError, match="likely cause") as caught:
        assert_gradients_correct(Twice())
    frames = [entry.name for entry in caught.traceback]
    assert frames == ["test_the_assertion_is_quiet_or_names_the_cause", "assert_gradients_correct"]
    assert caught.traceback[-1].ishidden(caught)
