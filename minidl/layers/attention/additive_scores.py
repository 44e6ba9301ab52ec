"""Scores by a sum in place of a product: queries and keys meet within a tanh.

All pairs of steps times all features would be a large array. It is made a few query steps at a
time, used up at once, and made again on the way back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minidl._typing import Array

_SCRATCH_NUMBERS = 1 << 20  # at most about so many at a time: 4 MB in float32


def additive_scores(q: Array, k: Array, a: Array, c: Array) -> Array:
    """Return the scores Sᵢⱼ = Σ_d a_d tanh(c (qᵢ_d + kⱼ_d)).

    Arguments:
        q: (..., T, features).
        k: (..., S, features).
        a: a number, or one for each feature.
        c: a number.
    """
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2])
    scores = np.empty((*lead, q.shape[-2], k.shape[-2]), q.dtype)
    for steps in _blocks(scores.shape, q.shape[-1]):
        h = _tanh(q[..., steps, :], k, c)
        scores[..., steps, :] = _summed(h, a)
    return scores


def additive_scores_backward(
    q: Array, k: Array, a: Array, c: Array, ds: Array
) -> tuple[Array, Array, Array, Array]:
    """Return dq, dk, da and dc. With h = tanh(c (q + k)) and u = dS a (1 − h²), for each pair:

    dqᵢ = c Σⱼ uᵢⱼ,     dkⱼ = c Σᵢ uᵢⱼ,     da = Σᵢⱼ dSᵢⱼ hᵢⱼ,     dc = Σᵢⱼ uᵢⱼ · (qᵢ + kⱼ)

    `da` and `dc` have the shapes of `a` and `c`.
    """
    dq, dk = np.empty_like(q), np.zeros_like(k)
    da = np.zeros(q.shape[-1], q.dtype)
    for steps in _blocks(ds.shape, q.shape[-1]):
        h = _tanh(q[..., steps, :], k, c)
        part = ds[..., steps, :]
        da += np.matmul(part.reshape(-1), h.reshape(-1, h.shape[-1]))
        np.square(h, out=h)
        np.subtract(1, h, out=h)
        h *= a
        h *= part[..., np.newaxis]
        dq[..., steps, :] = h.sum(axis=-2)
        dk += h.sum(axis=-3)
    # Σᵢⱼ uᵢⱼ · (qᵢ + kⱼ) needs no pairs any more: both sums over them have been taken.
    dc = np.asarray((dq * q).sum() + (dk * k).sum(), q.dtype)
    dq *= c
    dk *= c
    return dq, dk, da if a.ndim else da.sum(), dc


def _tanh(q: Array, k: Array, c: Array) -> Array:
    """Return tanh(c (q + k)) for all pairs: (..., steps of q, steps of k, features)."""
    h = q[..., :, np.newaxis, :] + k[..., np.newaxis, :, :]
    h *= c
    return np.tanh(h, out=h)


def _summed(h: Array, a: Array) -> Array:
    return np.matmul(h, a) if a.ndim else h.sum(axis=-1) * a


def _blocks(shape: tuple[int, ...], features: int) -> Iterator[slice]:
    """Yield slices of the query steps, so that the pairs of each are not too many."""
    *lead, queries, keys = shape
    of_one = max(1, int(np.prod(lead)) * keys * features)
    size = max(1, _SCRATCH_NUMBERS // of_one)
    for start in range(0, queries, size):
        yield slice(start, start + size)
