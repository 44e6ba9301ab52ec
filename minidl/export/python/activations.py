"""The activations as plain functions: what an exported file is written with.

Each rounds as `minidl.activations` does, operation by operation, so that results are the same to
the last bit; a test compares them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.activations.gated import _tanh_gate
from minidl.activations.gaussian import normal_cdf


def relu(
    z: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    """max(z, 0), with whatever else Keras's relu can do."""
    y = np.clip(z, 0, np.inf if max_value is None else max_value)
    if threshold:
        y *= z > threshold
    if negative_slope:
        y += np.clip(z - threshold, -np.inf, 0) * negative_slope
    return y


def leaky_relu(z: Array, negative_slope: float) -> Array:
    """z where it is positive, negative_slope · z elsewhere."""
    return np.clip(z, -np.inf, 0) * negative_slope + np.clip(z, 0, np.inf)


def hard_sigmoid(z: Array) -> Array:
    """min(max(z + 3, 0), 6) / 6"""
    return np.clip(z + 3, 0, 6) / 6


def hard_silu(z: Array) -> Array:
    """z times its hard sigmoid."""
    return z * hard_sigmoid(z)


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(−z))"""
    with np.errstate(over="ignore"):  # exp(−z) = ∞ is the right step to a sigmoid of 0
        return 1 / (np.exp(-z) + 1)


def softsign(z: Array) -> Array:
    """z / (1 + |z|)"""
    return z / (np.abs(z) + 1)


def softplus(z: Array) -> Array:
    """log(1 + exp(z)), in a form that cannot overflow."""
    return np.log1p(np.exp(-np.abs(z))) + np.clip(z, 0, np.inf)


def log_sigmoid(z: Array) -> Array:
    """log(sigmoid(z)), in a form that cannot overflow."""
    return np.clip(z, -np.inf, 0) - np.log1p(np.exp(-np.abs(z)))


def softmax(z: Array, axis: Any = -1) -> Array:
    """exp(z) / Σ exp(z); the maximum is taken off first, so that nothing overflows."""
    with np.errstate(over="ignore"):
        e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(z: Array, axis: Any = -1) -> Array:
    """log(softmax(z)), exact where the softmax itself is too small to hold."""
    with np.errstate(over="ignore"):
        d = z - z.max(axis=axis, keepdims=True)
    return d - np.log(np.exp(d).sum(axis=axis, keepdims=True))


def elu(z: Array, alpha: float = 1.0) -> Array:
    """z where it is positive, alpha (exp(z) − 1) elsewhere."""
    return np.expm1(np.clip(z, -np.inf, 0)) * alpha + np.clip(z, 0, np.inf)


def selu(z: Array, alpha: float, scale: float) -> Array:
    """scale · elu(z, alpha)"""
    return (np.expm1(np.clip(z, -np.inf, 0)) * alpha + np.clip(z, 0, np.inf)) * scale


def celu(z: Array, alpha: float) -> Array:
    """z where it is positive, alpha (exp(z / alpha) − 1) elsewhere."""
    with np.errstate(over="ignore"):
        y = np.clip(z, -np.inf, 0) / alpha
    return np.expm1(y) * alpha + np.clip(z, 0, np.inf)


def silu(z: Array) -> Array:
    """z sigmoid(z)"""
    return z * sigmoid(z)


def mish(z: Array) -> Array:
    """z tanh(softplus(z)), by one exponential: e (e + 2) / (e (e + 2) + 2) is the tanh."""
    e = np.exp(np.clip(z, -np.inf, 20))
    numerator = (e + 2) * e
    return numerator / (numerator + 2) * z


def gelu(z: Array, approximate: bool) -> Array:
    """z Φ(z), Φ the normal distribution's; or an approximation by the sigmoid."""
    return z * (_tanh_gate(z) if approximate else normal_cdf(z))


def glu(z: Array, axis: int) -> Array:
    """One half of z times the sigmoid of the other."""
    a, b = np.split(z, 2, axis=axis)
    return a * sigmoid(b)


def sigmoid_by_tanh(z: Array) -> Array:
    """1 / (1 + exp(−z)), as the gates of recurrent cells compute it."""
    return np.tanh(z * 0.5) * 0.5 + 0.5
