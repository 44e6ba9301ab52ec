"""The layers as plain functions: what an exported file is written with.

Each rounds as the layer's `forward` does, operation by operation, so that results are the same to
the last bit; a test compares them all. Where a layer's arithmetic is a function already, such as
the product of a convolution, that very function is copied into the file.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.export.python.activations import softmax
from minidl.layers.convolutional import by_channel
from minidl.layers.convolutional.geometry import convolution_windows, transposed_windows
from minidl.layers.convolutional.products import correlate, input_gradient
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.image.steps import (
    cut_out,
    run,
    to_aspect_by_cutting,
    to_aspect_by_framing,
    to_size,
    to_window,
)
from minidl.layers.pooling.global_pooling import _BLOCK
from minidl.layers.pooling.windows import Windows, maxima, sums
from minidl.layers.spatial.interpolation import resizing
from minidl.layers.standardize import divide_by_rms, standardize, unit_length

# Products


def product(x: Array, W: Array) -> Array:
    """x W. A sum of more than 256 terms is taken in two parts: multiples of 32, and the rest.

    So the result does not depend on the number of threads that NumPy's BLAS has.
    """
    rows = x.reshape(-1, x.shape[-1])
    rest = rows.shape[1] % 32
    if rest and rows.shape[1] > 256 and len(rows) > 1:
        z = rows[:, :-rest] @ W[:-rest]
        z += rows[:, -rest:] @ W[-rest:]
    else:
        z = rows @ W
    return z.reshape(*x.shape[:-1], W.shape[1])


def convolution(
    x: Array, W: Array, b: Array | None, strides: Any, dilation: Any, padding: str, groups: int
) -> Array:
    """Every window of x, as a row, times W, plus b."""
    windows = convolution_windows(x.shape[1:-1], W.shape[:-2], strides, dilation, padding)
    return correlate(x, W, b, windows, groups)


def depthwise_convolution(x: Array, W: Array, strides: Any, dilation: Any, padding: str) -> Array:
    """Every window of x times W, each channel by itself."""
    windows = convolution_windows(x.shape[1:-1], W.shape[:-2], strides, dilation, padding)
    return by_channel.correlate(x, W, windows)


def transposed_convolution(
    x: Array, W: Array, strides: Any, dilation: Any, padding: str, output_padding: Any
) -> Array:
    """Every place of x times W, laid down in its window; where windows overlap they add up."""
    windows = transposed_windows(
        x.shape[1:-1], W.shape[:-2], strides, dilation, padding, output_padding
    )
    return input_gradient(x, W, windows)


def embedding(x: Array, table: Array) -> Array:
    """The rows of the table at the indices x."""
    if x.size and not (x.min() >= 0 and x.max() < len(table)):
        raise ValueError(f"Received indices outside of 0 to {len(table) - 1}.")
    return np.take(table, x.astype(np.int64), axis=0, mode="clip")


def dot(a: Array, b: Array, axis_a: int, axis_b: int, normalize: bool, epsilon: float) -> Array:
    """Σ a b along an axis of each."""
    if normalize:
        a, b = unit_length(a, (axis_a,), epsilon)[0], unit_length(b, (axis_b,), epsilon)[0]
    a, b = np.moveaxis(a, axis_a, -1), np.moveaxis(b, axis_b, 1)
    rows = a.reshape(len(a), math.prod(a.shape[1:-1]), a.shape[-1])
    columns = b.reshape(len(b), b.shape[1], math.prod(b.shape[2:]))
    return np.matmul(rows, columns).reshape(len(a), *((a.shape[1:-1] + b.shape[2:]) or (1,)))


# Normalizations


def along(values: Array, axes: Any, rank: int) -> Array:
    """The numbers of a weight, with axes of size 1 so that they stand along `axes`."""
    shape = [1] * rank
    for axis, size in zip(axes, values.shape, strict=True):
        shape[axis] = size
    return values.reshape(shape)


def batch_normalization(
    x: Array, mean: Array, variance: Array, gamma: Array | None, beta: Array | None,
    axis: int, epsilon: float,
) -> Array:  # fmt: skip
    """γ (x − μ) / √(σ² + ε) + β, with μ and σ² what training has found for each channel."""
    r = along(1 / np.sqrt(variance + epsilon), [axis], x.ndim)
    y = x - along(mean, [axis], x.ndim)
    y *= r if gamma is None else r * along(gamma, [axis], x.ndim)
    return y if beta is None else y + along(beta, [axis], x.ndim)


def scale_and_shift(x: Array, gamma: Array | None, beta: Array | None, axes: Any) -> Array:
    """γ x + β"""
    y = x if gamma is None else x * along(gamma, axes, x.ndim)
    return y if beta is None else y + along(beta, axes, x.ndim)


def layer_normalization(
    x: Array, gamma: Array | None, beta: Array | None, axes: Any, epsilon: float
) -> Array:
    """γ (x − μ) / √(σ² + ε) + β, with the mean and variance of each sample."""
    x_hat, _ = standardize(x, axes, epsilon)
    return scale_and_shift(x_hat, gamma, beta, axes)


def group_normalization(
    x: Array, gamma: Array | None, beta: Array | None, groups: int, axis: int, epsilon: float
) -> Array:
    """γ (x − μ) / √(σ² + ε) + β, with the mean and variance of each sample's groups of channels."""
    channels = x.shape[axis]
    grouped = x.reshape(*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
    axes = tuple(a for a in range(x.ndim + 1) if a not in (0, axis))
    x_hat, _ = standardize(grouped, axes, epsilon)
    return scale_and_shift(x_hat.reshape(x.shape), gamma, beta, [axis])


def rms_normalization(x: Array, scale: Array, axes: Any, epsilon: float) -> Array:
    """s x / √(mean(x²) + ε)"""
    x_hat, _ = divide_by_rms(x, axes, epsilon)
    return x_hat * along(scale, axes, x.ndim)


def unit_normalization(x: Array, axes: Any, epsilon: float) -> Array:
    """x / ‖x‖"""
    return unit_length(x, axes, epsilon)[0]


# Pooling


def max_pooling(x: Array, size: Any, strides: Any, padding: str, first: int) -> Array:
    """The maximum of each window, one axis after the other; `first` is the first axis of space."""
    for i in reversed(range(len(size))):
        if size[i] > 1 or strides[i] > 1:
            axis = first + i
            windows = Windows.along(x.shape[axis], size[i], strides[i], padding)
            x = maxima(x, axis, windows)
    return x


def average_pooling(x: Array, size: Any, strides: Any, padding: str, first: int) -> Array:
    """The mean of each window, one axis after the other; `first` is the first axis of space."""
    for i in reversed(range(len(size))):
        if size[i] > 1 or strides[i] > 1:
            axis = first + i
            windows = Windows.along(x.shape[axis], size[i], strides[i], padding)
            inside = windows.inside
            share = np.asarray(1 / windows.size, x.dtype)
            if not inside:
                share = along(1 / np.array(windows.numbers(), x.dtype), [axis], x.ndim)
            x = sums(x, axis, windows) * share
    return x


def global_average(x: Array, channels_last: bool, mask: Array | None = None) -> Array:
    """The mean over all places, of those that the mask leaves."""
    if channels_last:
        places = x.reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])
    else:
        places = x.reshape(len(x), x.shape[1], math.prod(x.shape[2:]))
    axis = 1 if channels_last else 2
    count = places.shape[axis]
    w = np.full((1, count), 1 / count, x.dtype)
    if mask is not None:
        w = mask.astype(x.dtype)
        w /= np.maximum(w.sum(axis=1, keepdims=True), 1)
        places = np.where(np.expand_dims(mask, 3 - axis), places, x.dtype.type(0))
    y = np.zeros((len(x), places.shape[3 - axis]), x.dtype)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        if channels_last:
            y += np.matmul(w[:, None, block], places[:, block])[:, 0, :]
        else:
            y += np.matmul(places[:, :, block], w[:, block, None])[:, :, 0]
    return y


