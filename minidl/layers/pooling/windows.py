"""How pooling windows lie along one axis; what they hold, and what comes back.

Pooling over a rectangle is pooling along its last axis, then along the one before it, and so on:
the maximum of a rectangle is the maximum of its rows' maxima, and its sum the sum of their sums.
So everything here knows one axis. A window's place k is, for all windows at once, a strided view
of x: no patches are copied. The loops are `minidl/kernels/pooling.py`.

        x   0 1 2 3 4 5 6        size 3, stride 2: place k of window o is x[o · stride + k]
            └─0─┘
                └─1─┘
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.kernels import compiles, empty
from minidl.kernels import pooling as kernels
from minidl.layers.convolutional.geometry import output_size


class Windows(NamedTuple):
    """The windows along one axis.

    Arguments:
        length: how many numbers the axis has.
        size: how many places a window has.
        stride: how far each window stands from the one before.
        before: how many places of the first window stand before the axis begins.
        outputs: how many windows there are.
    """

    length: int
    size: int
    stride: int
    before: int
    outputs: int

    @classmethod
    def along(cls, length: int, size: int, stride: int, padding: str) -> Windows:
        """Return the windows on an axis of `length`; `"same"` centres what sticks out."""
        count = output_size(length, size, stride, 1, padding) or 0
        missing = (count - 1) * stride + size - length if padding == "same" else 0
        return cls(length, size, stride, max(missing, 0) // 2, count)

    @property
    def inside(self) -> bool:
        """Whether no window sticks out of the axis."""
        return self.before == 0 and (self.outputs - 1) * self.stride + self.size <= self.length

    @property
    def tile(self) -> bool:
        """Whether every number is in one window, and every window holds its full size."""
        return self.inside and self.size == self.stride and self.outputs * self.size == self.length

    @property
    def steps(self) -> tuple[int, int, int]:
        """Size, stride and what stands before the axis, as the kernels take them."""
        return self.size, self.stride, self.before

    @property
    def trivial(self) -> bool:
        """Whether each number is a window of its own."""
        return self.size == self.stride == 1

    def place(self, k: int) -> tuple[slice, slice]:
        """Return where on the axis place k of the windows lies, and which windows have it there."""
        return kernels.place(self.length, self.outputs, self.stride, k - self.before)

    def numbers(self) -> list[int]:
        """Return how many numbers of the axis each window holds."""
        starts = [o * self.stride - self.before for o in range(self.outputs)]
        return [min(s + self.size, self.length) - max(s, 0) for s in starts]


def maxima(x: Array, axis: int, windows: Windows) -> Array:
    """Return the largest number of each window.

    >>> maxima(np.array([0.0, 5.0, 5.0, 1.0]), 0, Windows.along(4, 2, 2, "valid"))
    array([5., 5.])
    """
    return _joined(kernels.window_maxima, x, axis, windows)


def sums(x: Array, axis: int, windows: Windows) -> Array:
    """Return the sum of each window.

    >>> sums(np.arange(7.0), 0, Windows.along(7, size=3, stride=2, padding="valid"))
    array([ 3.,  9., 15.])
    """
    return _joined(kernels.window_sums, x, axis, windows)


def spread(dy: Array, axis: int, windows: Windows) -> Array:
    """Return dx, where each number gets the sum of dy over the windows that hold it.

    It is what `sums` needs backwards.

    >>> spread(np.array([1.0, 10.0, 100.0]), 0, Windows.along(7, 3, 2, "valid"))
    array([  1.,   1.,  11.,  10., 110., 100., 100.])
    """
    dx = _zeros((*dy.shape[:axis], windows.length, *dy.shape[axis + 1 :]), dy.dtype, windows)
    kernels.spread_sums(_rolled(dy, axis), _rolled(dx, axis), *windows.steps)
    return dx


def spread_to_first(x: Array, y: Array, dy: Array, axis: int, windows: Windows) -> Array:
    """Return dx, where in each window the first number of x that equals y gets dy.

    It is what `maxima` needs backwards.

    >>> x, windows = np.array([0.0, 5.0, 5.0, 1.0]), Windows.along(4, 2, 2, "valid")
    >>> spread_to_first(x, maxima(x, 0, windows), np.array([3.0, 4.0]), 0, windows)
    array([0., 3., 4., 0.])
    """
    dx = _zeros(x.shape, dy.dtype, windows)
    arrays = (_rolled(array, axis) for array in (x, y, dy, dx))
    kernels.spread_to_maxima(*arrays, *windows.steps)
    return dx


def are_planes(found: list[tuple[int, Windows]]) -> bool:
    """Return whether windows are rectangles on two axes, and quicker taken at once.

    That is where they lie within x and do not overlap; and where loops are compiled, for NumPy is
    quicker with one axis after the other.
    """
    return compiles() and len(found) == 2 and all(w.inside and w.stride >= w.size for _, w in found)


def plane_maxima(x: Array, found: list[tuple[int, Windows]]) -> Array:
    """Return the largest number of each rectangle: what `maxima` finds along both axes, at once.

    Arguments:
        found: two neighbouring axes, and the windows along them.
    """
    (axis, rows), (_, columns) = found
    y = empty((*x.shape[:axis], rows.outputs, columns.outputs, *x.shape[axis + 2 :]), x.dtype)
    kernels.plane_maxima(_as_planes(x, axis), _as_planes(y, axis), *_sizes(rows, columns))
    return y


def spread_in_planes(x: Array, y: Array, dy: Array, found: list[tuple[int, Windows]]) -> Array:
    """Return dx, where in each rectangle the first number of x that equals y gets dy."""
    (axis, rows), (_, columns) = found
    dx = empty(x.shape, dy.dtype)
    if not (rows.tile and columns.tile):
        dx.fill(0)
    arrays = (_as_planes(array, axis) for array in (x, y, dy, dx))
    kernels.plane_spread(*arrays, *_sizes(rows, columns))
    return dx


def _sizes(rows: Windows, columns: Windows) -> tuple[tuple[int, int], tuple[int, int]]:
    return (rows.size, columns.size), (rows.stride, columns.stride)


def _as_planes(x: Array, axis: int) -> Array:
    """Return x as (before, rows, columns, after), in one piece."""
    before, after = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 2 :])
    return np.ascontiguousarray(x).reshape(before, *x.shape[axis : axis + 2], after)


def _zeros(shape: tuple[int, ...], dtype: Any, windows: Windows) -> Array:
    """Return zeros; where windows lie side by side and leave nothing out, all will be written."""
    dx = empty(shape, dtype)
    if not windows.tile:
        dx.fill(0)
    return dx


def _joined(join: Any, x: Array, axis: int, windows: Windows) -> Array:
    y = empty((*x.shape[:axis], windows.outputs, *x.shape[axis + 1 :]), x.dtype)
    join(_rolled(x, axis), _rolled(y, axis), *windows.steps)
    return y


def _rolled(x: Array, axis: int) -> Array:
    """Return x as (before, axis, after), in one piece: a view wherever x is in one piece."""
    before, after = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return np.ascontiguousarray(x).reshape(before, x.shape[axis], after)
