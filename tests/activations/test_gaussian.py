"""The normal distribution function, number by number, against the standard library's erfc."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.activations import gaussian
from minidl.activations.gaussian import normal_cdf, normal_pdf

EPSILON = np.finfo(np.float64).eps


def exact(z):
    return math.erfc(-z / math.sqrt(2)) / 2


@given(st.floats(-37, 37))
def test_float64_error_is_round_off(z):
    error = abs(normal_cdf(np.array([z]))[0] - exact(z))
    assert error <= 2 * EPSILON
    assert error <= 4 * EPSILON * (1 + z * z / 2) * exact(z)


def test_float64_error_over_the_whole_line():
    z = np.concatenate([np.linspace(-37, 9, 40_001), np.geomspace(1e-300, 1, 2_000)])
    expected = np.array([exact(v) for v in z.tolist()])
    error = np.abs(normal_cdf(z) - expected)
    assert error.max() <= 1e-15
    assert (error / expected)[np.abs(z) < 1].max() <= 4 * EPSILON
    assert (error / expected / (1 + z * z / 2)).max() <= 4 * EPSILON


def test_float32_error_over_the_whole_line():
    z = np.linspace(-13, 6, 40_001).astype(np.float32)
    expected = np.array([exact(v) for v in z.tolist()])
    cdf = normal_cdf(z)
    assert cdf.dtype == np.float32
    error = np.abs(cdf - expected)
    assert error.max() <= 2e-7
    normal = expected > np.finfo(np.float32).tiny
    assert (error / expected / (1 + z * z / 2))[normal].max() <= 6e-7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_ends(dtype):
    huge = np.finfo(dtype).max
    z = np.array([-huge, -1e30, -40, 40, 1e30, huge], dtype)
    np.testing.assert_array_equal(normal_cdf(z), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(normal_pdf(z), 0)
    assert normal_pdf(z).dtype == dtype


def test_density():
    z = np.linspace(-10, 10, 101)
    np.testing.assert_allclose(normal_pdf(z), np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def test_blocks_join_without_a_seam():
    z = np.random.default_rng(0).normal(0, 2, (3, 20_000))
    np.testing.assert_array_equal(normal_cdf(z)[:, ::7], normal_cdf(z[:, ::7]))
    np.testing.assert_array_equal(normal_cdf(z.T), normal_cdf(z).T)


@pytest.mark.parametrize(
    ("table", "farthest", "tolerance"),
    [(gaussian._MILLS_64, 37, 4 * EPSILON), (gaussian._MILLS_32, 15, 6.4e-9)],
)
def test_fits_of_the_mills_ratio(table, farthest, tolerance):
    """Both fractions in float64, so that round-off of float32 hides no wrong digit."""
    a = np.linspace(0, farthest, 2_001)
    numerator, denominator = table
    fraction = gaussian._polynomial(numerator, a) / gaussian._polynomial(denominator, a)
    expected = np.array([exact(-v) for v in a.tolist()]) / normal_pdf(a)
    rounding = EPSILON * (2 + a * a)  # that of a²/2 in the density
    assert (np.abs(fraction / expected - 1) - rounding).max() <= tolerance
