"""Layers that look at their input through windows, or change its margins: place by place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import layers

from .functions import Definition, activated
from .images import resized


def channels_last(definition: Definition) -> Definition:
    """Let a definition that wants the channels last answer for either format."""

    def either(layer: Any, x: Any) -> Any:
        first = getattr(layer, "data_format", None) == "channels_first"
        y = definition(layer, np.moveaxis(x, 1, -1) if first else x)
        return np.moveaxis(y, -1, 1) if first and y.ndim == x.ndim else y

    return either


def frames(layer: Any, sizes: Any, kernel: Any, dilation: Any) -> tuple[list[int], list[int]]:
    """Return along each axis the number of windows, and where the first begins."""
    counts, starts = [], []
    for n, k, s, d in zip(sizes, kernel, layer.strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        if layer.padding == "same":
            count = -(-n // s)
            starts.append(-(max((count - 1) * s + reach - n, 0) // 2))
        else:
            count = ((n if layer.padding == "causal" else n - reach + 1) - 1) // s + 1
            starts.append(1 - reach if layer.padding == "causal" else 0)
        counts.append(count)
    return counts, starts


def seen(layer: Any, x: Any) -> list[tuple[Any, Any]]:
    """Return for each place t in the kernel what the windows see there: x[o s + t d], 0 outside."""
    sizes = x.shape[1:-1]
    counts, starts = frames(layer, sizes, layer.kernel_size, layer.dilation_rate)
    parts = []
    for t in np.ndindex(*layer.kernel_size):
        part = x
        for axis, (place, d, s, count, start) in enumerate(
            zip(t, layer.dilation_rate, layer.strides, counts, starts, strict=True), 1
        ):
            where = np.arange(count) * s + place * d + start
            inside = (where >= 0) & (where < x.shape[axis])
            shape = [-1 if i == axis else 1 for i in range(x.ndim)]
            taken = np.take(part, np.where(inside, where, 0), axis=axis)
            part = taken * inside.reshape(shape)
        parts.append((t, part))
    return parts


def ended(layer: Any, z: Any) -> Any:
    return activated(layer.activation, z if layer.bias is None else z + layer.bias)


@channels_last
def convolution(layer: Any, x: Any) -> Any:
    """z[o] = Σₜ x[o s + t d] W[t], each group of channels with its own filters."""
    groups = layer.groups
    z: Any = 0.0
    for t, part in seen(layer, x):
        rows = np.reshape(part, (*part.shape[:-1], groups, -1))
        weights = np.reshape(layer.kernel[t], (rows.shape[-1], groups, -1))
        product = np.einsum("...gc,cgf->...gf", rows, weights)
        z = z + np.reshape(product, (*part.shape[:-1], layer.filters))
    return ended(layer, z)


def by_channel(x: Any, kernel: Any, layer: Any) -> Any:
    z: Any = 0.0
    for t, part in seen(layer, x):
        z = z + part[..., None] * kernel[t]
    return np.reshape(z, (*z.shape[:-2], -1))


@channels_last
def depthwise(layer: Any, x: Any) -> Any:
    return ended(layer, by_channel(x, layer.kernel, layer))


@channels_last
def separable(layer: Any, x: Any) -> Any:
    h = by_channel(x, layer.depthwise_kernel, layer)
    return ended(layer, h @ np.reshape(layer.pointwise_kernel, (-1, layer.filters)))


@channels_last
def transposed(layer: Any, x: Any) -> Any:
    """z[i s + t d] += x[i] W[t]; what is too much is cut off, half of it in front."""
    sizes = layer.compute_output_shape((1, *x.shape[1:]) if layer.data_format != "channels_first"
                                       else (1, x.shape[-1], *x.shape[1:-1]))  # fmt: skip
    sizes = sizes[1:-1] if layer.data_format != "channels_first" else sizes[2:]
    z: Any = 0.0
    for t in np.ndindex(*layer.kernel_size):
        part = x @ np.transpose(layer.kernel[t])
        for axis, (place, k, d, s, m) in enumerate(
            zip(t, layer.kernel_size, layer.dilation_rate, layer.strides, sizes, strict=True), 1
        ):
            n = x.shape[axis]
            cut = max((n - 1) * s + (k - 1) * d + 1 - m, 0) // 2
            target = np.arange(n) * s + place * d - cut
            spread = (np.arange(m)[:, None] == target).astype(float)  # (new places, old places)
            part = np.moveaxis(np.tensordot(spread, part, (1, axis)), 0, axis)
        z = z + part
    return ended(layer, z)


def pooling(reduce: Callable[..., Any]) -> Definition:
    """y[o] = the mean or the maximum of what window o sees of x."""

    @channels_last
    def pooled(layer: Any, x: Any) -> Any:
        sizes, ones = x.shape[1:-1], (1,) * (x.ndim - 2)
        counts, starts = frames(layer, sizes, layer.pool_size, ones)
        found = []
        for o in np.ndindex(*counts):
            begin = [p * s + a for p, s, a in zip(o, layer.strides, starts, strict=True)]
            window = tuple(
                slice(max(b, 0), b + k) for b, k in zip(begin, layer.pool_size, strict=True)
            )
            found.append(reduce(x[:, *window], axis=tuple(range(1, x.ndim - 1))))
        return np.reshape(np.stack(found, axis=1), (len(x), *counts, x.shape[-1]))

    return pooled


def global_pooling(reduce: Callable[..., Any]) -> Definition:
    def pooled(layer: Any, x: Any) -> Any:
        first = layer.data_format == "channels_first"
        axes = tuple(range(2, x.ndim) if first else range(1, x.ndim - 1))
        return reduce(x, axis=axes, keepdims=layer.keepdims)

    return pooled


@channels_last
def cropping(layer: Any, x: Any) -> Any:
    margins = layer.cropping if x.ndim > 3 else [layer.cropping]
    for axis, (before, after) in enumerate(margins, 1):
        x = np.take(x, np.arange(before, x.shape[axis] - after), axis=axis)
    return x


@channels_last
def zero_padding(layer: Any, x: Any) -> Any:
    margins = layer.padding if x.ndim > 3 else [layer.padding]
    return np.pad(x, [(0, 0), *margins, (0, 0)])


@channels_last
def up_sampling(layer: Any, x: Any) -> Any:
    factors = layer.size if x.ndim > 3 else [layer.size]
    for axis, factor in enumerate(factors, 1):
        interpolation = getattr(layer, "interpolation", "nearest")
        x = resized(x, axis, factor * x.shape[axis], interpolation)
    return x


def of_ranks(name: str, ranks: tuple[int, ...], definition: Definition) -> dict[type, Definition]:
    return {getattr(layers, name.format(rank)): definition for rank in ranks}


WINDOWS: dict[type, Definition] = {
    **of_ranks("Conv{}D", (1, 2, 3), convolution),
    **of_ranks("Conv{}DTranspose", (1, 2, 3), transposed),
    **of_ranks("DepthwiseConv{}D", (1, 2), depthwise),
    **of_ranks("SeparableConv{}D", (1, 2), separable),
    **of_ranks("AveragePooling{}D", (1, 2, 3), pooling(np.mean)),
    **of_ranks("MaxPooling{}D", (1, 2, 3), pooling(np.max)),
    **of_ranks("GlobalAveragePooling{}D", (1, 2, 3), global_pooling(np.mean)),
    **of_ranks("GlobalMaxPooling{}D", (1, 2, 3), global_pooling(np.max)),
    **of_ranks("Cropping{}D", (1, 2, 3), cropping),
    **of_ranks("ZeroPadding{}D", (1, 2, 3), zero_padding),
    **of_ranks("UpSampling{}D", (1, 2, 3), up_sampling),
}
