"""The products of a recurrent layer: an input times a kernel that has the columns of all gates.

Dropout is part of them. `masks` holds m / (1 − rate), of shape (1, batch, n) where all gates share
the draws, or (gates, batch, n) where each has its own; None where nothing is dropped.

    z = (x m) W          dx = m (dz Wᵀ)          dW = Σ (x m)ᵀ dz

x is (batch, n), or (time, batch, n); the time steps are then rows of one product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minidl._typing import Array


def project(x: Array, kernel: Array, masks: Array | None, out: Array | None = None) -> Array:
    """Return (x m) W, the columns of each gate with the m of that gate."""
    if out is None:
        out = np.empty((*x.shape[:-1], kernel.shape[1]), kernel.dtype)
    if masks is None or len(masks) == 1:
        kept = x if masks is None else x * masks[0]
        np.matmul(_rows(kept), kernel, out=_rows(out))
        return out
    for mask, columns in _gates(masks, kernel):
        out[..., columns] = _product(x * mask, kernel[:, columns])
    return out


def project_input_gradient(
    dz: Array, kernel: Array, masks: Array | None, out: Array | None = None
) -> Array:
    """Return dx = m (dz Wᵀ), summed over the gates."""
    if out is None:
        out = np.empty((*dz.shape[:-1], len(kernel)), kernel.dtype)
    if masks is None or len(masks) == 1:
        np.matmul(_rows(dz), kernel.T, out=_rows(out))
        if masks is not None:
            out *= masks[0]
        return out
    out[...] = 0
    for mask, columns in _gates(masks, kernel):
        out += _product(dz[..., columns], kernel[:, columns].T) * mask
    return out


def project_kernel_gradient(x: Array, dz: Array, masks: Array | None, out: Array) -> None:
    """Write dW = Σ (x m)ᵀ dz, over all time steps and the batch, into `out`."""
    if masks is None or len(masks) == 1:
        kept = x if masks is None else x * masks[0]
        np.matmul(_rows(kept).T, _rows(dz), out=out)
        return
    for mask, columns in _gates(masks, out):
        out[:, columns] = np.matmul(_rows(x * mask).T, _rows(dz[..., columns]))


def _gates(masks: Array, kernel: Array) -> Iterator[tuple[Array, slice]]:
    """Yield the mask and the columns of each gate."""
    size = kernel.shape[1] // len(masks)
    for gate, mask in enumerate(masks):
        yield mask, slice(gate * size, (gate + 1) * size)


def _product(x: Array, kernel: Array) -> Array:
    return np.matmul(_rows(x), kernel).reshape(*x.shape[:-1], kernel.shape[1])


def _rows(x: Array) -> Array:
    """Return `x` with the time steps and the batch as one axis; a view of contiguous arrays."""
    return x if x.ndim == 2 else x.reshape(x.shape[0] * x.shape[1], x.shape[2])
