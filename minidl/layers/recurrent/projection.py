"""The products of a recurrent layer: an input, or a state, times a kernel with all gates' columns.

Dropout is part of them. `masks` holds m / (1 − rate), of shape (1, batch, n) where all gates share
the draws, or (gates, batch, n) where each has its own; None where nothing is dropped.

    z = (x m) W          dx = m (dz Wᵀ)          dW = Σ (x m)ᵀ dz

Arrays of a sequence are (time, batch, n); all time steps are then rows of one product.
"""

from __future__ import annotations

from collections.abc import Iterator

from minidl._typing import Array
from minidl.kernels import product


def project_inputs(x: Array, kernel: Array, masks: Array | None, out: Array) -> None:
    """Write (x m) W of all steps into `out`, (gates, time, batch, units): a gate after the other.

    So the numbers of one gate at one step lie side by side.
    """
    kept = x[None] if masks is None else x * masks[:, None]
    gates, steps, batch, units = out.shape
    kernels = kernel.reshape(len(kernel), gates, units).swapaxes(0, 1)
    rows = kept.reshape(len(kept), steps * batch, x.shape[2])
    into = out.reshape(gates, steps * batch, units)
    for gate in range(gates):
        product(rows[gate % len(rows)], kernels[gate], into[gate])


def project_state(h: Array, kernel: Array, masks: Array | None, out: Array) -> None:
    """Write (h m) U of one step into `out`, (batch, gates units): one product for all gates."""
    if masks is None:
        product(h, kernel, out)
        return
    for mask, columns in _gates(masks, kernel):
        out[:, columns] = product(h * mask, kernel[:, columns])


def project_back(dz: Array, kernel: Array, masks: Array | None, out: Array) -> None:
    """Write dx = m (dz Wᵀ), summed over the gates, into `out`: of one step, or of all."""
    if masks is None or len(masks) == 1:
        product(dz, kernel.T, out)
        if masks is not None:
            out *= masks[0]
        return
    out[...] = 0
    for mask, columns in _gates(masks, kernel):
        part = product(_rows(dz[..., columns]), kernel[:, columns].T)
        out += part.reshape(out.shape) * mask


def kernel_gradient(x: Array, dz: Array, masks: Array | None, out: Array) -> None:
    """Write dW = Σ (x m)ᵀ dz, over all steps and the batch, into `out`."""
    if masks is None or len(masks) == 1:
        kept = x if masks is None else x * masks[0]
        out[...] = product(_rows(kept).T, _rows(dz))
        return
    for mask, columns in _gates(masks, out):
        out[:, columns] = product(_rows(x * mask).T, _rows(dz[..., columns]))


def _gates(masks: Array, kernel: Array) -> Iterator[tuple[Array, slice]]:
    """Yield the mask and the columns of each gate."""
    size = kernel.shape[1] // len(masks)
    for gate, mask in enumerate(masks):
        yield mask, slice(gate * size, (gate + 1) * size)


def _rows(x: Array) -> Array:
    """Return `x` with the time steps and the batch as one axis; a view of contiguous arrays."""
    return x if x.ndim == 2 else x.reshape(x.shape[0] * x.shape[1], x.shape[2])