# Space


def crop(x: Array, first: int, margins: Any) -> Array:
    """x without its margins, from the axis `first` on."""
    inner = [slice(None)] * x.ndim
    for i, (before, after) in enumerate(margins):
        inner[first + i] = slice(before, x.shape[first + i] - after)
    return x[tuple(inner)]


def zero_padding(x: Array, first: int, margins: Any) -> Array:
    """x with zeros around, from the axis `first` on."""
    around = [(0, 0)] * first + [tuple(pair) for pair in margins]
    return np.pad(x, around + [(0, 0)] * (x.ndim - len(around)))


def up_sampling(x: Array, first: int, factors: Any) -> Array:
    """Each place as often as its axis's factor says."""
    for i, factor in enumerate(factors):
        x = np.repeat(x, factor, axis=first + i)
    return x


def interpolated_up_sampling(x: Array, first: int, factors: Any, interpolation: str) -> Array:
    """x stretched by the factors, with new places between the old ones."""
    for i, factor in enumerate(factors):
        if factor > 1:
            length = x.shape[first + i]
            x = resizing(length, factor * length, interpolation, x.dtype).apply(x, first + i)
    return x


def resize_images(
    x: Array, axes: Any, size: Any, interpolation: str, antialias: bool,
    crop_to_aspect: bool, pad_to_aspect: bool, fill_value: float, own_dtype: str,
) -> Array:  # fmt: skip
    """x stretched to a size, with margins cut off or added first if its proportions are kept."""
    floats = x if interpolation == "nearest" else as_float(x, own_dtype)
    shape = x.shape
    steps: list[Any] = []
    if crop_to_aspect:
        steps.append(to_aspect_by_cutting(shape, axes, size))
    elif pad_to_aspect:
        steps.append(to_aspect_by_framing(shape, axes, size, fill_value))
    for step in steps:
        shape = step.new_shape(shape)
    dtype = float_name(x.dtype.name, own_dtype)
    y = run([*steps, *to_size(shape, axes, size, interpolation, dtype, antialias)], floats)
    if y.dtype != x.dtype:
        limits = np.iinfo(x.dtype)
        y = np.clip(np.rint(y), limits.min, limits.max).astype(x.dtype)
    return y


