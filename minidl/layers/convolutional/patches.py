"""The input of a convolution as a matrix: each row is what one window sees.

A strided view shows all windows at once without copying anything: the places that two windows
share are the same memory. A matrix product needs rows that lie apart, so the view is copied, a
block of the batch at a time, into scratch memory that stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl._typing import Array
from minidl.layers.convolutional.geometry import Windows

SCRATCH = 4 * 2**20
"""Bytes of scratch memory that a block aims at: little enough for a cache, enough for a product."""

LIMIT = 64 * 2**20
"""Bytes of scratch memory that a block never passes, but for a single row of windows."""

FEW = 4
"""Up to so many channels, patches are copied channel by channel, in rows of the output."""

Block = tuple[slice, slice]
"""Some samples, and some places on the first axis behind the batch."""


def windowed(x: Array, windows: Windows, groups: int = 1) -> Array:
    """Return the strided view (groups, batch, *output, *kernel, channels of a group) of padded x.

    >>> from minidl.layers.convolutional.geometry import convolution_windows
    >>> windows = convolution_windows((5,), (3,), (2,), (1,), "valid")
    >>> windowed(np.arange(5.0).reshape(1, 5, 1), windows)[0, 0, :, :, 0]
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    batch, *places, channel = x.strides
    channels = x.shape[-1] // groups
    # A strided view is not bounds-checked: one that left x would read foreign memory.
    assert all(last < n for last, n in zip(windows.last, x.shape[1:-1], strict=True))
    return as_strided(
        x,
        (groups, len(x), *windows.output, *windows.kernel, channels),
        (
            channels * channel,
            batch,
            *(p * s for p, s in zip(places, windows.strides, strict=True)),
            *(p * d for p, d in zip(places, windows.dilation, strict=True)),
            channel,
        ),
        writeable=x.flags.writeable,
    )


def sample_blocks(batch: int, bytes_per_sample: int, target: int = SCRATCH) -> Iterator[slice]:
    """Yield slices of the batch with about `target` bytes each, but at least a sample."""
    step = max(1, target // max(bytes_per_sample, 1))
    for start in range(0, batch, step):
        yield slice(start, min(start + step, batch))


def row_blocks(rows: int, bytes_per_row: int, target: int = SCRATCH) -> Iterator[slice]:
    """Yield slices of an output's first axis, for a sample that is larger than a block."""
    yield from sample_blocks(rows, bytes_per_row, target)


def padded(x: Array, windows: Windows, dtype: Any, out: Array | None = None) -> Array:
    """Return x with its zeros around; x itself where it needs none and has the dtype.

    Arguments:
        out: an array of zeros from an earlier block; its border is still zero.
    """
    if not windows.is_padded:
        return x.astype(dtype, copy=False)
    if out is None or len(out) < len(x):
        out = np.zeros((len(x), *windows.padded, x.shape[-1]), dtype)
    out = out[: len(x)]
    out[(slice(None), *windows.interior)] = x
    return out


def patch_matrices(
    x: Array, windows: Windows, groups: int, dtype: Any, least: int, ones: bool
) -> Iterator[tuple[Block, Array]]:
    """Yield blocks of the output and their patches (groups, rows, taps · channels of a group).

    The matrix that comes with a block is overwritten by the next one.

    Arguments:
        least: bytes that a block has at least, if there is so much: the size of the matrix that
            the patches will be multiplied by, which is read anew for each block.
        ones: whether the patches end in a 1, which a bias can be multiplied by; only with one
            group and `FEW` channels.
    """
    target = min(max(SCRATCH, least), LIMIT)
    width = windows.taps * x.shape[-1]
    row_bytes = prod(windows.output[1:]) * (width + ones) * dtype.itemsize
    padded_bytes = prod(windows.padded) * x.shape[-1] * dtype.itemsize
    scratch: Array = np.empty(0, dtype)
    source = None
    for samples in sample_blocks(len(x), max(windows.output[0] * row_bytes, padded_bytes), target):
        source = padded(x[samples], windows, dtype, out=source)
        view = windowed(source, windows, groups)
        if view.flags.c_contiguous and groups == 1 and not ones:  # 1x1 kernels: rows lie apart
            yield (samples, slice(None)), view.reshape(1, -1, width)
            continue
        for rows in row_blocks(windows.output[0], len(source) * row_bytes, target):
            part = view[:, :, rows]
            size = part.size + ones * (part.size // width)
            if scratch.size < size:
                scratch = np.empty(size, dtype)
            yield (samples, rows), _gathered(part, windows.taps, ones, scratch[:size])


def _gathered(view: Array, taps: int, ones: bool, scratch: Array) -> Array:
    """Copy windows into scratch memory and return them as matrices.

    With few channels the copy would be of a few numbers at a time. There a patch becomes a column
    rather than a row, and what is copied are rows of the output; the product takes the transpose
    as readily.
    """
    groups, channels = view.shape[0], view.shape[-1]
    width = taps * channels
    if groups > 1 or channels > FEW:
        patches = scratch.reshape(view.shape)
        np.copyto(patches, view, casting="same_kind")
        return patches.reshape(groups, -1, width)
    rank = (view.ndim - 3) // 2
    columns = scratch.reshape(width + ones, -1)
    columns[width:] = 1
    by_tap = np.moveaxis(view[0], range(1 + rank, view.ndim - 1), range(rank + 1))
    np.copyto(columns[:width].reshape(by_tap.shape), by_tap, casting="same_kind")
    return columns.T[np.newaxis]
