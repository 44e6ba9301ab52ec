"""Softmax, cross-entropy and the gradient of both, in one go, for class numbers."""

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
