"""How pooling windows lie along one axis; gathering from them, spreading to them.

Pooling over a rectangle is pooling along its last axis, then along the one before it, and so on:
the maximum of a rectangle is the maximum of its rows' maxima, and its sum the sum of their sums.
So everything here knows one axis. A window's place k is, for all windows at once, a strided view
of x: no patches are copied.

        x   0 1 2 3 4 5 6        size 3, stride 2: place k of window o is x[o · stride + k]
            └─0─┘
                └─1─┘
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
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
    def apart(self) -> bool:
        """Whether no two windows share a number."""
        return self.stride >= self.size

    @property
    def trivial(self) -> bool:
        """Whether each number is a window of its own."""
        return self.size == self.stride == 1

    def place(self, k: int) -> tuple[slice, slice]:
        """Return where on the axis place k of the windows lies, and which windows have it there."""
        shift = k - self.before
        first = max(0, -(shift // self.stride))
        last = min(self.outputs - 1, (self.length - 1 - shift) // self.stride)
        start = shift + first * self.stride
        stop = shift + last * self.stride + 1
        if last < first:
            return slice(0, 0), slice(0, 0)
        return slice(start, stop, self.stride), slice(first, last + 1)

    def numbers(self) -> list[int]:
        """Return how many numbers of the axis each window holds."""
        starts = [o * self.stride - self.before for o in range(self.outputs)]
        return [min(s + self.size, self.length) - max(s, 0) for s in starts]


def gather(combine: Any, x: Array, axis: int, windows: Windows, nothing: float) -> Array:
    """Return for each window its numbers joined by `combine`, `np.maximum` or `np.add`.

    Arguments:
        nothing: what leaves a number as it is when combined with it.

    >>> gather(np.add, np.arange(7.0), 0, Windows.along(7, size=3, stride=2, padding="valid"), 0)
    array([ 3.,  9., 15.])
    """
    places = range(windows.size)
    if windows.inside and windows.size > 1:
        y = combine(*(on_axis(x, axis, windows.place(k)[0]) for k in (0, 1)))
        places = range(2, windows.size)
    else:
        shape = (*x.shape[:axis], windows.outputs, *x.shape[axis + 1 :])
        y = np.full(shape, nothing, x.dtype)
    for k in places:
        here, which = windows.place(k)
        y_k = on_axis(y, axis, which)
        combine(y_k, on_axis(x, axis, here), out=y_k)
    return y


def spread(dy: Array, axis: int, windows: Windows) -> Array:
    """Return dx, where each number gets the sum of dy over the windows that hold it.

    It is what `gather` with `np.add` needs backwards.

    >>> spread(np.array([1.0, 10.0, 100.0]), 0, Windows.along(7, 3, 2, "valid"))
    array([  1.,   1.,  11.,  10., 110., 100., 100.])
    """
    dx = np.zeros((*dy.shape[:axis], windows.length, *dy.shape[axis + 1 :]), dy.dtype)
    for k in range(windows.size):
        here, which = windows.place(k)
        dx_k, dy_k = on_axis(dx, axis, here), on_axis(dy, axis, which)
        if windows.apart:
            dx_k[...] = dy_k
        else:
            dx_k += dy_k
    return dx


def spread_to_first(x: Array, y: Array, dy: Array, axis: int, windows: Windows) -> Array:
    """Return dx, where in each window the first number of x that equals y gets dy.

    It is what `gather` with `np.maximum` needs backwards.

    >>> x, windows = np.array([0.0, 5.0, 5.0, 1.0]), Windows.along(4, 2, 2, "valid")
    >>> y = gather(np.maximum, x, 0, windows, -np.inf)
    >>> spread_to_first(x, y, np.array([3.0, 4.0]), 0, windows)
    array([0., 3., 4., 0.])
    """
    dx = np.zeros(x.shape, dy.dtype)
    if windows.apart and windows.inside and windows.size > 1:
        # Whoever is the maximum takes dy; what no one has taken is kept in the last place.
        last = on_axis(dx, axis, windows.place(windows.size - 1)[0])
        left = dy
        for k in range(windows.size - 1):
            here, _ = windows.place(k)
            dx_k = on_axis(dx, axis, here)
            np.multiply(left, on_axis(x, axis, here) == y, out=dx_k)
            left = np.subtract(left, dx_k, out=last)
        return dx
    left = dy.copy()
    for k in range(windows.size):
        here, which = windows.place(k)
        left_k, dx_k = on_axis(left, axis, which), on_axis(dx, axis, here)
        taken = left_k * (on_axis(x, axis, here) == on_axis(y, axis, which))
        dx_k += taken
        left_k -= taken
    return dx


def on_axis(array: Array, axis: int, part: slice) -> Array:
    """Return a view of `array` that has `part` of one axis."""
    return array[(slice(None),) * axis + (part,)]
