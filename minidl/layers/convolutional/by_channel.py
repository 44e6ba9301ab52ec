"""The arithmetic of depthwise convolutions: channels do not mix, so there is no matrix product.

With w[t] one number a channel and tap t, · the product channel by channel, and o and t as in
`products`:

    correlate        z[o] = Σₜ x[o · stride + t · dilation] · w[t]
    kernel_gradient  dw[t] = Σₒ x[o · stride + t · dilation] · dz[o]
    input_gradient   dx[o · stride + t · dilation] += dz[o] · w[t]

For each tap the places that the windows see through it are a strided view of x. So all three are
sums over the taps of products of whole arrays, done a few samples at a time to stay in the cache.
A channel with several kernels (`depth_multiplier`) is repeated, once for each.

Shapes: x (batch, *input, channels); z (batch, *output, channels · multiplier);
kernel (*kernel, channels, multiplier).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from minidl._typing import Array
from minidl.layers.axes import sum_keeping
from minidl.layers.convolutional.geometry import Windows
from minidl.layers.convolutional.patches import SCRATCH, padded, sample_blocks, windowed


def correlate(x: Array, kernel: Array, windows: Windows) -> Array:
    """Return z."""
    z = np.empty((len(x), *windows.output, kernel.shape[-2] * kernel.shape[-1]), kernel.dtype)
    weights = _along_lines(kernel, windows)
    for samples, seen in _blocks(x, kernel, windows):
        total = _lines(z[samples])
        for tap in np.ndindex(windows.kernel):
            if any(tap):
                total += _lines(seen[tap]) * weights[tap]
            else:
                np.multiply(_lines(seen[tap]), weights[tap], out=total)
    return z


def kernel_gradient(x: Array, dz: Array, kernel: Array, windows: Windows) -> Array:
    """Return dw."""
    dz = np.ascontiguousarray(dz, kernel.dtype)
    dw = np.zeros((*windows.kernel, dz.shape[-1]), kernel.dtype)
    for samples, seen in _blocks(x, kernel, windows):
        part = dz[samples]
        for tap in np.ndindex(windows.kernel):
            dw[tap] += sum_keeping(seen[tap] * part, [part.ndim - 1])
    return dw.reshape(kernel.shape)


def input_gradient(dz: Array, kernel: Array, windows: Windows) -> Array:
    """Return dx."""
    dz = np.ascontiguousarray(dz, kernel.dtype)
    channels, multiplier = kernel.shape[-2:]
    dx = np.empty((len(dz), *windows.input, channels), kernel.dtype)
    weights = _along_lines(kernel, windows)
    for samples in sample_blocks(len(dz), _sample_bytes(kernel, windows), SCRATCH // 4):
        part = dz[samples]
        total = np.zeros((len(part), *windows.padded, channels * multiplier), dz.dtype)
        seen = _by_tap(total, windows)
        for tap in np.ndindex(windows.kernel):
            places = seen[tap]
            places += (_lines(part) * weights[tap]).reshape(places.shape)
        inside = total[(slice(None), *windows.interior)]
        if multiplier > 1:  # what was repeated is summed
            inside = inside.reshape(*inside.shape[:-1], channels, multiplier).sum(axis=-1)
        dx[samples] = inside
    return dx


def _blocks(x: Array, kernel: Array, windows: Windows) -> Iterator[tuple[slice, Array]]:
    """Yield samples and, by tap, what the windows see of them: (*kernel, batch, *output, channels).

    The channels are repeated here, where a channel has several kernels.
    """
    multiplier = kernel.shape[-1]
    source = None
    for samples in sample_blocks(len(x), _sample_bytes(kernel, windows), SCRATCH // 4):
        part = x[samples]
        if multiplier > 1:
            part = np.repeat(part, multiplier, axis=-1)
        source = padded(part, windows, kernel.dtype, out=source)
        yield samples, _by_tap(source, windows)


def _by_tap(x: Array, windows: Windows) -> Array:
    rank = len(windows.kernel)
    view = windowed(x, windows)[0]
    return np.moveaxis(view, range(1 + rank, 1 + 2 * rank), range(rank))


def _lines(x: Array) -> Array:
    """Join the last place axis with the channels, so that NumPy works along long lines."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _along_lines(kernel: Array, windows: Windows) -> Array:
    """Return each tap's weights (*kernel, line), repeated for all places of a line."""
    weights = kernel.reshape(*windows.kernel, -1)
    return np.tile(weights, windows.output[-1])


def _sample_bytes(kernel: Array, windows: Windows) -> int:
    return prod(windows.padded) * kernel.shape[-2] * kernel.shape[-1] * kernel.itemsize
