"""Axes as users write them (-1, or a list) and as NumPy needs them (sorted, counted from 0)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array, Shape


def check_axes(axis: Any, owner: str, several: bool = True) -> int | list[int]:
    """Return a constructor's `axis` as an int, or as a list of ints where `several` may stand.

    Raises:
        ValueError: if it is something else, or an empty list.
    """
    if _is_integer(axis):
        return int(axis)
    if several and isinstance(axis, list | tuple) and axis and all(map(_is_integer, axis)):
        return [int(a) for a in axis]
    expected = "an integer or a list of integers" if several else "an integer"
    raise ValueError(f"{owner}: received axis={axis!r}, expected {expected}, such as -1.")


def resolve_axes(axis: int | list[int] | tuple[int, ...], shape: Shape, owner: str) -> list[int]:
    """Return the axes counted from 0, sorted.

    Raises:
        ValueError: if an axis lies outside of `shape` or is named twice.
    """
    rank = len(shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if any(not -rank <= a < rank for a in axes):
        raise ValueError(
            f"{owner}: received axis={axis} for an input of shape {shape}, expected axes from "
            f"{-rank} to {rank - 1}: the input has {rank} axes, the batch axis included."
        )
    resolved = sorted(a % rank for a in axes)
    if len(set(resolved)) < len(resolved):
        raise ValueError(f"{owner}: axis={axis} names an axis of the shape {shape} twice.")
    return resolved


def known_sizes(axes: list[int], shape: Shape, owner: str) -> tuple[int, ...]:
    """Return the sizes of `axes`, which weights are made from.

    Raises:
        ValueError: if one is None.
    """
    sizes = tuple(shape[a] for a in axes)
    if None in sizes:
        raise ValueError(
            f"{owner}: received an input of shape {shape}, expected known sizes on the axes "
            f"{axes}, since the weights have one number for each place on them. Give Input its "
            "full shape, and choose an axis other than the batch."
        )
    return sizes  # type: ignore[return-value]


def along(values: Array, axes: list[int], rank: int) -> Array:
    """Return `values`, whose axes are `axes` of an array of `rank` axes, ready to broadcast.

    >>> along(np.ones(3), [1], rank=4).shape
    (1, 3, 1, 1)
    """
    shape = [1] * rank
    for axis, size in zip(axes, values.shape, strict=True):
        shape[axis] = size
    return values.reshape(shape)


def other_axes(axes: list[int], rank: int) -> tuple[int, ...]:
    """Return the axes from 0 to `rank` - 1 that are not among `axes`."""
    return tuple(a for a in range(rank) if a not in axes)


_BLOCK = 4096  # rows that one product sums: few enough for float32 to keep its digits


def sum_keeping(x: Array, axes: list[int]) -> Array:
    """Return the sums over all axes of `x` but `axes`.

    Over rows it is a product with ones. Where `np.sum` adds a million float32 rows one after the
    other and loses a percent, the product adds in blocks, and in a fraction of the time.

    >>> sum_keeping(np.ones((4, 2, 3)), [2])
    array([8., 8., 8.])
    """
    rank = x.ndim
    if axes != list(range(rank - len(axes), rank)):
        return x.sum(axis=other_axes(axes, rank))
    sizes = x.shape[rank - len(axes) :]
    rows = x.reshape(math.prod(x.shape[: rank - len(axes)]), math.prod(sizes))
    ones = np.ones(min(len(rows), _BLOCK), x.dtype)
    if len(rows) <= _BLOCK:
        return np.matmul(ones, rows).reshape(sizes)
    blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    return np.sum([np.matmul(ones[: len(b)], b) for b in blocks], axis=0).reshape(sizes)


def check_data_format(data_format: str | None, owner: str) -> str:
    """Return the data format; None gives `"channels_last"`.

    Raises:
        ValueError: if it is neither of the two.
    """
    if data_format is None:
        return "channels_last"
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{owner}: received data_format={data_format!r}, expected 'channels_last' "
            "(batch, ..., channels) or 'channels_first' (batch, channels, ...)."
        )
    return data_format


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
