"""Windows along an axis: what they hold, joined; and what comes back to each number.

All arrays are (before, axis, after): the axis that is pooled stands in the middle, and whatever
lies before and after it is rolled up. Window o begins at the place o · stride − before; where it
sticks out, it holds nothing.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array
from minidl.kernels.kernel import kernel
from minidl.kernels.memory import empty
from minidl.kernels.team import loop, prange, share

Pair = tuple[int, int]


def place(length: int, windows: int, stride: int, shift: int) -> tuple[slice, slice]:
    """Return where on an axis the places o · stride + shift lie, and for which windows o.

    >>> place(length=5, windows=3, stride=2, shift=-1)
    (slice(1, 4, 2), slice(1, 3, None))
    """
    first = max(0, -(shift // stride))
    last = min(windows - 1, (length - 1 - shift) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start, stop = shift + first * stride, shift + last * stride + 1
    return slice(start, stop, stride), slice(first, last + 1)


def _inside(x: Array, y: Array, size: int, stride: int, before: int) -> bool:
    """Return whether no window sticks out of x."""
    return before == 0 and (y.shape[1] - 1) * stride + size <= x.shape[1]


@kernel
def window_maxima(x: Array, y: Array, size: int, stride: int, before: int) -> None:
    """y[:, o] = maxₖ x[:, o · stride − before + k]"""
    _join(np.maximum, -np.inf, x, y, size, stride, before)


@window_maxima.compiled
def _(x, y, size, stride, before):  # type: ignore[no-untyped-def]
    outer, length, inner = x.shape
    for a in range(outer):
        for o in range(y.shape[1]):
            start = o * stride - before
            first, last = max(start, 0), min(start + size, length)
            maxima = y[a, o]
            maxima[:] = x[a, first]
            for i in range(first + 1, last):
                row = x[a, i]
                for b in range(inner):
                    v, m = row[b], maxima[b]
                    maxima[b] = v if v > m or v != v else m  # NaN stays NaN


@window_maxima.shared
def _(n, x, y, size, stride, before):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(y))
        loop(x[a:b], y[a:b], size, stride, before)


@kernel
def window_sums(x: Array, y: Array, size: int, stride: int, before: int) -> None:
    """y[:, o] = Σₖ x[:, o · stride − before + k]"""
    _join(np.add, 0, x, y, size, stride, before)


@window_sums.compiled
def _(x, y, size, stride, before):  # type: ignore[no-untyped-def]
    outer, length, inner = x.shape
    for a in range(outer):
        for o in range(y.shape[1]):
            start = o * stride - before
            first, last = max(start, 0), min(start + size, length)
            for b in range(inner):
                y[a, o, b] = x[a, first, b]
            for i in range(first + 1, last):
                for b in range(inner):
                    y[a, o, b] += x[a, i, b]


@window_sums.shared
def _(n, x, y, size, stride, before):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(y))
        loop(x[a:b], y[a:b], size, stride, before)


def _join(
    combine: np.ufunc, nothing: float, x: Array, y: Array, size: int, stride: int, before: int
) -> None:
    """Join each window's numbers; for all windows at once, a place is one strided view of x."""
    length, windows = x.shape[1], y.shape[1]
    places = range(size)
    if size > 1 and _inside(x, y, size, stride, before):
        first, second = (place(length, windows, stride, k)[0] for k in (0, 1))
        combine(x[:, first], x[:, second], out=y)
        places = range(2, size)
    else:
        y.fill(nothing)
    for k in places:
        here, which = place(length, windows, stride, k - before)
        combine(y[:, which], x[:, here], out=y[:, which])


@kernel
def spread_sums(dy: Array, dx: Array, size: int, stride: int, before: int) -> None:
    """dx[:, o · stride − before + k] += dy[:, o] for every k.

    dx is zero at first; where windows do not overlap, only what no window holds has to be.
    """
    for k in range(size):
        here, which = place(dx.shape[1], dy.shape[1], stride, k - before)
        if stride >= size:
            dx[:, here] = dy[:, which]
        else:
            dx[:, here] += dy[:, which]


@spread_sums.compiled
def _(dy, dx, size, stride, before):  # type: ignore[no-untyped-def]
    outer, length, inner = dx.shape
    for a in range(outer):
        for o in range(dy.shape[1]):
            start = o * stride - before
            for i in range(max(start, 0), min(start + size, length)):
                for b in range(inner):
                    if stride >= size:
                        dx[a, i, b] = dy[a, o, b]
                    else:
                        dx[a, i, b] += dy[a, o, b]


@spread_sums.shared
def _(n, dy, dx, size, stride, before):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(dx))
        loop(dy[a:b], dx[a:b], size, stride, before)


