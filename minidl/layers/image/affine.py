"""Images sampled at other places: where each new pixel lies in the old image, a matrix tells.

A new pixel in column w and row h comes from the old place

    column  a₀ w + a₁ h + a₂
    row     b₀ w + b₁ h + b₂

which mostly lies between pixels. Bilinear interpolation takes the four around it, with weights
that fall off linearly in both directions:

    y[p] = Σₖ wₖ[p] x[iₖ[p]] + (1 − Σₖ wₖ[p]) · fill        dx[i] = Σ wₖ[p] dy[p] over all iₖ[p] = i

Beyond the borders the fill mode says which pixel stands there; with `"constant"` there is none,
its weight is zero, and what is missing from 1 is filled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minidl._typing import Array

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
INTERPOLATIONS = ("nearest", "bilinear")


def sample(
    x: Array, matrices: Array, interpolation: str, fill_mode: str, fill_value: float
) -> Array:
    """Return images sampled at other places.

    Arguments:
        x: (batch, channels, height, width).
        matrices: (batch, 6), each row (a₀, a₁, a₂, b₀, b₁, b₂).
    """
    y = np.empty_like(x)
    for image, new, matrix in zip(x, y, matrices, strict=True):
        pixels = image.reshape(len(image), -1)
        total: Array | None = None
        weight: Array | float = 0.0
        for i, w in _neighbours(matrix, image.shape[1:], interpolation, fill_mode):
            w = w.astype(x.dtype)
            share = np.take(pixels, i, axis=1)
            share *= w
            total = share if total is None else np.add(total, share, out=total)
            weight = weight + w
        assert total is not None
        if fill_mode == "constant" and fill_value:
            total += (1 - weight) * x.dtype.type(fill_value)
        new[...] = total.reshape(image.shape)
    return y


def sample_adjoint(dy: Array, matrices: Array, interpolation: str, fill_mode: str) -> Array:
    """Return dx for `sample`: every pixel that was read gets its share of dy."""
    dx = np.empty_like(dy)
    for d_new, d_image, matrix in zip(dy, dx, matrices, strict=True):
        size = d_image.shape[1:]
        d_pixels = np.zeros((len(d_image), math.prod(size)))
        rows = d_new.reshape(len(d_new), -1)
        for i, w in _neighbours(matrix, size, interpolation, fill_mode):
            for channel, row in zip(d_pixels, rows, strict=True):
                channel += np.bincount(i, w * row, len(channel))
        d_image[...] = d_pixels.reshape(d_image.shape)
    return dx


def _neighbours(
    matrix: Array, size: tuple[int, ...], interpolation: str, fill_mode: str
) -> Iterator[tuple[Array, Array]]:
    """Yield the old pixels that new ones are made of: their numbers, and weights."""
    height, width = size
    a0, a1, a2, b0, b1, b2 = matrix
    w, h = np.arange(width), np.arange(height)[:, None]
    columns = _along_axis(a0 * w + a1 * h + a2, width, interpolation, fill_mode)
    rows = _along_axis(b0 * w + b1 * h + b2, height, interpolation, fill_mode)
    for row, row_weight in rows:
        for column, column_weight in columns:
            yield (row * width + column).ravel(), (row_weight * column_weight).ravel()


def _along_axis(
    place: Array, length: int, interpolation: str, fill_mode: str
) -> list[tuple[Array, Array]]:
    """Return the one or two whole places next to `place` on an axis, with their weights."""
    if interpolation == "nearest":
        # The half is rounded away from zero.
        found = [(np.trunc(place + np.copysign(0.5, place)), np.ones_like(place))]
    else:
        lower = np.floor(place)
        found = [(lower, lower + 1 - place), (lower + 1, place - lower)]
    return [_within(i.astype(np.intp), w, length, fill_mode) for i, w in found]


def _within(i: Array, w: Array, length: int, fill_mode: str) -> tuple[Array, Array]:
    """Return which place within the borders stands for place i, and its weight."""
    if fill_mode == "constant":
        inside = (i >= 0) & (i < length)
        return np.where(inside, i, 0), w * inside
    if fill_mode == "nearest":
        return np.clip(i, 0, length - 1), w
    if fill_mode == "wrap":
        return i % length, w
    i = i % (2 * length)  # reflect: there and back again
    return np.minimum(i, 2 * length - 1 - i), w
