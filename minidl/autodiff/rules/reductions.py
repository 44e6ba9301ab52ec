"""Functions that take axes away: a gradient is spread over what was summed.

Where several entries are the largest, each gets an equal share of the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.autodiff.dispatch import METHODS, composite, rule


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that `axis` stands for, from 0."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(a % ndim if ndim else a for a in axes)


def beside(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """Return a reduction's gradient with the axes that were taken away, of size 1."""
    if keepdims is True or not np.ndim(a):
        return g
    shape = list(np.shape(a))
    for position in axes_of(axis, np.ndim(a)):
        shape[position] = 1
    return np.reshape(g, shape)


def count(a: Any, axis: Any) -> int:
    """Return how many entries are reduced to one."""
    return int(np.prod([np.shape(a)[i] for i in axes_of(axis, np.ndim(a))], dtype=int))


def spread(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """Return a reduction's gradient for each entry that was reduced."""
    return np.broadcast_to(beside(g, a, axis, keepdims), np.shape(a))


rule(np.sum, lambda g, y, a, axis=None, dtype=None, keepdims=False: spread(g, a, axis, keepdims))
rule(
    np.mean,
    lambda g, y, a, axis=None, dtype=None, keepdims=False: spread(
        g / max(count(a, axis), 1), a, axis, keepdims
    ),
)


def _extreme(g: Any, y: Any, a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Share the gradient among the entries that equal the extreme."""
    chosen = np.equal(a, beside(y, a, axis, keepdims))
    number = chosen.sum(axis=axis if axis is None else axes_of(axis, np.ndim(a)), keepdims=True)
    if (number == 1).all():
        return np.where(chosen, beside(g, a, axis, keepdims), 0)
    share = beside(g, a, axis, keepdims) / np.maximum(number, 1).astype(g.dtype)
    return np.where(chosen, share, 0)


for _function in {np.max, np.min, np.amax, np.amin}:
    rule(_function, _extreme)


def _rows(a: Any, axis: Any) -> Any:
    """Return an array with the reduced axes as one, the last."""
    axes = axes_of(axis, np.ndim(a))
    rest = [i for i in range(np.ndim(a)) if i not in axes]
    kept = [np.shape(a)[i] for i in rest]
    return np.reshape(np.transpose(a, [*rest, *axes]), (*kept, count(a, axis)))


def _unrows(rows: Any, a: Any, axis: Any) -> Any:
    """Undo `_rows`."""
    axes = axes_of(axis, np.ndim(a))
    order = [i for i in range(np.ndim(a)) if i not in axes] + list(axes)
    shape = [np.shape(a)[i] for i in order]
    return np.transpose(np.reshape(rows, shape), [int(i) for i in np.argsort(order)])


def before(rows: Any) -> Any:
    """Return for each entry the product of those before it in its row."""
    ones = np.ones_like(rows[..., :1])
    return np.cumprod(np.concatenate([ones, rows[..., :-1]], axis=-1), axis=-1)


def _product(
    g: Any, y: Any, a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False
) -> Any:
    """g times the product of all others: of those before and those behind, so zeros do no harm."""
    rows = _rows(a, axis)
    behind = before(rows[..., ::-1])[..., ::-1]
    return beside(g, a, axis, keepdims) * _unrows(before(rows) * behind, a, axis)


rule(np.prod, _product)


def _reversed_sums(g: Any, y: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """An entry is in its own sum and all later ones: dx_i = Σ_{j ≥ i} g_j."""
    if axis is None:
        return np.reshape(_reversed_sums(g, y, np.ravel(a), 0), np.shape(a))
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


rule(np.cumsum, _reversed_sums)


def _reversed_products(g: Any, y: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """dx_i = Π_{k<i} x_k · s_i, with s_i = g_i + x_{i+1} s_{i+1}: no division, so zeros may be."""
    if axis is None:
        return np.reshape(_reversed_products(g, y, np.ravel(a), 0), np.shape(a))
    x, g = np.moveaxis(a, axis, -1), np.moveaxis(g, axis, -1)
    size = x.shape[-1]
    if size == 0:
        return np.zeros_like(a)
    s = [g[..., -1]]
    for i in range(size - 2, -1, -1):
        s.append(g[..., i] + x[..., i + 1] * s[-1])
    return np.moveaxis(before(x) * np.stack(s[::-1], axis=-1), -1, axis)


rule(np.cumprod, _reversed_products)


@composite(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False,
    correction: Any = None,
) -> Any:  # fmt: skip
    """Write the variance as the mean square of the distances from the mean."""
    axes = axis if axis is None else axes_of(axis, np.ndim(a))
    distance = a - np.mean(a, axis=axes, keepdims=True)
    freedom = count(a, axis) - (ddof if correction is None else correction)
    return np.sum(np.square(distance), axis=axes, keepdims=keepdims) / max(freedom, 0)


def _deviation(
    g: Any, y: Any, a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    """dx = g (x − mean) / (N − ddof) / y, and 0 where all entries are equal."""
    axes = axis if axis is None else axes_of(axis, np.ndim(a))
    y, g = beside(y, a, axis, keepdims), beside(g, a, axis, keepdims)
    distance = a - np.mean(a, axis=axes, keepdims=True)
    return g * distance / (np.where(y == 0, 1, y) * max(count(a, axis) - ddof, 1))


rule(np.std, _deviation)


@composite(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, keepdims: Any = False) -> Any:
    """Write a weighted mean as a quotient of sums."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.ndim(weights) == 1 and np.ndim(a) > 1:
        (position,) = axes_of(axis, np.ndim(a))
        weights = np.reshape(weights, [-1 if i == position else 1 for i in range(np.ndim(a))])
    total = np.sum(weights * np.ones_like(a), axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


@composite(np.ptp)
def ptp(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Write the range as the largest less the smallest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composite(np.nansum)
def nansum(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Write nansum as the sum with zeros in place of NaN."""
    return np.sum(np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims)


@composite(np.nanmean)
def nanmean(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Write nanmean as the sum over the number of those that are not NaN."""
    number = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return nansum(a, axis, keepdims) / number.astype(a.dtype)


def _reduce(function: Any) -> Any:
    def reduce(a: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False) -> Any:
        return function(a, axis=axis, keepdims=keepdims)

    return reduce


METHODS[np.add, "reduce"] = _reduce(np.sum)
METHODS[np.multiply, "reduce"] = _reduce(np.prod)
METHODS[np.maximum, "reduce"] = _reduce(np.max)
METHODS[np.minimum, "reduce"] = _reduce(np.min)
METHODS[np.add, "accumulate"] = lambda a, axis=0: np.cumsum(a, axis=axis)
METHODS[np.multiply, "accumulate"] = lambda a, axis=0: np.cumprod(a, axis=axis)
METHODS[np.logaddexp, "reduce"] = lambda a, axis=0, keepdims=False: _logsumexp(a, axis, keepdims)


def _logsumexp(a: Any, axis: Any, keepdims: bool) -> Any:
    top = np.max(a, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axes_of(axis, np.ndim(a)))