@kernel
def spread_to_maxima(
    x: Array, y: Array, dy: Array, dx: Array, size: int, stride: int, before: int
) -> None:
    """dx += dy[:, o] at the first place of window o where x is y[:, o].

    dx is zero at first; where windows do not overlap, only what no window holds has to be.
    """
    length, windows = x.shape[1], y.shape[1]
    if size > 1 and stride >= size and _inside(x, y, size, stride, before):
        # Whoever is the maximum takes dy; what no one has taken is kept in the last place.
        last = dx[:, place(length, windows, stride, size - 1)[0]]
        left, equal = dy, empty(y.shape, bool)
        for k in range(size - 1):
            here, _ = place(length, windows, stride, k)
            np.equal(x[:, here], y, out=equal)
            np.multiply(left, equal, out=dx[:, here])
            left = np.subtract(left, dx[:, here], out=last)
        return
    left = dy.copy()
    for k in range(size):
        here, which = place(length, windows, stride, k - before)
        taken = left[:, which] * (x[:, here] == y[:, which])
        dx[:, here] += taken
        left[:, which] -= taken


@spread_to_maxima.compiled
def _(x, y, dy, dx, size, stride, before):  # type: ignore[no-untyped-def]
    outer, length, inner = x.shape
    zero = dx.dtype.type(0)
    left = np.empty(inner, dx.dtype)  # what no place of the window has taken yet
    for a in range(outer):
        for o in range(y.shape[1]):
            start = o * stride - before
            left[:] = dy[a, o]
            maxima = y[a, o]
            for i in range(max(start, 0), min(start + size, length)):
                row, back = x[a, i], dx[a, i]
                for b in range(inner):
                    taken = left[b] if row[b] == maxima[b] else zero
                    left[b] -= taken
                    if stride >= size:
                        back[b] = taken
                    else:
                        back[b] += taken


@spread_to_maxima.shared
def _(n, x, y, dy, dx, size, stride, before):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(dx))
        loop(x[a:b], y[a:b], dy[a:b], dx[a:b], size, stride, before)


@kernel
def plane_maxima(x: Array, y: Array, size: Pair, stride: Pair) -> None:
    """y[:, o, p] = maxₖₗ x[:, o · s + k, p · t + l], (s, t) being the stride.

    Arrays are (before, rows, columns, after); windows lie within x and do not overlap.
    """
    before, rows, _, after = x.shape
    columns = y.shape[2]
    joined = np.empty((before * rows, columns, after), y.dtype)
    window_maxima.reference(x.reshape(before * rows, -1, after), joined, size[1], stride[1], 0)
    joined, y = joined.reshape(before, rows, -1), y.reshape(before, y.shape[1], -1)
    window_maxima.reference(joined, y, size[0], stride[0], 0)


@plane_maxima.compiled
def _(x, y, size, stride):  # type: ignore[no-untyped-def]
    for a in range(y.shape[0]):
        for o in range(y.shape[1]):
            for p in range(y.shape[2]):
                maxima = y[a, o, p]
                maxima[:] = x[a, o * stride[0], p * stride[1]]
                for k in range(size[0]):
                    for l in range(size[1]):  # noqa: E741
                        place = x[a, o * stride[0] + k, p * stride[1] + l]
                        for b in range(y.shape[3]):
                            v, m = place[b], maxima[b]
                            maxima[b] = v if v > m or v != v else m


@plane_maxima.shared
def _(n, x, y, size, stride):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(y))
        loop(x[a:b], y[a:b], size, stride)


@kernel
def plane_spread(x: Array, y: Array, dy: Array, dx: Array, size: Pair, stride: Pair) -> None:
    """dx = dy[:, o, p] at the first place of window (o, p) where x is y[:, o, p], and 0 elsewhere.

    What no window holds is left as it is. Shapes and windows as in `plane_maxima`.
    """
    left = dy.copy()
    for k, l in np.ndindex(*size):  # noqa: E741
        here = (slice(None), *(
            slice(i, i + (n - 1) * s + 1, s)
            for i, n, s in zip((k, l), y.shape[1:3], stride, strict=True)
        ))  # fmt: skip
        np.multiply(left, x[here] == y, out=dx[here])
        left -= dx[here]


@plane_spread.compiled
def _(x, y, dy, dx, size, stride):  # type: ignore[no-untyped-def]
    zero = dx.dtype.type(0)
    left = np.empty(y.shape[3], dx.dtype)
    for a in range(y.shape[0]):
        for o in range(y.shape[1]):
            for p in range(y.shape[2]):
                left[:] = dy[a, o, p]
                maxima = y[a, o, p]
                for k in range(size[0]):
                    for l in range(size[1]):  # noqa: E741
                        i, j = o * stride[0] + k, p * stride[1] + l
                        place, back = x[a, i, j], dx[a, i, j]
                        for b in range(y.shape[3]):
                            taken = left[b] if place[b] == maxima[b] else zero
                            back[b] = taken
                            left[b] -= taken


@plane_spread.shared
def _(n, x, y, dy, dx, size, stride):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, len(dx))
        loop(x[a:b], y[a:b], dy[a:b], dx[a:b], size, stride)
