"""What stands behind a matrix product: a bias and an activation, in one pass; and the way back."""

from __future__ import annotations

import numpy as np

from minidl._typing import Array
from minidl.kernels.kernel import kernel
from minidl.kernels.team import loop, prange, share


@kernel
def bias_relu(z: Array, bias: Array) -> None:
    """z ← max(z + b, 0), in place. Shapes: z (rows, units), b (units,)."""
    z += bias
    np.maximum(z, z.dtype.type(0), out=z)


@bias_relu.compiled
def _(z, bias):  # type: ignore[no-untyped-def]
    zero = z.dtype.type(0)
    rows, units = z.shape
    for i in range(rows):
        for j in range(units):
            a = z[i, j] + bias[j]
            z[i, j] = a if a > zero or a != a else zero  # NaN stays NaN


@bias_relu.shared
def _(n, z, bias):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(z))
        loop(z[a:b], bias)


@kernel
def relu(z: Array) -> None:
    """z ← max(z, 0), in place. Flat."""
    np.maximum(z, z.dtype.type(0), out=z)


@relu.compiled
def _(z):  # type: ignore[no-untyped-def]
    zero = z.dtype.type(0)
    for i in range(z.size):
        z[i] = z[i] if z[i] > zero or z[i] != z[i] else zero  # NaN stays NaN


@relu.shared
def _(n, z):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, z.size)
        loop(z[a:b])


@kernel
def relu_backward(y: Array, dy: Array, dz: Array) -> None:
    """dz = dy where y > 0, else 0. All flat, of one length."""
    np.multiply(dy, y > 0, out=dz)


@relu_backward.compiled
def _(y, dy, dz):  # type: ignore[no-untyped-def]
    zero = y.dtype.type(0)
    for i in range(y.size):
        dz[i] = dy[i] if y[i] > zero else zero


@relu_backward.shared
def _(n, y, dy, dz):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, y.size)
        loop(y[a:b], dy[a:b], dz[a:b])


@kernel
def sigmoid_backward(y: Array, dy: Array, dz: Array) -> None:
    """dz = y (1 − y) dy. All flat, of one length."""
    np.subtract(1, y, out=dz)
    dz *= y
    dz *= dy


@sigmoid_backward.compiled
def _(y, dy, dz):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in range(y.size):
        dz[i] = (one - y[i]) * y[i] * dy[i]


@sigmoid_backward.shared
def _(n, y, dy, dz):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, y.size)
        loop(y[a:b], dy[a:b], dz[a:b])


@kernel
def tanh_backward(y: Array, dy: Array, dz: Array) -> None:
    """dz = (1 − y²) dy. All flat, of one length."""
    np.multiply(y, y, out=dz)
    np.subtract(1, dz, out=dz)
    dz *= dy


@tanh_backward.compiled
def _(y, dy, dz):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in range(y.size):
        dz[i] = (one - y[i] * y[i]) * dy[i]


@tanh_backward.shared
def _(n, y, dy, dz):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, y.size)
        loop(y[a:b], dy[a:b], dz[a:b])
