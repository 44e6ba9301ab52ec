"""The three functions of `products`, from which the layers have them: by the team, if it is there.

What `minidl.kernels.convolutions` cannot take (groups, channels first, mixed types) or what is too
small goes to `products`, which everything does outside of a run on compiled kernels.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minidl._typing import Array
from minidl.kernels import convolutions, empty
from minidl.layers.convolutional import products
from minidl.layers.convolutional.geometry import Windows


def correlate(
    x: Array, kernel: Array, bias: Array | None, windows: Windows, groups: int = 1
) -> Array:
    """Return z = P W + b, in the kernel's dtype."""
    if not _can_share(x, kernel, len(x), windows, groups):
        return products.correlate(x, kernel, bias, windows, groups)
    z = empty((len(x), *windows.output, kernel.shape[-1]), kernel.dtype)
    lines = _lines(windows, x.shape[-1])
    convolutions.correlate(_in_lines(x), _rows(kernel), bias, lines, _rows(z))
    return z


def kernel_gradient(
    x: Array, dz: Array, kernel: Array, windows: Windows, groups: int = 1, bias: bool = False
) -> tuple[Array, Array | None]:
    """Return dW = Pᵀ dz, and db = Σ dz if there is a bias."""
    dz = np.ascontiguousarray(dz, kernel.dtype)
    if not _can_share(x, kernel, len(x), windows, groups):
        return products.kernel_gradient(x, dz, kernel, windows, groups, bias)
    dW = np.empty(kernel.shape, kernel.dtype)
    db = np.empty(kernel.shape[-1], kernel.dtype) if bias else None
    lines = _lines(windows, x.shape[-1])
    convolutions.kernel_gradient(_in_lines(x), _rows(dz), lines, _rows(dW), db)
    return dW, db


def input_gradient(dz: Array, kernel: Array, windows: Windows, groups: int = 1) -> Array:
    """Return dx: every window adds dz[o] W[t]ᵀ to the places that it saw."""
    dz = np.ascontiguousarray(dz, kernel.dtype)
    if not _can_share(dz, kernel, len(dz), windows, groups):
        return products.input_gradient(dz, kernel, windows, groups)
    dx = empty((len(dz), *windows.input, kernel.shape[-2]), kernel.dtype)
    lines = _lines(windows, kernel.shape[-2])
    convolutions.input_gradient(_rows(dz), _rows(kernel), lines, _in_lines(dx))
    return dx


def _can_share(given: Array, kernel: Array, batch: int, windows: Windows, groups: int) -> bool:
    """Return whether the team can take an input, or an output's gradient, and that pays."""
    work = batch * prod(windows.output) * kernel.size
    return groups == 1 and convolutions.can_share(work, given, kernel)


def _lines(windows: Windows, channels: int) -> convolutions.Lines:
    """Return the windows on three axes, in numbers on the last one, which gets the channels."""
    missing = 3 - len(windows.kernel)
    ones, zeros = (1,) * missing, (0,) * missing
    *taps, last = ones + windows.kernel
    run = channels
    if windows.dilation[-1] == 1:  # a window's places on the last axis are neighbours
        run, last = last * channels, 1
    *strides, stride = ones + windows.strides
    *dilation, step = ones + windows.dilation
    *before, first = zeros + windows.before
    return convolutions.lines(
        output=ones + windows.output,
        taps=(*taps, last),
        strides=(*strides, stride * channels),
        dilation=(*dilation, step * channels),
        before=(*before, first * channels),
        run=run,
    )


def _in_lines(x: Array) -> Array:
    """Return x (batch, first axis, second axis, places of the last one · channels)."""
    ones = (1,) * (5 - x.ndim)
    return x.reshape(len(x), *ones, *x.shape[1:-2], x.shape[-2] * x.shape[-1])


def _rows(z: Array) -> Array:
    return z.reshape(-1, z.shape[-1])
