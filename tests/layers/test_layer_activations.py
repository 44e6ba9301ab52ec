from __future__ import annotations

import copy

import numpy as np
import pytest

from minidl import activations
from minidl.layers import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax

X = np.array([[-2.0, -0.5, 0.0, 0.5, 3.0]])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Activation("relu"), [0, 0, 0, 0.5, 3]),
        (Activation(None), X[0]),
        (Activation(activations.get("tanh")), np.tanh(X[0])),
        (ReLU(), [0, 0, 0, 0.5, 3]),
        (ReLU(max_value=1), [0, 0, 0, 0.5, 1]),
        (ReLU(negative_slope=0.5), [-1, -0.25, 0, 0.5, 3]),
        (ReLU(negative_slope=0.5, threshold=1), [-1.5, -0.75, -0.5, -0.25, 3]),
        (LeakyReLU(), [-0.6, -0.15, 0, 0.5, 3]),
        (LeakyReLU(0.5), [-1, -0.25, 0, 0.5, 3]),
        (ELU(2), [2 * np.expm1(-2), 2 * np.expm1(-0.5), 0, 0.5, 3]),
        (PReLU("ones"), X[0]),
        (PReLU(), [0, 0, 0, 0.5, 3]),
        (Softmax(), np.exp(X[0]) / np.exp(X[0]).sum()),
    ],
)
def test_values(layer, expected):
    np.testing.assert_allclose(layer(X)[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "layer", [Activation("sigmoid"), ReLU(), LeakyReLU(), ELU(), Softmax()], ids=lambda a: a.name
)
def test_a_copy_with_a_linear_activation_gives_the_logits(layer):
    view = copy.copy(layer)
    view.activation = activations.get("linear")
    y, residuals = view.forward(X)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(view.backward(residuals, X), X)
    assert layer.activation is not view.activation


def test_softmax_over_several_axes_sums_to_one_over_them_all():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    y, residuals = Softmax(axis=[1, 2]).forward(x)
    np.testing.assert_allclose(y.sum(axis=(1, 2)), 1)
    dy = np.random.default_rng(1).normal(size=y.shape)
    flat = Softmax()
    expected, flat_residuals = flat.forward(x.reshape(2, 12))
    np.testing.assert_allclose(y.reshape(2, 12), expected)
    dx = Softmax(axis=[1, 2]).backward(residuals, dy)
    np.testing.assert_allclose(
        dx.reshape(2, 12), flat.backward(flat_residuals, dy.reshape(2, 12)), atol=1e-15
    )


def test_prelu_shares_slopes_along_axes():
    layer = PReLU(shared_axes=[1, 2])
    layer(np.ones((2, 4, 5, 3)))
    assert layer.alpha.shape == (1, 1, 3)
    assert layer.alpha.path == f"{layer.name}/alpha"
    assert PReLU(shared_axes=1).get_config()["shared_axes"] == [1]


def test_prelu_has_no_slope_at_zero():
    layer = PReLU("ones")
    _, residuals = layer.forward(layer(X[:, 2:3]))
    np.testing.assert_array_equal(layer.backward(residuals, np.ones((1, 1))), [[0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Activation("rellu"), "relu"),
        (lambda: ReLU(max_value=-1), "max_value=-1.*at least 0"),
        (lambda: ReLU(negative_slope=-1), "negative_slope=-1"),
        (lambda: ReLU(threshold=None), "threshold=None"),
        (lambda: LeakyReLU(negative_slope=None), "negative_slope=None"),
        (lambda: ELU(alpha=float("nan")), "alpha=nan"),
        (lambda: Softmax(axis=1.5), "axis=1.5"),
        (lambda: Softmax(axis=[]), r"axis=\[\]"),
        (lambda: Softmax(axis=2)(X), r"at least 3 axes.*got 2"),
        (lambda: Softmax(axis=-3)(X), r"at least 3 axes.*got 2"),
        (lambda: PReLU(shared_axes=[0])(X), r"shared_axes=\[0\].*1 to 1"),
        (lambda: PReLU(shared_axes=[2])(X), r"shared_axes=\[2\]"),
        (lambda: PReLU(shared_axes="a"), "axis="),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
