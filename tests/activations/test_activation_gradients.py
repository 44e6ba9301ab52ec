"""Every gradient against differences of the function itself, and its value at the kinks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minidl import activations
from tests.activations.activation_cases import ALL, CASES

STEP = 1e-3


def numeric_gradient(function, z, dy):
    """Σ dy · y differentiated by each entry of z, with an error of order STEP⁴."""
    gradient = np.empty_like(z)
    for index in np.ndindex(z.shape):
        values = []
        for k in (-2, -1, 1, 2):
            moved = z.copy()
            moved[index] += k * STEP
            values.append(np.sum(dy * function(moved)))
        gradient[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)
    return gradient


def off(z, kinks):
    for kink in kinks:
        z = np.where(np.abs(z - kink) < 4 * STEP, kink + 8 * STEP, z)
    return z


SMALL = arrays(np.float64, (2, 1, 4), elements=st.floats(-8, 8))
COTANGENTS = arrays(np.float64, (2, 1, 4), elements=st.floats(-3, 3))


@pytest.mark.parametrize("name", ALL)
@given(z=SMALL, dy=COTANGENTS)
def test_gradient_is_that_of_the_function(name, z, dy):
    activation = ALL[name]
    z = off(z, CASES[name].kinks if name in CASES else ())
    y, residuals = activation.forward(z)
    dy = dy[tuple(slice(size) for size in y.shape)]
    dz = activation.backward(residuals, dy)
    expected = numeric_gradient(activation, z, dy)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(dz, expected, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize("name", ALL)
def test_float32_gradient_is_the_float64_one_rounded(name):
    activation = ALL[name]
    z = off(
        np.random.default_rng(0).normal(0, 3, (2, 3, 4)), CASES[name].kinks if name in CASES else ()
    )
    z = z.astype(np.float32).astype(np.float64)
    y, residuals = activation.forward(z)
    dy = np.random.default_rng(1).normal(0, 1, y.shape).astype(np.float32).astype(np.float64)
    single = activation.backward(activation.forward(z.astype("f4"))[1], dy.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, activation.backward(residuals, dy), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("activation", "z", "slope"),
    [
        (activations.relu, 0.0, 0.0),
        (activations.Relu(max_value=2), 2.0, 0.0),
        (activations.Relu(threshold=1), 1.0, 0.0),
        (activations.Relu(negative_slope=0.1), 0.0, 1.0),
        (activations.Relu(0.1, max_value=0.0), 0.0, 0.0),
        (activations.leaky_relu, 0.0, 1.0),
        (activations.LeakyRelu(0.0), 0.0, 1.0),
        (activations.LeakyRelu(0.0), -1.0, 0.0),
        (activations.relu6, 0.0, 0.0),
        (activations.relu6, 6.0, 0.0),
        (activations.hard_sigmoid, -3.0, 0.0),
        (activations.hard_sigmoid, 3.0, 0.0),
        (activations.hard_silu, -3.0, 0.0),
        (activations.hard_silu, 3.0, 1.0),
        (activations.Elu(0.5), 0.0, 0.5),
        (activations.selu, 0.0, activations.selu.scale * activations.selu.alpha),
        (activations.celu, 0.0, 1.0),
        (activations.softsign, 0.0, 1.0),
    ],
)
def test_slope_at_a_kink(activation, z, slope):
    residuals = activation.forward(np.array([z]))[1]
    assert activation.backward(residuals, np.array([1.0])) == pytest.approx(slope, rel=1e-15)


def test_softmax_backward_uses_the_whole_jacobian():
    z, dy = np.array([[0.3, -1.2, 0.5]]), np.array([[1.0, 2.0, -3.0]])
    y, residuals = activations.softmax.forward(z)
    jacobian = np.diag(y[0]) - np.outer(y[0], y[0])
    np.testing.assert_allclose(activations.softmax.backward(residuals, dy)[0], jacobian @ dy[0])
    # A cotangent of ones meets a sum that is constant.
    np.testing.assert_allclose(
        activations.softmax.backward(residuals, np.ones_like(y)), 0, atol=1e-16
    )