def center_crop(x: Array, axes: Any, size: Any, unstretched: bool) -> Array:
    """The middle of x: as it is, if that is asked for and fits, or the largest part, stretched."""
    top, left = x.shape[axes[0]] - size[0], x.shape[axes[1]] - size[1]
    if unstretched and top >= 0 and left >= 0:
        return run([cut_out(x.shape, axes, (top // 2, left // 2), size)], x)
    return run(to_window(x.shape, axes, size, x.dtype.name), x)


# Merging


def aligned(own_dtype: str, *xs: Array) -> list[Array]:
    """Arrays of one float type, with axes of size 1 behind the batch where some are missing."""
    rank = max(x.ndim for x in xs)
    dtype = float_name(np.result_type(*xs).name, own_dtype)
    shaped = [x.reshape(*x.shape[:1], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in xs]
    return [x.astype(dtype, copy=False) for x in shaped]


def concatenate(xs: list[Array], axis: int) -> Array:
    """Arrays side by side; integers become floats where there are any."""
    floats = [x.dtype for x in xs if x.dtype.kind == "f"]
    return np.concatenate(xs, axis=axis, dtype=np.result_type(*(floats or xs)))


# Masks


def masked(x: Array, mask_value: float) -> Array:
    """x with zeros for the steps in which every feature is the mask's value."""
    return np.where((x != mask_value).any(axis=-1)[..., np.newaxis], x, x.dtype.type(0))


def masked_softmax(z: Array, mask: Array, axis: Any) -> Array:
    """The softmax of what the mask leaves, and zeros for the rest."""
    kept = mask > 0.5
    y = softmax(np.where(kept, z, np.finfo(z.dtype).min), axis)
    return np.where(kept, y, y.dtype.type(0))
