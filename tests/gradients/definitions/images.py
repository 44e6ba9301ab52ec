"""Layers of images: each new pixel is a weighted sum of old ones, by weights found one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import layers

from .functions import Definition


def kernel(name: str, d: float) -> float:
    """Return the weight of a pixel at a distance, before the row is made to sum up to 1."""
    if name == "bilinear":
        return max(1 - d, 0)
    if name == "bicubic":  # Keys's, with a = −½
        a = -0.5
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0
    radius = int(name.removeprefix("lanczos"))
    if d > radius:
        return 0
    x = math.pi * d
    return 1.0 if d == 0 else radius * math.sin(x) * math.sin(x / radius) / x**2


def weights(n: int, m: int, name: str, antialias: bool) -> Any:
    """Return the matrix (new places, old places) that makes m places of n."""
    rows = []
    for place in range(m):
        centre = (place + 0.5) * n / m
        if name == "nearest":
            row = [float(i == (2 * place + 1) * n // (2 * m)) for i in range(n)]
        else:
            width = max(n / m, 1) if antialias else 1
            row = [kernel(name, abs(i + 0.5 - centre) / width) for i in range(n)]
        rows.append(np.array(row) / sum(row))
    return np.stack(rows)


def resized(x: Any, axis: int, size: int, name: str, antialias: bool = False) -> Any:
    matrix = weights(x.shape[axis], size, name, antialias)
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


def axes_of(layer: Any, x: Any) -> tuple[int, int]:
    """Return the axes of height and width, counted from behind."""
    return (-2, -1) if layer.data_format == "channels_first" else (-3, -2)


def window(x: Any, axes: tuple[int, int], corner: Any, size: Any) -> Any:
    for axis, start, n in zip(axes, corner, size, strict=True):
        x = np.take(x, np.arange(start, start + n), axis=axis)
    return x


def to_aspect(x: Any, axes: tuple[int, int], size: tuple[int, int]) -> Any:
    """Cut out the largest central window of the proportions of `size`."""
    old = [x.shape[axis] for axis in axes]
    kept = [
        max(min(old[0], old[1] * size[0] // size[1]), 1),
        max(min(old[1], old[0] * size[1] // size[0]), 1),
    ]
    return window(x, axes, [(n - k) // 2 for n, k in zip(old, kept, strict=True)], kept)


def resizing(layer: Any, x: Any) -> Any:
    axes, size = axes_of(layer, x), (layer.height, layer.width)
    if layer.crop_to_aspect_ratio:
        x = to_aspect(x, axes, size)
    elif layer.pad_to_aspect_ratio:
        height, width = (x.shape[axis] for axis in axes)
        down = (max(height, width * size[0] // size[1]) - height) // 2
        across = 0 if down else (max(width, height * size[1] // size[0]) - width) // 2
        margins = [(0, 0)] * x.ndim
        margins[axes[0]], margins[axes[1]] = (down, down), (across, across)
        x = np.pad(x, margins, constant_values=layer.fill_value)
    for axis, n in zip(axes, size, strict=True):
        x = resized(x, axis, n, layer.interpolation, layer.antialias)
    return x


def centre_crop(layer: Any, x: Any) -> Any:
    axes, size = axes_of(layer, x), (layer.height, layer.width)
    spare = [x.shape[axis] - n for axis, n in zip(axes, size, strict=True)]
    if min(spare) >= 0:
        return window(x, axes, [s // 2 for s in spare], size)
    x = to_aspect(x, axes, size)
    for axis, n in zip(axes, size, strict=True):
        x = resized(x, axis, n, "bilinear")
    return x


def random_crop(layer: Any, x: Any) -> Any:
    axes, size = axes_of(layer, x), (layer.height, layer.width)
    if any(x.shape[axis] < n for axis, n in zip(axes, size, strict=True)):
        return centre_crop(layer, x)
    return window(x, axes, layer.draw(x.shape), size)


def as_batch(definition: Definition) -> Definition:
    """Let a definition that wants a batch answer for one image too."""

    def either(layer: Any, x: Any) -> Any:
        return definition(layer, x) if x.ndim == 4 else definition(layer, x[None])[0]

    return either


@as_batch
def flip(layer: Any, x: Any) -> Any:
    axes = axes_of(layer, x)
    chosen = {"horizontal": axes[1], "vertical": axes[0]}.get(layer.mode, axes)
    drawn = layer.draw(x.shape)
    return np.stack([np.flip(i[None], chosen)[0] if d else i for i, d in zip(x, drawn)])  # noqa: B905


@as_batch
def brightness(layer: Any, x: Any) -> Any:
    return np.clip(x + layer.draw(x.shape), *layer.value_range)


@as_batch
def contrast(layer: Any, x: Any) -> Any:
    mean = np.mean(x, axis=axes_of(layer, x), keepdims=True)
    return np.clip(mean + layer.draw(x.shape) * (x - mean), *layer.value_range)


def within(i: int, n: int, mode: str) -> int | None:
    """Return the pixel that stands at place i of an axis of n pixels, or None."""
    if 0 <= i < n:
        return i
    if mode == "constant":
        return None
    if mode == "nearest":
        return min(max(i, 0), n - 1)
    if mode == "wrap":
        return i % n
    there_and_back = [*range(n), *reversed(range(n))]
    return there_and_back[i % (2 * n)]


def near(place: float, interpolation: str) -> list[tuple[int, float]]:
    """Return the pixels next to a place, and their weights."""
    if interpolation == "nearest":
        return [(int(math.copysign(math.floor(abs(place) + 0.5), place)), 1.0)]
    low = math.floor(place)
    return [(low, low + 1 - place), (low + 1, place - low)]


@as_batch
def affine(layer: Any, x: Any) -> Any:
    """y at (row, column) = x at the place that the drawn matrix tells."""
    drawn = layer.draw(x.shape)
    images = x if layer.data_format == "channels_first" else np.moveaxis(x, -1, 1)
    height, width = images.shape[2:]
    found = []
    for image, (a0, a1, a2, b0, b1, b2) in zip(images, drawn, strict=True):
        matrix = np.zeros((height, width, height, width))
        for h, w in np.ndindex(height, width):
            for i, row_weight in near(b0 * w + b1 * h + b2, layer.interpolation):
                for j, column_weight in near(a0 * w + a1 * h + a2, layer.interpolation):
                    row = within(i, height, layer.fill_mode)
                    column = within(j, width, layer.fill_mode)
                    if row is not None and column is not None:
                        matrix[h, w, row, column] += row_weight * column_weight
        filled = (1 - matrix.sum((2, 3))) * layer.fill_value
        filled = filled if layer.fill_mode == "constant" else 0.0
        found.append(np.einsum("hwij,cij->chw", matrix, image) + filled)
    y = np.stack(found)
    return y if layer.data_format == "channels_first" else np.moveaxis(y, 1, -1)


IMAGES: dict[type, Definition] = {
    layers.CenterCrop: centre_crop,
    layers.RandomBrightness: brightness,
    layers.RandomContrast: contrast,
    layers.RandomCrop: random_crop,
    layers.RandomFlip: flip,
    layers.RandomRotation: affine,
    layers.RandomTranslation: affine,
    layers.RandomZoom: affine,
    layers.Resizing: resizing,
}
