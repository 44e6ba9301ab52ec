"""Functions that pick entries: a gradient goes back to where they were picked from.

An entry that was picked several times gets the sum, an entry that was not gets zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minidl.autodiff.dispatch import composite, primitive, rule
from minidl.autodiff.errors import NotDifferentiableError
from minidl.tracing import Traced


@primitive(lambda g, y, x, index: scatter(g, index, np.shape(x)))
def getitem(x: Any, index: Any) -> Any:
    """Return x[index]."""
    return x[index]


@primitive(lambda g, y, values, index, shape: getitem(g, index))
def scatter(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of a shape, with values added at an index: what getitem's gradient is."""
    whole = np.zeros(shape, dtype=values.dtype)
    if _is_view(index) or _is_mask(index):
        whole[index] = values  # each entry once
    else:
        np.add.at(whole, index, values)
    return whole


def _is_view(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, slice | int | np.integer)
        for part in parts
    )


def _is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == bool


@composite(np.take)
def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    """Write take as an index, in the form a[:, :, indices]."""
    if isinstance(indices, Traced):
        raise NotDifferentiableError("np.take", "its indices are traced floats.")
    indices = np.asarray(indices)
    if axis is None:
        a, axis = np.ravel(a), 0
    size = np.shape(a)[axis]
    if mode != "raise":
        indices = np.clip(indices, 0, size - 1) if mode == "clip" else indices % size
    return getitem(a, (slice(None),) * (axis % np.ndim(a)) + (indices,))


@composite(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Write take_along_axis as an index with one array for each axis."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis %= np.ndim(arr)
    grid = list(np.ogrid[tuple(slice(n) for n in np.shape(arr))])
    shape = np.broadcast_shapes(
        np.shape(indices), tuple(1 if i == axis else n for i, n in enumerate(np.shape(arr)))
    )
    grid[axis] = np.broadcast_to(indices, shape)
    return getitem(arr, tuple(grid))


@composite(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """Write compress as taking the places where the condition holds."""
    return take(a, np.flatnonzero(condition), axis)


@composite(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Write extract as an index."""
    return take(arr, np.flatnonzero(np.ravel(condition)))


@composite(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Write delete as taking what is left."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return take(arr, np.delete(np.arange(np.shape(arr)[axis]), obj), axis)


@composite(np.diagonal, np.linalg.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Write the diagonal as an index on two axes at once."""
    rows, columns = np.shape(a)[axis1], np.shape(a)[axis2]
    first = np.arange(max(min(rows + min(offset, 0), columns - max(offset, 0)), 0))
    index = (..., first - min(offset, 0), first + max(offset, 0))
    return getitem(np.moveaxis(a, (axis1, axis2), (-2, -1)), index)


@composite(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Write diag as the diagonal, or as placing on it."""
    if np.ndim(v) == 2:
        return diagonal(v, k)
    first = np.arange(np.size(v))
    side = np.size(v) + abs(k)
    return scatter(v, (first - min(k, 0), first + max(k, 0)), (side, side))


@composite(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """Write diagflat as diag."""
    return diag(np.ravel(v), k)


@composite(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Write the trace as the diagonal's sum."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


@composite(np.linalg.trace)
def linalg_trace(x: Any, offset: int = 0) -> Any:
    """Write the trace of matrices as the diagonal's sum."""
    return np.sum(diagonal(x, offset, -2, -1), axis=-1)


@composite(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """Write tril as a choice of entries."""
    return np.where(_lower(m, k), m, np.zeros((), m.dtype))


@composite(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """Write triu as a choice of entries."""
    return np.where(_lower(m, k - 1), np.zeros((), m.dtype), m)


def _lower(m: Any, k: int) -> Any:
    rows, columns = np.shape(m)[-2:]
    return np.tri(rows, columns, k, dtype=bool)


def _unwindowed(g: Any, y: Any, x: Any, window_shape: Any, axis: Any = None) -> Any:
    """Add up the places of each window: dx is the sum of g's shifted copies."""
    axes, sizes = _windows(window_shape, axis, np.ndim(x))
    dx: Any = np.zeros(np.shape(x), dtype=g.dtype)
    if not np.size(g):
        return dx
    for place in np.ndindex(*sizes):
        sides = [(0, 0)] * np.ndim(x)
        for a, size, at in zip(axes, sizes, place, strict=True):
            low, high = sides[a]
            sides[a] = (low + at, high + size - 1 - at)
        dx = dx + np.pad(g[(..., *place)], sides)
    return dx


def _windows(window_shape: Any, axis: Any, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    sizes = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    if axis is None:
        return tuple(range(rank)), sizes
    axes = tuple(axis) if np.iterable(axis) else (axis,)
    return tuple(a % rank for a in axes), sizes


rule(sliding_window_view, _unwindowed)
