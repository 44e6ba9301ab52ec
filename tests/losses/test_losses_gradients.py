"""Every loss against central differences in float64, under every reduction and weight."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import losses
from minidl.losses.reductions import REDUCTIONS
from tests.losses.loss_cases import CASES, IDS, Case

shapes = st.sampled_from([(1, 3), (4, 3), (5, 2), (2, 3, 4), (2, 2, 2, 3)])
weightings = st.sampled_from(["none", "sample", "column", "value", "zeros", "scalar"])


def draw_weights(kind: str, values: np.ndarray, rng: np.random.Generator) -> Any:
    if kind == "none":
        return None
    if kind == "scalar":
        return 0.7
    if kind == "value":
        return rng.uniform(0.1, 2, values.shape)
    weights = rng.uniform(0.1, 2, values.shape[:1])
    if kind == "zeros":
        weights[: len(weights) // 2 + 1] = 0.0
    return weights.reshape(-1, 1) if kind == "column" else weights


def central_differences(loss: Any, y_true: Any, y_pred: Any, weights: Any) -> np.ndarray:
    h = 1e-5
    slope = np.zeros_like(y_pred)
    for index in np.ndindex(y_pred.shape):
        up, down = y_pred.copy(), y_pred.copy()
        up[index] += h
        down[index] -= h
        difference = np.sum(loss(y_true, up, weights)) - np.sum(loss(y_true, down, weights))
        slope[index] = difference / (2 * h)
    return slope


@pytest.mark.parametrize("case", CASES, ids=IDS)
@given(
    shape=shapes,
    reduction=st.sampled_from(REDUCTIONS),
    weighting=weightings,
    seed=st.integers(0, 999),
)
def test_backward_is_the_derivative(
    case: Case, shape: tuple[int, ...], reduction: Any, weighting: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y_true, y_pred = case.draw(rng, shape)
    loss = case.make(reduction=reduction)
    weights = draw_weights(weighting, loss.values(y_true, y_pred), rng)
    dy = loss.backward(y_true, y_pred, weights)
    slope = central_differences(loss, y_true, y_pred, weights)
    assert dy.shape == y_pred.shape
    assert dy.dtype == np.float64
    scale = max(1.0, float(np.abs(slope).max()))
    np.testing.assert_allclose(dy, slope, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@settings(max_examples=8)
@given(
    shape=shapes,
    reduction=st.sampled_from(REDUCTIONS),
    weighting=weightings,
    seed=st.integers(0, 99),
)
def test_value_and_gradient_is_the_pair(
    case: Case, shape: tuple[int, ...], reduction: Any, weighting: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y_true, y_pred = case.draw(rng, shape)
    y_pred = y_pred.astype(np.float32)
    loss = case.make(reduction=reduction)
    weights = draw_weights(weighting, loss.values(y_true, y_pred), rng)
    before = y_pred.copy()
    value, dy = loss.value_and_gradient(y_true, y_pred, weights)
    alone = loss(y_true, y_pred, weights)
    assert type(value) is float
    if reduction in ("none", None):
        assert alone.dtype == np.float32
        assert value == pytest.approx(float(alone.sum()), rel=1e-5, abs=1e-6)
    else:
        assert type(alone) is float
        assert value == alone
    assert dy.dtype == np.float32
    np.testing.assert_array_equal(dy, loss.backward(y_true, y_pred, weights))
    np.testing.assert_array_equal(y_pred, before)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_any_memory_layout_gives_the_same(case: Case, seed: int) -> None:
    y_true, y_pred = case.draw(np.random.default_rng(seed), (3, 4, 2))
    loss = case.make()
    value, dy = loss.value_and_gradient(y_true, y_pred)
    strange = np.asfortranarray(y_pred)
    doubled = np.repeat(y_pred, 2, axis=0)[::2]
    for other in (strange, doubled):
        value2, dy2 = loss.value_and_gradient(np.asfortranarray(y_true), other)
        assert value2 == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(dy2, dy, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_depends_on_its_own_predictions_alone(case: Case, seed: int) -> None:
    y_true, y_pred = case.draw(np.random.default_rng(seed), (4, 3, 2))
    loss = case.make(reduction="none")
    values, dy = loss(y_true, y_pred), loss.backward(y_true, y_pred)
    assert values.shape == tuple(np.delete(y_pred.shape, loss.axis))
    if "Hinge" in type(loss).__name__:
        return  # whether targets are 0/1 or −1/1 is read from the whole batch
    for i in range(4):
        np.testing.assert_allclose(loss(y_true[i : i + 1], y_pred[i : i + 1])[0], values[i])
        np.testing.assert_allclose(loss.backward(y_true[i : i + 1], y_pred[i : i + 1])[0], dy[i])


def test_every_loss_is_in_the_table() -> None:
    public = {cls for name in losses.__all__ if inspect.isclass(cls := getattr(losses, name))}
    public -= {losses.Loss, losses.FunctionLoss}
    assert public == {type(case.make()) for case in CASES}
    assert public == set(losses.registry.classes())
