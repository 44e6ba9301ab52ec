"""One step of an optimizer over a piece of the parameters: one pass compiled, several in NumPy.

Every argument is a flat array of one float type, changed in place where it says so. The last one
of each, `d`, is scratch of the same size for the NumPy form; the loop keeps d in a register.
"""

from __future__ import annotations

import math

import numpy as np

from minidl._typing import Array
from minidl.kernels.blas import add_scaled
from minidl.kernels.kernel import kernel
from minidl.kernels.team import loop, prange, share


@kernel
def clear_tiny(x: Array, least: float, d: Array) -> None:
    """x ← 0 where |x| < least."""
    np.abs(x, out=d)
    x *= d >= least


@clear_tiny.compiled
def _(x, least, d):  # type: ignore[no-untyped-def]
    smallest, zero = x.dtype.type(least), x.dtype.type(0)
    for i in range(x.size):
        x[i] = x[i] if abs(x[i]) >= smallest else zero


@kernel
def descend(value: Array, grad: Array, rate: float, d: Array) -> None:
    """value ← value − rate g."""
    np.multiply(grad, rate, out=d)
    value -= d


@descend.compiled
def _(value, grad, rate, d):  # type: ignore[no-untyped-def]
    eta = value.dtype.type(rate)
    for i in range(value.size):
        value[i] -= eta * grad[i]


@descend.shared
def _(n, value, grad, rate, d):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, value.size)
        loop(value[a:b], grad[a:b], rate, d[a:b])


@kernel
def momentum(
    value: Array, grad: Array, m: Array, rate: float, keep: float, nesterov: bool, d: Array
) -> None:
    """m ← keep m − rate g; value ← value + m, or + keep m − rate g with Nesterov's."""
    np.multiply(grad, rate, out=d)
    m *= keep
    m -= d
    if nesterov:
        value -= d
        value += np.multiply(m, keep, out=d)
    else:
        value += m


@momentum.compiled
def _(value, grad, m, rate, keep, nesterov, d):  # type: ignore[no-untyped-def]
    eta, mu = value.dtype.type(rate), value.dtype.type(keep)
    if nesterov:
        for i in range(value.size):
            step = eta * grad[i]
            m[i] = mu * m[i] - step
            value[i] += mu * m[i] - step
    else:
        for i in range(value.size):
            m[i] = mu * m[i] - eta * grad[i]
            value[i] += m[i]


@momentum.shared
def _(n, value, grad, m, rate, keep, nesterov, d):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, value.size)
        loop(value[a:b], grad[a:b], m[a:b], rate, keep, nesterov, d[a:b])


@kernel
def adam(
    value: Array, grad: Array, m: Array, v: Array,
    alpha: float, rest_1: float, rest_2: float, epsilon: float, d: Array,
) -> None:  # fmt: skip
    """m ← m + rest₁ (g − m); v ← v + rest₂ (g² − v); value ← value − α m / (√v + ε)."""
    m *= 1 - rest_1
    add_scaled(grad, rest_1, m, d)
    np.multiply(grad, grad, out=d)
    v *= 1 - rest_2
    add_scaled(d, rest_2, v, d)
    np.sqrt(v, out=d)
    d += epsilon
    np.divide(m, d, out=d)
    add_scaled(d, -alpha, value, d)


@adam.compiled
def _(value, grad, m, v, alpha, rest_1, rest_2, epsilon, d):  # type: ignore[no-untyped-def]
    real = value.dtype.type
    a, r_1, r_2, eps = real(alpha), real(rest_1), real(rest_2), real(epsilon)
    for i in range(value.size):
        g = grad[i]
        m_i = m[i] + r_1 * (g - m[i])
        v_i = v[i] + r_2 * (g * g - v[i])
        m[i] = m_i
        v[i] = v_i
        value[i] -= a * (m_i / (math.sqrt(v_i) + eps))


@adam.shared
def _(n, value, grad, m, v, alpha, rest_1, rest_2, epsilon, d):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, value.size)
        loop(
            value[a:b], grad[a:b], m[a:b], v[a:b], alpha, rest_1, rest_2, epsilon, d[a:b]
        )  # fmt: skip


@kernel
def rmsprop(
    value: Array, grad: Array, v: Array, rate: float, rest: float, epsilon: float, d: Array
) -> None:
    """v ← v + rest (g² − v); value ← value − rate g / √(v + ε)."""
    np.multiply(grad, grad, out=d)
    d -= v
    d *= rest
    v += d
    np.add(v, epsilon, out=d)
    np.sqrt(d, out=d)
    np.divide(grad, d, out=d)
    d *= rate
    value -= d


@rmsprop.compiled
def _(value, grad, v, rate, rest, epsilon, d):  # type: ignore[no-untyped-def]
    real = value.dtype.type
    eta, r, eps = real(rate), real(rest), real(epsilon)
    for i in range(value.size):
        g = grad[i]
        v_i = v[i] + r * (g * g - v[i])
        v[i] = v_i
        value[i] -= eta * (g / math.sqrt(v_i + eps))


@rmsprop.shared
def _(n, value, grad, v, rate, rest, epsilon, d):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, value.size)
        loop(value[a:b], grad[a:b], v[a:b], rate, rest, epsilon, d[a:b])
