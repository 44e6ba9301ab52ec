"""The arithmetic that the normalization layers share: functions and their derivatives in pairs.

Where squares overflow (float32 numbers beyond 1e19), the same is computed again on numbers that
were divided by their largest, so every finite input has a finite result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minidl._typing import Array

Axes = tuple[int, ...]


def standardize(x: Array, axes: Axes, epsilon: float) -> tuple[Array, Array]:
    """Return x̂ = (x − μ) r and r = 1 / √(σ² + ε), with mean μ and variance σ² over `axes`."""
    return _safely(_standardize, x, axes, epsilon)


def standardize_backward(x_hat: Array, r: Array, dx_hat: Array, axes: Axes) -> Array:
    """Return dx = r (dx̂ − mean(dx̂) − x̂ mean(x̂ dx̂))."""
    dx = divide_by_rms_backward(x_hat, r, dx_hat, axes)
    dx -= r * dx_hat.mean(axis=axes, keepdims=True)
    return dx


def divide_by_rms(x: Array, axes: Axes, epsilon: float) -> tuple[Array, Array]:
    """Return x̂ = x r and r = 1 / √(mean(x²) + ε), with the mean over `axes`."""
    return _safely(_divide_by_rms, x, axes, epsilon)


def divide_by_rms_backward(x_hat: Array, r: Array, dx_hat: Array, axes: Axes) -> Array:
    """Return dx = r (dx̂ − x̂ mean(x̂ dx̂))."""
    dx = x_hat * dx_hat
    np.multiply(x_hat, -dx.mean(axis=axes, keepdims=True), out=dx)
    dx += dx_hat
    dx *= r
    return dx


def unit_length(x: Array, axes: Axes, epsilon: float) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return y = x / max(‖x‖, ε), with the length ‖x‖ over `axes`, and residuals."""
    # With s = x / size, no larger than 1, nothing overflows; root is never below 1.
    size = np.maximum(np.abs(x).max(axis=axes, keepdims=True), epsilon)
    y = x / size
    root = np.sqrt(np.square(y).sum(axis=axes, keepdims=True))
    floor = epsilon / size
    long = root > floor
    root = np.maximum(root, floor)
    y /= root
    return y, (y, 1 / size / root, long)


def unit_length_backward(residuals: tuple[Array, Array, Array], dy: Array, axes: Axes) -> Array:
    """Return dx = (dy − y Σ(y dy)) / ‖x‖, or dy / ε where ‖x‖ < ε."""
    y, inverse, long = residuals
    dx = y * dy
    np.multiply(y, -dx.sum(axis=axes, keepdims=True) * long, out=dx)
    dx += dy
    dx *= inverse
    return dx


def _standardize(x: Array, axes: Axes, epsilon: float | Array) -> tuple[Array, Array]:
    x_hat = x - x.mean(axis=axes, keepdims=True)
    r = 1 / np.sqrt(np.square(x_hat).mean(axis=axes, keepdims=True) + epsilon)
    x_hat *= r
    return x_hat, r


def _divide_by_rms(x: Array, axes: Axes, epsilon: float | Array) -> tuple[Array, Array]:
    r = 1 / np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + epsilon)
    return x * r, r


def _safely(
    step: Callable[[Array, Axes, float | Array], tuple[Array, Array]],
    x: Array,
    axes: Axes,
    epsilon: float,
) -> tuple[Array, Array]:
    with np.errstate(over="ignore", invalid="ignore"):
        x_hat, r = step(x, axes, epsilon)
        if (r > 0).all():  # an infinite variance makes it 0, an infinite mean NaN
            return x_hat, r
        size = np.maximum(np.abs(x).max(axis=axes, keepdims=True), 1)
        smaller_epsilon = np.maximum(epsilon / size / size, np.finfo(x.dtype).tiny)
        x_hat, r = step(x / size, axes, smaller_epsilon)
        return x_hat, r / size
