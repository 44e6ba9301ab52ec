"""Softmax or sigmoid, cross-entropy and the gradient of both, in one go."""

from __future__ import annotations

import math

import numpy as np

from minidl._typing import Array
from minidl.kernels.kernel import kernel


@kernel
def entropy_of_labels(z: Array, labels: Array, scale: float, values: Array, dz: Array) -> bool:
    """values = log Σ exp z − z_k and dz = scale (softmax(z) − [j = k]), row by row.

    Shapes: z, dz (rows, classes); labels (rows,), of the type intp; values (rows,).

    Returns:
        Whether every class number lies in its range; if not, the results mean nothing.
    """
    rows, classes = z.shape
    if rows and labels.view(np.uintp).max() >= classes:  # a negative number is a huge one
        return False
    here = np.arange(rows)
    np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=dz)
    chosen = dz[here, labels]
    np.exp(dz, out=dz)
    s = np.add.reduce(dz, axis=1, keepdims=True)
    np.subtract(np.log(s[:, 0]), chosen, out=values)
    dz *= scale / s
    dz[here, labels] -= scale
    return True


@entropy_of_labels.compiled
def _(z, labels, scale, values, dz):  # type: ignore[no-untyped-def]
    c = z.dtype.type(scale)
    rows, classes = z.shape
    for i in range(rows):
        k = labels[i]
        if k < 0 or k >= classes:
            return False
        largest = z[i, 0]
        for j in range(1, classes):
            largest = max(largest, z[i, j])
        s = z.dtype.type(0)
        for j in range(classes):
            e = math.exp(z[i, j] - largest)
            dz[i, j] = e
            s += e
        values[i] = math.log(s) - (z[i, k] - largest)
        weight = c / s
        for j in range(classes):
            dz[i, j] *= weight
        dz[i, k] -= c
    return True


@kernel
def entropy_of_bits(z: Array, y: Array, scale: float, dz: Array) -> float:
    """Return scale Σ [max(z, 0) − z y + log(1 + exp(−|z|))], and dz = scale (σ(z) − y).

    Shapes: z, y, dz (n,), of one type.
    """
    e = np.abs(z)
    np.exp(np.negative(e, out=e), out=e)
    np.divide(np.where(z >= 0, 1, e), 1 + e, out=dz)
    dz -= y
    dz *= scale
    np.log1p(e, out=e)
    e += np.maximum(z, 0)
    e -= z * y
    return scale * float(np.add.reduce(e))


@entropy_of_bits.compiled
def _(z, y, scale, dz):  # type: ignore[no-untyped-def]
    c, zero, one = z.dtype.type(scale), z.dtype.type(0), z.dtype.type(1)
    total = 0.0
    for i in range(z.size):
        e = math.exp(-abs(z[i]))
        dz[i] = c * ((one if z[i] >= zero else e) / (one + e) - y[i])
        total += (z[i] if z[i] > zero else zero) - z[i] * y[i] + math.log1p(e)
    return scale * total
