"""Normalizations: the statistics of one channel or row, and an entry made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation, Note
from minidl.explain.formulas.common import Lines, float64, from_docstring, gradients, show, weights
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import largest, value
from minidl.layers.axes import resolve_axes


def _own(
    call: Call, name: str, axes: tuple[int, ...], index: tuple[int, ...], default: float
) -> Any:
    """Return γ or β of an entry."""
    array = call.value(name)
    if array is None:
        return default
    return float64(array)[tuple(index[axis] for axis in axes)]


def _affine(
    call: Call, axes: tuple[int, ...], index: Any, x_hat: float, scale: str = "gamma"
) -> Any:
    gamma = _own(call, scale, axes, index, 1.0)
    beta = _own(call, "beta", axes, index, 0.0)
    plus = f" + {factor(beta)}" if call.value("beta") is not None else ""
    times = f"{factor(gamma)}·" if call.value(scale) is not None else ""
    return f"{times}{factor(x_hat)}{plus}", gamma * x_hat + beta, gamma


def _axes(call: Call) -> tuple[int, ...]:
    """Return the axes of γ."""
    return tuple(resolve_axes(call.layer.axis, call.x.shape, call.name))


# By the batch


def batch_forward(call: Call) -> Lines:
    """Tell μ, σ² and y of a channel."""
    layer, axes = call.layer, _axes(call)
    index = call.index
    channel = index[axes[0]]
    by_batch = call.training and layer.trainable
    if by_batch:
        yield Equation("r = 1 / √(σ² + ε)", f"μ, σ² of the batch, by channel; ε = {layer.epsilon}")
    else:
        why = "at inference" if not call.training else "the layer is frozen"
        yield Equation("r = 1 / √(σ² + ε)", f"μ, σ² the moving ones: {why}; ε = {layer.epsilon}")
    yield Equation("x̂ = (x - μ) r")
    yield Equation("y = γ x̂ + β")
    yield from weights(call, "gamma", "beta", "moving_mean", "moving_variance")
    yield from show("y", call.y)
    if by_batch and call.mask is not None:
        yield from show("m", call.mask, "which steps make the statistics")
        return
    mean, variance, m = _statistics(call, channel, by_batch)
    r = 1 / np.sqrt(variance + layer.epsilon)
    whose = f"channel {channel}" + (f", from its {m} numbers in the batch" if by_batch else "")
    yield Note(
        f"{whose}: μ = {number(mean)}, σ² = {number(variance)}, r = 1 / √({number(variance)} + "
        f"{layer.epsilon}) = {number(r)}."
    )
    x_hat = (float(call.x[index]) - mean) * r
    text, result, _ = _affine(call, axes, index, x_hat)
    yield value(
        "y", call.y, index, "γ (x - μ) r + β",
        f"{text},  x̂ = ({number(call.x[index])} - {factor(mean)})·{number(r)}", result,
    )  # fmt: skip
    if by_batch:
        yield Equation(
            "moving ← momentum · moving + (1 - momentum) · batch", f"momentum = {layer.momentum}"
        )
        for name, now in (("moving_mean", mean), ("moving_variance", variance)):
            before, after = call.value(name), call.value_after(name)
            assert before is not None
            old = float(before[channel])
            yield value(
                f"{name} after", after, (channel,), "momentum · moving + (1 - momentum) · batch",
                f"{layer.momentum}·{factor(old)} + {number(1 - layer.momentum)}·{factor(now)}",
                old * layer.momentum + now * (1 - layer.momentum),
            )  # fmt: skip


def _statistics(call: Call, channel: int, by_batch: bool) -> tuple[float, float, int]:
    axis = _axes(call)[0]
    numbers = np.moveaxis(float64(call.x), axis, 0)[channel]
    if by_batch:
        return float(numbers.mean()), float(numbers.var()), numbers.size
    moving, variance = call.value("moving_mean"), call.value("moving_variance")
    assert moving is not None
    assert variance is not None
    return float(moving[channel]), float(variance[channel]), numbers.size


def batch_backward(call: Call) -> Lines:
    """Tell dγ, dβ and dx."""
    layer = call.layer
    by_batch = call.training and layer.trainable
    yield Equation("dγ = Σₙ dyₙ x̂ₙ")
    yield Equation("dβ = Σₙ dyₙ")
    if by_batch:
        yield Equation("dx = γ r (dy - dβ / m - x̂ dγ / m)", "μ and σ² depend on x too")
    else:
        yield Equation("dx = γ r dy", "the moving μ and σ² depend on nothing")
    yield from show("dy", call.dy)
    yield from gradients(call, "gamma", "beta")
    yield from show("dx", call.dx)
    if not call.gives_dx or (by_batch and call.mask is not None):
        return
    axis = _axes(call)[0]
    index = largest(call.dx)
    channel = index[axis]
    mean, variance, m = _statistics(call, channel, by_batch)
    r = 1 / np.sqrt(variance + layer.epsilon)
    gamma = _own(call, "gamma", _axes(call), index, 1.0)
    dy = float(call.dy[index])
    if not by_batch:
        numbers = f"{factor(gamma)}·{number(r)}·{factor(dy)}"
        yield value("dx", call.dx, index, "γ r dy", numbers, gamma * r * dy)
        return
    x_hat = (np.moveaxis(float64(call.x), axis, 0)[channel] - mean) * r
    row = np.moveaxis(float64(call.dy), axis, 0)[channel]
    dgamma, dbeta = float((x_hat * row).sum()), float(row.sum())
    own = (float(call.x[index]) - mean) * r
    yield value(
        "dx", call.dx, index, "γ r (dy - dβ / m - x̂ dγ / m)",
        f"{factor(gamma)}·{number(r)} · ({number(dy)} - {factor(dbeta)}/{m} - "
        f"{factor(own)}·{factor(dgamma)}/{m})",
        gamma * r * (dy - dbeta / m - own * dgamma / m),
    )  # fmt: skip


# By the sample


def _rows(call: Call, index: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return where the numbers are that are normalized together, and the axes of γ."""
    layer = call.layer
    if type(layer).__name__ == "GroupNormalization":
        axis = _axes(call)[0]
        size = call.x.shape[axis]
        groups = size if layer.groups == -1 else layer.groups
        first = index[axis] // (size // groups) * (size // groups)
        where: list[Any] = [slice(None)] * call.x.ndim
        where[0], where[axis] = index[0], slice(first, first + size // groups)
        return tuple(where), _axes(call)
    axes = _axes(call)
    return tuple(slice(None) if a in axes else i for a, i in enumerate(index)), axes


def _standard(call: Call, where: tuple[Any, ...]) -> tuple[float, float, Array]:
    """Return μ, r and x̂ of the numbers that are normalized together."""
    numbers = float64(call.x)[where]
    if type(call.layer).__name__ == "RMSNormalization":
        r = 1 / np.sqrt((numbers**2).mean() + call.layer.epsilon)
        return 0.0, float(r), numbers * r
    r = 1 / np.sqrt(numbers.var() + call.layer.epsilon)
    return float(numbers.mean()), float(r), (numbers - numbers.mean()) * r


def sample_forward(call: Call) -> Lines:
    """Tell μ, σ² and y of a row or a group."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    rms = type(layer).__name__ == "RMSNormalization"
    scale = "scale" if rms else "gamma"
    yield from weights(call, scale, "beta")
    yield from show("y", call.y)
    index = call.index
    where, axes = _rows(call, index)
    mean, r, _ = _standard(call, where)
    row = float64(call.x)[where]
    yield from show("row", row, "the numbers that are normalized together")
    what = (
        f"mean(x²) = {number((row**2).mean())}" if rms
        else f"μ = {number(mean)}, σ² = {number(row.var())}"
    )  # fmt: skip
    yield Note(f"Of these: {what}, and with ε = {layer.epsilon}: r = {number(r)}.")
    x_hat = (float(call.x[index]) - mean) * r
    text, result, _ = _affine(call, axes, index, x_hat, scale)
    letters = "s x r" if rms else "γ (x - μ) r + β"
    minus = "" if rms else f" - {factor(mean)}"
    numbers = f"{text},  x̂ = ({number(call.x[index])}{minus})·{number(r)}"
    yield value("y", call.y, index, letters, numbers, result)


def sample_backward(call: Call) -> Lines:
    """Tell dγ, dβ and dx."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    yield from show("dy", call.dy)
    rms = type(layer).__name__ == "RMSNormalization"
    scale = "scale" if rms else "gamma"
    yield from gradients(call, scale, "beta")
    yield from show("dx", call.dx)
    if not call.gives_dx:
        return
    index = largest(call.dx)
    where, axes = _rows(call, index)
    mean, r, x_hat = _standard(call, where)
    gamma = call.value(scale)
    spread = np.ones(call.x.ndim, int)
    for axis in axes:
        spread[axis] = call.x.shape[axis]
    g = np.ones(call.x.shape) * (1.0 if gamma is None else float64(gamma).reshape(spread))
    dx_hat = (g * float64(call.dy))[where]
    own = (float(call.x[index]) - mean) * r
    d_own = float(g[index] * call.dy[index])
    first = 0.0 if rms else float(dx_hat.mean())
    second = float((x_hat * dx_hat).mean())
    letters = "r (dx̂ - x̂ mean(x̂ dx̂))" if rms else "r (dx̂ - mean(dx̂) - x̂ mean(x̂ dx̂))"
    middle = "" if rms else f" - {factor(first)}"
    numbers = f"{number(r)} · ({number(d_own)}{middle} - {factor(own)}·{factor(second)})"
    yield value("dx", call.dx, index, letters, numbers, r * (d_own - first - own * second))
