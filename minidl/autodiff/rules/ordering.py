"""Functions that put in order, and those between neighbours: each picks entries, or adds a few."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.autodiff.dispatch import composite
from minidl.autodiff.errors import NotDifferentiableError
from minidl.autodiff.rules.indexing import take
from minidl.autodiff.rules.reductions import axes_of
from minidl.tracing import plain


@composite(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, stable: Any = None) -> Any:
    """Write sort as taking the entries in their order."""
    if axis is None:
        a, axis = np.ravel(a), 0
    order = np.argsort(plain(a), axis=axis, kind=kind, stable=stable)
    return np.take_along_axis(a, order, axis)


@composite(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1) -> Any:
    """Write partition as taking the entries in their order."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argpartition(plain(a), kth, axis=axis), axis)


@composite(np.median)
def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Write the median as the quantile in the middle."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


@composite(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Write a percentile as a quantile."""
    return quantile(a, np.asarray(q) / 100, axis, method, keepdims)


@composite(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Write a quantile as a mean of the two sorted entries that it lies between."""
    if method != "linear":
        raise NotDifferentiableError("np.quantile", f"method={method!r} is not covered.")
    axes = axes_of(axis, np.ndim(a))
    rest = [i for i in range(np.ndim(a)) if i not in axes]
    kept = [np.shape(a)[i] for i in rest]
    rows = np.sort(np.reshape(np.transpose(a, [*rest, *axes]), [*kept, -1]), axis=-1)
    place = np.asarray(q, dtype=np.float64) * (np.shape(rows)[-1] - 1)
    low = np.floor(place).astype(int)
    high = np.ceil(place).astype(int)
    share = (place - low).astype(plain(a).dtype)
    y = take(rows, low, -1) * (1 - share) + take(rows, high, -1) * share
    if np.ndim(q):
        y = np.moveaxis(y, -1, 0)
    if keepdims:
        shape = [1 if i in axes else n for i, n in enumerate(np.shape(a))]
        y = np.reshape(y, [*np.shape(q), *shape])
    return y


@composite(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Write differences of neighbours as a difference of two parts."""
    for _ in range(n):
        size = np.shape(a)[axis]
        a = take(a, np.arange(1, size), axis) - take(a, np.arange(size - 1), axis)
    return a


@composite(np.ediff1d)
def ediff1d(ary: Any) -> Any:
    """Write ediff1d as diff of one row."""
    return diff(np.ravel(ary))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Write the trapezoidal rule as the sum of widths times mean heights."""
    size = np.shape(y)[axis]
    heights = (take(y, np.arange(1, size), axis) + take(y, np.arange(size - 1), axis)) / 2
    if x is None:
        return np.sum(heights, axis=axis) * dx
    widths = np.diff(x, axis=axis if np.ndim(x) > 1 else 0)
    if np.ndim(x) == 1:
        widths = np.reshape(
            widths, [-1 if i == axis % np.ndim(y) else 1 for i in range(np.ndim(y))]
        )
    return np.sum(heights * widths, axis=axis)


composite(np.trapezoid)(trapezoid)


@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Write interpolation as a line between the two points that x lies between."""
    at = np.clip(np.searchsorted(plain(xp), plain(x), side="right") - 1, 0, np.shape(xp)[0] - 2)
    x0, x1 = take(xp, at), take(xp, at + 1)
    y0, y1 = take(fp, at), take(fp, at + 1)
    y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    y = np.where(plain(x) < plain(xp)[0], fp[0] if left is None else left, y)
    return np.where(plain(x) > plain(xp)[-1], fp[-1] if right is None else right, y)


@composite(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Write a polynomial as Horner does."""
    y: Any = 0 * x
    for i in range(np.shape(p)[0]):
        y = y * x + p[i]
    return y
