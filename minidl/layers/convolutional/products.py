"""The arithmetic of convolutions, for any number of axes: three functions, each other's transposes.

Let x be padded with zeros, and let output place o see the input places  o · stride + t · dilation,
t running over the taps of the kernel W. With the matrix P of patches, whose row o is what o sees,

    correlate        z = P W             z[o] = Σₜ x[o · stride + t · dilation] W[t]
    kernel_gradient  dW = Pᵀ dz          dW[t] = Σₒ x[o · stride + t · dilation]ᵀ dz[o]
    input_gradient   dP = dz Wᵀ, and     dx[o · stride + t · dilation] += dz[o] W[t]ᵀ

The last line runs over all o and t: a place of the input gets a share from every window that saw
it. Gathering patches is a selection; its transpose adds each number back to where it came from.

A transposed convolution is the same three functions with the parts exchanged: its output is what
`input_gradient` gives, and its input's gradient what `correlate` gives.

Shapes: x (batch, *input, channels); z (batch, *output, filters); W (*kernel, channels / groups,
filters). In group g the channels of group g meet the filters of group g, and no others.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minidl._typing import Array
from minidl.kernels import compiles, empty
from minidl.kernels.patches import add_patches
from minidl.layers.axes import sum_keeping
from minidl.layers.convolutional.geometry import Sizes, Windows
from minidl.layers.convolutional.patches import (
    FEW,
    SCRATCH,
    Block,
    patch_matrices,
    row_blocks,
    sample_blocks,
    windowed,
)


def correlate(
    x: Array, kernel: Array, bias: Array | None, windows: Windows, groups: int = 1
) -> Array:
    """Return z = P W + b, in the kernel's dtype."""
    z = empty((len(x), *windows.output, kernel.shape[-1]), kernel.dtype)
    W = _by_group(kernel, groups)
    joined = _few(x.shape[-1], groups) and windows.taps > 1 and bias is not None
    if joined and bias is not None:  # the bias is the weight of an input that is always 1
        W = np.concatenate([W, bias.reshape(1, 1, -1)], axis=1)
    for block, P in patch_matrices(x, windows, groups, kernel.dtype, kernel.nbytes, joined):
        np.matmul(P, W, out=_rows(z, block, groups))
        if bias is not None and not joined:
            z[block] += bias
    return z


