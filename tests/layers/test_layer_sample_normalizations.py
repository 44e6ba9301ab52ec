"""Layer, RMS, unit and group normalization."""

from __future__ import annotations

import numpy as np
import pytest

from minidl.layers import (
    GroupNormalization,
    Input,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)

RNG = np.random.default_rng(0)


def test_layer_normalization_by_hand():
    layer = LayerNormalization(dtype="float64")
    layer.ensure_built((None, 4))
    layer.set_weights([[1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 0.0, 0.0]])
    x = np.array([[1.0, 2.0, 3.0, 6.0]])  # mean 3, variance 3.5
    r = 1 / np.sqrt(3.501)
    np.testing.assert_allclose(layer(x), [[-2 * r + 0.5, -2 * r, 0, 12 * r]], atol=1e-15)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], (-1, -2), [3, 1], [-1, 1]])
def test_layer_normalization_over_axes(axis):
    x = RNG.normal(3.0, 2.0, (2, 3, 4, 5))
    layer = LayerNormalization(axis=axis, epsilon=1e-12, dtype="float64")
    y = layer(x)
    axes = tuple(np.atleast_1d(axis))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-9)
    shape = tuple(x.shape[a] for a in sorted(a % 4 for a in axes))
    assert [w.shape for w in layer.weights] == [shape, shape]


def test_negative_axes_fit_any_rank():
    layer = LayerNormalization()
    assert layer(np.ones((2, 3))).shape == (2, 3)
    assert layer(np.ones((2, 5, 3))).shape == (2, 5, 3)
    with pytest.raises(ValueError, match="size 3 on axis -1, and got 4"):
        layer(np.ones((2, 4)))


def test_rms_normalization_by_hand():
    layer = RMSNormalization(dtype="float64")
    layer.ensure_built((None, 2))
    layer.set_weights([[1.0, 10.0]])
    rms = np.sqrt(25 + 1e-6)
    np.testing.assert_allclose(layer(np.array([[1.0, 7.0]])), [[1 / rms, 70 / rms]])
    assert [w.name for w in layer.weights] == ["scale"]


def test_unit_normalization_by_hand():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [3e-13, 4e-13]])
    y, residuals = UnitNormalization().forward(x)
    np.testing.assert_allclose(y, [[0.6, 0.8], [0, 0], [0.3, 0.4]])
    dx = UnitNormalization().backward(residuals, np.array([[1.0, 0.0]] * 3))
    np.testing.assert_allclose(dx, [[0.2 * 0.64, -0.2 * 0.48], [1e12, 0], [1e12, 0]])


def test_unit_normalization_keeps_tiny_and_huge_directions():
    x = np.array([[3e-20, 4e-20], [3e30, 4e30], [2e38, 2e38]], "float32")
    y = UnitNormalization()(x)
    np.testing.assert_allclose(y[1:], [[0.6, 0.8], [np.sqrt(0.5)] * 2], rtol=1e-6)
    np.testing.assert_allclose(y[0], [3e-8, 4e-8], rtol=1e-6)


@pytest.mark.parametrize("size", [1e20, 1e30, 1e38])
def test_huge_numbers_are_standardised_all_the_same(size):
    x = RNG.uniform(-1, 1, (4, 64))
    expected = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    huge = (x * size).astype("float32")
    layer = LayerNormalization()
    y, residuals = layer.forward(layer(huge) * 0 + huge)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    assert np.isfinite(layer.backward(residuals, np.ones_like(y))).all()
    rms = x / np.sqrt((x * x).mean(-1, keepdims=True))
    np.testing.assert_allclose(RMSNormalization()(huge), rms, rtol=1e-5, atol=1e-5)


def test_one_huge_row_leaves_the_others_as_they_are():
    x = RNG.normal(size=(3, 8)).astype("float32")
    alone = LayerNormalization()(x)
    x[1] *= 1e30
    mixed = LayerNormalization()(x)
    np.testing.assert_allclose(mixed[[0, 2]], alone[[0, 2]], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mixed[1], alone[1], rtol=5e-3)


def test_nan_stays_nan_in_its_row():
    x = np.ones((3, 4), "float32")
    x[1, 2] = np.nan
    y = LayerNormalization()(x)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()


def test_group_normalization_standardises_groups():
    x = RNG.normal(3.0, 2.0, (2, 5, 6))
    y = GroupNormalization(3, epsilon=1e-12, dtype="float64")(x)
    groups = y.reshape(2, 5, 3, 2)
    np.testing.assert_allclose(groups.mean(axis=(1, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(groups.var(axis=(1, 3)), 1, rtol=1e-9)


def test_one_group_is_layer_normalization_and_minus_one_instance_normalization():
    x = RNG.normal(3.0, 2.0, (2, 5, 6))
    whole = GroupNormalization(1, dtype="float64")(x)
    np.testing.assert_allclose(whole, LayerNormalization(axis=[1, 2], dtype="float64")(x))
    single = GroupNormalization(-1, dtype="float64")(x)
    np.testing.assert_allclose(single, GroupNormalization(6, dtype="float64")(x))
    assert GroupNormalization(-1).get_config()["groups"] == -1


def test_channels_first():
    x = RNG.normal(size=(2, 6, 3, 4))
    first = GroupNormalization(2, axis=1, dtype="float64")(x)
    last = GroupNormalization(2, dtype="float64")(np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerNormalization(axis="a"), "axis='a'"),
        (lambda: LayerNormalization(axis=[]), r"axis=\[\]"),
        (lambda: LayerNormalization(epsilon=-1), "epsilon=-1"),
        (lambda: LayerNormalization(rms_scaling=True), "RMSNormalization"),
        (lambda: LayerNormalization(axis=3)(np.ones((2, 3))), r"axis=3.*\(2, 3\)"),
        (lambda: LayerNormalization(axis=[1, -1])(np.ones((2, 3))), "twice"),
        (lambda: LayerNormalization(axis=1)(Input((None, 3))), "known sizes"),
        (lambda: RMSNormalization(axis=3)(np.ones((2, 3))), "axis=3"),
        (lambda: RMSNormalization(epsilon=0), "epsilon=0"),
        (lambda: UnitNormalization(axis=2)(Input((3,))), "axis=2"),
        (lambda: UnitNormalization(axis=2)(np.ones((2, 3))), "axis=2"),
        (lambda: GroupNormalization(0), "groups=0"),
        (lambda: GroupNormalization(-2), "groups=-2"),
        (lambda: GroupNormalization(2.5), "groups=2.5"),
        (lambda: GroupNormalization(2, axis=0)(np.ones((2, 4))), "batch axis"),
        (lambda: GroupNormalization(3)(np.ones((2, 4))), r"4 channels.*groups=3"),
        (lambda: GroupNormalization(8)(np.ones((2, 4))), r"4 channels.*groups=8"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
