"""Extreme but finite inputs: nothing overflows, and values and slopes are the limits."""

import numpy as np
import pytest

from minidl import activations
from tests.activations.activation_cases import ALL, CASES, SAME

pytestmark = pytest.mark.usefixtures("strict_floats")

DISTANCES = {"float32": (1e3, 1e30, 3e38), "float64": (1e3, 1e30, 1.7e308)}


@pytest.fixture
def strict_floats():
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        yield


def value_and_slope(activation, z):
    y, residuals = activation.forward(z)
    return y, activation.backward(residuals, np.ones_like(y))


LIMITS = [  # where there is one, and the slope does not lead beyond the float type
    (name, side)
    for name, case in CASES.items()
    for side in ("left", "right")
    if getattr(case, side) is not None
]


@pytest.mark.parametrize(("name", "side"), LIMITS)
@pytest.mark.parametrize("dtype", DISTANCES)
def test_far_out_value_and_slope_are_the_limits(name, side, dtype):
    limits = getattr(CASES[name], side)
    sign = -1 if side == "left" else 1
    for distance in DISTANCES[dtype]:
        z = np.full(3, sign * distance, dtype)
        y, slope = value_and_slope(CASES[name].activation, z)
        assert y.dtype == slope.dtype == dtype
        expected = z if limits[0] == SAME else limits[0]
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(slope, limits[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_size_of_input_gives_finite_numbers(name, dtype):
    sizes = 10.0 ** np.arange(-30, 31)
    if name == "exponential":
        sizes = np.minimum(sizes, 10)
    z = np.concatenate([-sizes, [0.0, -0.0], sizes]).astype(dtype)
    z = np.stack([z, z[::-1], np.zeros_like(z), np.roll(z, 1)]).T.reshape(4, -1, 4)
    y, slope = value_and_slope(ALL[name], z)
    assert np.isfinite(y).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_and_its_kin_keep_their_digits_in_the_tail(dtype):
    z = np.linspace(-80, -10, 50).astype(dtype)
    tail = np.exp(z.astype(np.float64))
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(activations.sigmoid(z), tail / (1 + tail), rtol=tolerance)
    np.testing.assert_allclose(activations.softplus(z), np.log1p(tail), rtol=tolerance)
    np.testing.assert_allclose(activations.silu(z), z * tail / (1 + tail), rtol=tolerance)
    np.testing.assert_allclose(activations.mish(z), z * np.tanh(np.log1p(tail)), rtol=tolerance)
    np.testing.assert_allclose(activations.log_sigmoid(-z), -np.log1p(tail), rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softsign_slope_keeps_its_digits(dtype):
    z = np.array([1e3, 1e6, 1e12], dtype)
    slope = value_and_slope(activations.softsign, z)[1]
    np.testing.assert_allclose(slope, 1 / (1 + z.astype("f8")) ** 2, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_extreme_logits(dtype):
    huge = float(np.finfo(dtype).max)
    z = np.array([[1e3, -1e3, 0], [1e30, -1e30, 1e30], [huge, -huge, 0]], dtype)
    y, slope = value_and_slope(activations.softmax, z)
    np.testing.assert_array_equal(y, [[1, 0, 0], [0.5, 0, 0.5], [1, 0, 0]])
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_softmax_is_exact_where_softmax_is_0(dtype):
    z = np.array([[1e3, -1e3], [1e30, -1e30]], dtype)
    y, slope = value_and_slope(activations.log_softmax, z)
    np.testing.assert_allclose(y, [[0, -2e3], [0, -2e30]], rtol=1e-6)
    np.testing.assert_allclose(slope, [[-1, 1], [-1, 1]])


def test_masked_logits_of_minus_infinity_have_probability_0():
    y = activations.softmax(np.array([[-np.inf, 0.0, 0.0]]))
    np.testing.assert_array_equal(y, [[0, 0.5, 0.5]])


def test_exponential_overflows_only_where_the_true_value_does():
    assert np.isfinite(activations.exponential(np.float32(88.7)))
    with pytest.raises(FloatingPointError):
        activations.exponential(np.float32(88.8))
