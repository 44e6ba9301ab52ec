"""Functions that move numbers about: a gradient goes the way back.

What appears several times in the output (broadcast_to, tile, repeat) gets the sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.autodiff.dispatch import composite, primitive, rule
from minidl.tracing import Traced, plain


@primitive(lambda g, y, x, dtype: g)  # the tape casts it back
def astype(x: Any, dtype: Any) -> Any:
    """Return x in another float type."""
    return x.astype(dtype)


def _back(g: Any, y: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """Undo a change of shape that keeps the order of the numbers."""
    return np.reshape(g, np.shape(a))


rule(np.copy, lambda g, y, a, order="K", subok=False: g)
rule(np.squeeze, lambda g, y, a, axis=None: np.reshape(g, np.shape(a)))
rule(np.expand_dims, lambda g, y, a, axis: np.reshape(g, np.shape(a)))
rule(
    np.reshape,
    lambda g, y, a, shape=None, order="C", newshape=None, copy=None: np.reshape(
        g, np.shape(a), order=order
    ),
)
rule(np.ravel, lambda g, y, a, order="C": np.reshape(g, np.shape(a), order=order))
rule(np.broadcast_to, lambda g, y, array, shape, subok=False: g)  # the tape sums it


def _untransposed(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    inverse = np.argsort([axis % np.ndim(a) for axis in axes])
    return np.transpose(g, [int(axis) for axis in inverse])


rule(np.transpose, _untransposed)
rule(np.swapaxes, lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
rule(np.moveaxis, lambda g, y, a, source, destination: np.moveaxis(g, destination, source))
rule(np.flip, lambda g, y, m, axis=None: np.flip(g, axis))
rule(
    np.roll,
    lambda g, y, a, shift, axis=None: np.roll(
        g, tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift, axis
    ),
)
rule(np.rot90, lambda g, y, m, k=1, axes=(0, 1): np.rot90(g, -k, axes))


@composite(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Write rollaxis as moveaxis."""
    n = np.ndim(a)
    axis, start = axis % n, start + n if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@composite(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """Write the transpose of matrices as a swap of the last two axes."""
    return np.swapaxes(x, -1, -2)


@composite(np.fliplr)
def fliplr(m: Any) -> Any:
    """Write fliplr as flip."""
    return np.flip(m, 1)


@composite(np.flipud)
def flipud(m: Any) -> Any:
    """Write flipud as flip."""
    return np.flip(m, 0)


def _at_least(rank: int, a: Any) -> Any:
    shape = np.shape(a)
    if len(shape) >= rank:
        return a
    if rank == 3:
        shape = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
    else:
        shape = (1,) * (rank - len(shape)) + shape
    return np.reshape(a, shape)


@composite(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Write atleast_1d as reshape."""
    made = tuple(_at_least(1, a) for a in arys)
    return made[0] if len(made) == 1 else made


@composite(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Write atleast_2d as reshape."""
    made = tuple(_at_least(2, a) for a in arys)
    return made[0] if len(made) == 1 else made


@composite(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Write atleast_3d as reshape."""
    made = tuple(_at_least(3, a) for a in arys)
    return made[0] if len(made) == 1 else made


@composite(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> Any:
    """Write broadcast_arrays as broadcast_to."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(np.meshgrid)
def meshgrid(*xi: Any, indexing: str = "xy") -> Any:
    """Write meshgrid as broadcast_to, each array along its own axis."""
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = [1, 0]
    rank = len(xi)
    own = [
        np.reshape(x, [-1 if axis == place else 1 for axis in range(rank)])
        for x, place in zip(xi, places, strict=True)
    ]
    return broadcast_arrays(*own)


@composite(np.tile)
def tile(A: Any, reps: Any) -> Any:  # NumPy's name
    """Write tile as a broadcast over new axes, which then join those they repeat."""
    reps = tuple(reps) if isinstance(reps, tuple | list | np.ndarray) else (reps,)
    rank = max(len(reps), np.ndim(A))
    shape = (1,) * (rank - np.ndim(A)) + np.shape(A)
    reps = (1,) * (rank - len(reps)) + reps
    apart = [side for size in shape for side in (1, size)]
    copies = [side for times, size in zip(reps, shape, strict=True) for side in (times, size)]
    whole = [times * size for times, size in zip(reps, shape, strict=True)]
    return np.reshape(np.broadcast_to(np.reshape(A, apart), copies), whole)


@composite(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Write repeat as taking each index so many times."""
    if axis is None:
        a, axis = np.ravel(a), 0
    index = np.repeat(np.arange(np.shape(a)[axis]), repeats)
    return np.take(a, index, axis=axis)


def _unpadded(g: Any, y: Any, array: Any, pad_width: Any, constant_values: Any = 0) -> Any:
    sides = _sides(pad_width, np.ndim(array))
    inside = (slice(low, low + n) for (low, _), n in zip(sides, np.shape(array), strict=True))
    return g[tuple(inside)]


@primitive(_unpadded)
def _pad_constant(array: Any, pad_width: Any, constant_values: Any = 0) -> Any:
    return np.pad(array, pad_width, constant_values=constant_values)


@composite(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    """Write padding by entries of the array as taking those entries."""
    sides = _sides(pad_width, np.ndim(array))
    if mode == "constant":
        return _pad_constant(array, sides, constant_values=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        from minidl.autodiff.errors import NotDifferentiableError

        raise NotDifferentiableError("np.pad", f"mode={mode!r} is not covered.")
    for axis, (low, high) in enumerate(sides):
        if low or high:
            index = np.pad(np.arange(np.shape(array)[axis]), (low, high), mode=mode)
            array = np.take(array, index, axis=axis)
    return array


def _sides(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        width = np.zeros((rank, 2), dtype=int)
        for axis, sides in pad_width.items():
            width[axis] = sides
    else:
        width = np.broadcast_to(np.asarray(pad_width, dtype=int), (rank, 2))
    return [(int(low), int(high)) for low, high in width]


@composite(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Write resize as taking the entries over and over."""
    size = int(np.prod(new_shape, dtype=int))
    return np.reshape(np.take(np.ravel(a), np.arange(size) % max(np.size(a), 1)), new_shape)


@composite(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """Write full_like as a broadcast of the value; of the array only the shape counts."""
    if not isinstance(fill_value, Traced):
        return np.full_like(plain(a), fill_value, dtype=dtype, shape=shape)
    value: Any = fill_value
    y = np.broadcast_to(value, np.shape(a) if shape is None else shape)
    return y.astype(a.dtype if dtype is None else dtype)