def kernel_gradient(
    x: Array, dz: Array, kernel: Array, windows: Windows, groups: int = 1, bias: bool = False
) -> tuple[Array, Array | None]:
    """Return dW = Pᵀ dz, and db = Σ dz if there is a bias.

    The patches are made again: they are the input several times over, and copying is cheap beside
    the product.
    """
    dz = np.ascontiguousarray(dz, kernel.dtype)
    channels, filters = kernel.shape[-2:]
    joined = bias and _few(x.shape[-1], groups) and windows.taps > 1
    width = windows.taps * channels + joined
    dW = np.zeros((groups, width, filters // groups), kernel.dtype)
    share = np.empty_like(dW)
    for block, P in patch_matrices(x, windows, groups, kernel.dtype, kernel.nbytes, joined):
        dW += np.matmul(P.swapaxes(1, 2), _rows(dz, block, groups), out=share)
    if joined:
        return dW[0, :-1].reshape(kernel.shape), dW[0, -1]
    db = sum_keeping(dz, [dz.ndim - 1]) if bias else None
    return dW.swapaxes(0, 1).reshape(kernel.shape), db


def input_gradient(dz: Array, kernel: Array, windows: Windows, groups: int = 1) -> Array:
    """Return dx: every window adds dz[o] W[t]ᵀ to the places that it saw."""
    dz = np.ascontiguousarray(dz, kernel.dtype)
    channels = kernel.shape[-2] * groups
    dx = empty((len(dz), *windows.input, channels), kernel.dtype)
    W = _by_group(kernel, groups)
    if _is_one_product(dx, windows, groups):
        np.matmul(dz.reshape(-1, dz.shape[-1]), W[0].T, out=dx.reshape(-1, W.shape[1]))
        return dx
    few = _few(channels, groups)
    at_once = not few and compiles()
    add = _add_by_channel if few else _add_at_once if at_once else _add_by_tap
    taps = windows.taps if few or at_once else 1  # whose shares are in scratch memory together
    row_bytes = prod(windows.output[1:]) * channels * taps * dx.itemsize
    sample_bytes = max(windows.output[0] * row_bytes, prod(windows.padded) * channels * dx.itemsize)
    for samples in sample_blocks(len(dz), sample_bytes, SCRATCH // 2):
        part = dx[samples]
        total = _zeros(part, windows, few)
        seen = windowed(total, windows, groups)
        for rows in row_blocks(windows.output[0], len(part) * row_bytes, SCRATCH // 2):
            add(seen[:, :, rows], _rows(dz, (samples, rows), groups), W, windows.kernel)
        if total is not part:
            part[...] = total[(slice(None), *windows.interior)]
    return dx


def _add_by_tap(seen: Array, dz: Array, W: Array, kernel: Sizes) -> None:
    """Add a block's shares, one tap after the other: no two windows have a tap in one place."""
    channels = seen.shape[-1]
    for t, tap in enumerate(np.ndindex(kernel)):
        places = seen[(..., *tap, slice(None))]
        W_tap = W[:, t * channels : (t + 1) * channels]
        places += np.matmul(dz, W_tap.swapaxes(1, 2)).reshape(places.shape)


def _add_at_once(seen: Array, dz: Array, W: Array, kernel: Sizes) -> None:
    """The same with all taps in one product, for the compiled loop that adds them."""
    shares = np.matmul(dz, W.swapaxes(1, 2), out=empty((*dz.shape[:2], W.shape[1]), dz.dtype))
    missing = (np.newaxis,) * (3 - len(kernel))
    output, taps = [slice(None)] * len(kernel), [slice(None)] * len(kernel)
    all_axes = (slice(None), slice(None), *missing, *output, *missing, *taps, slice(None))
    add_patches(shares.reshape(seen.shape)[all_axes], seen[all_axes])


def _add_by_channel(seen: Array, dz: Array, W: Array, kernel: Sizes) -> None:
    """The same, with channels and taps first: for few channels, as in `patches`."""
    batch_and_output = seen.shape[1 : -1 - len(kernel)]
    shares = np.matmul(W[0], dz[0].T).reshape(*kernel, seen.shape[-1], *batch_and_output)
    for tap in np.ndindex(kernel):
        places = np.moveaxis(seen[(0, ..., *tap, slice(None))], -1, 0)
        places += shares[tap]


def _few(channels: int, groups: int) -> bool:
    return groups == 1 and channels <= FEW


def _by_group(kernel: Array, groups: int) -> Array:
    """Return the kernel as matrices (groups, taps · channels of a group, filters of a group)."""
    W = kernel.reshape(-1, groups, kernel.shape[-1] // groups)
    return W.swapaxes(0, 1)


def _rows(z: Array, block: Block, groups: int) -> Array:
    """Return a block of z as matrices (groups, rows, filters of a group), a view."""
    part = z[block]
    return part.reshape(-1, groups, z.shape[-1] // groups).swapaxes(0, 1)


def _zeros(part: Array, windows: Windows, few: bool) -> Array:
    """Return zeros of the padded input's shape; `part` itself, zeroed, where that will do.

    With few channels, these lie first in memory.
    """
    batch, channels = len(part), part.shape[-1]
    if few:
        return np.moveaxis(np.zeros((channels, batch, *windows.padded), part.dtype), 0, -1)
    if windows.is_padded:
        return np.zeros((batch, *windows.padded, channels), part.dtype)
    part[...] = 0
    return part


def _is_one_product(dx: Array, windows: Windows, groups: int) -> bool:
    """Return whether dx is dP itself: for 1x1 kernels."""
    if groups > 1 or windows.is_padded or dx.size == 0:
        return False
    view = windowed(dx, windows)
    return view.size == dx.size and bool(view.flags.c_contiguous)
