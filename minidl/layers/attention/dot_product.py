"""Scaled dot-product attention and its gradient, for any number of heads in front.

q, k and v have their last two axes as (time, size); queries stand for T steps, keys for S.
The scores are the one large array here, (..., T, S): each pass makes it once and works in place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.layers.attention.heads import Heads
from minidl.random import SeedGenerator


class Attended(NamedTuple):
    """What one pass has computed, as the way back needs it.

    Attributes:
        q, k, v: queries (scaled), keys and values, heads in front.
        weights: P, the softmax of the scores.
        kept: where dropout left a weight; None without it.
        context: A V, heads in front.
        lost: the rows that may look at nothing at all; None where there are none.
        key_shape, value_shape: the shapes that key and value came in.
    """

    q: Array
    k: Array
    v: Array
    weights: Array
    kept: Array | None
    context: Array
    lost: Array | None
    key_shape: tuple[int, ...]
    value_shape: tuple[int, ...]


class DotProductAttention:
    """softmax(Q Kᵀ) V, with Q scaled already, and its derivative.

    Forward, with M the pairs that may look at each other, and m the dropped weights as in
    `Dropout` (m = 1 without it):

        S = Q Kᵀ                where M; −∞ elsewhere
        P = softmax(S)          along the keys
        A = P m / (1 − rate)
        O = A V

    Backward, from dO and from dP′, the gradient of P where P itself was an output:

        dV = Aᵀ dO
        dP = dO Vᵀ m / (1 − rate) + dP′
        dS = P (dP − r),        rᵢ = Σⱼ Pᵢⱼ dPᵢⱼ = Σₕ Oᵢₕ dOᵢₕ + Σⱼ Pᵢⱼ dP′ᵢⱼ
        dQ = dS K
        dK = dSᵀ Q

    A row of M without a single pair has no softmax. It is uniform (and its scores get no
    gradient), or, with `lost_are_zero`, zero.

    Arguments:
        queries, keys: how their heads stand.
        rate: the share of weights that dropout takes.
        seed_generator: where it draws.
    """

    def __init__(
        self, queries: Heads, keys: Heads, rate: float, seed_generator: SeedGenerator
    ) -> None:
        self.queries = queries
        self.keys = keys
        self.rate = rate
        self.seed_generator = seed_generator

    def forward(
        self,
        query: Array,
        key: Array,
        value: Array,
        mask: Array | None,
        training: bool,
        lost_are_zero: bool,
    ) -> tuple[Array, Attended]:
        """Return the context in the queries' layout, and what backward needs."""
        q, k, v = self.queries.split(query), self.keys.split(key), self.keys.split(value)
        scores = np.matmul(q, k.swapaxes(-1, -2))
        lost = None
        if mask is not None:
            # Far below any score, and yet finite: the largest is subtracted from it next.
            np.copyto(scores, np.finfo(scores.dtype).min / 2, where=~mask)
            rows = np.any(mask, axis=-1, keepdims=True)
            lost = None if rows.all() else np.logical_not(rows)
        weights = softmax_in_place(scores)
        if lost is not None and lost_are_zero:
            np.copyto(weights, 0, where=lost)
        kept = self._kept(weights.shape) if training and self.rate else None
        shape = (*query.shape[:-1], value.shape[-1])
        context = self.queries.product(self._dropped(weights, kept), v, shape)
        o = self.queries.split(context)
        return context, Attended(q, k, v, weights, kept, o, lost, key.shape, value.shape)

    def backward(
        self, passed: Attended, dcontext: Array, dweights: Array | None
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of query, key and value, each in its own layout."""
        q, k, v, weights, kept, context, lost, key_shape, value_shape = passed
        do = self.queries.split(dcontext)
        work = self._dropped(weights, kept)
        dv = self.keys.product(work.swapaxes(-1, -2), do, value_shape)
        # The weights after dropout were needed last just now, so dP may take their place.
        ds = np.matmul(do, v.swapaxes(-1, -2), out=None if kept is None else work)
        r = np.einsum("...th,...th->...t", do, context)[..., np.newaxis]
        if kept is not None:
            ds *= kept
            ds *= 1 / (1 - self.rate)
        if dweights is not None:
            ds += dweights
            r += np.einsum("...ts,...ts->...t", dweights, weights)[..., np.newaxis]
        ds -= r
        ds *= weights
        if lost is not None:
            np.copyto(ds, 0, where=lost)
        dq = self.queries.product(ds, k, (*dcontext.shape[:-1], q.shape[-1]))
        dk = self.keys.product(ds.swapaxes(-1, -2), q, key_shape)
        return dq, dk, dv

    def _kept(self, shape: tuple[int, ...]) -> Array:
        return self.seed_generator.generator.random(shape, dtype=np.float32) >= self.rate

    def _dropped(self, weights: Array, kept: Array | None) -> Array:
        """Return A: the weights themselves, or a new array of those that were kept."""
        if kept is None:
            return weights
        left = weights * kept
        left *= 1 / (1 - self.rate)
        return left


def softmax_in_place(scores: Array) -> Array:
    """Turn scores into weights that add up to 1 along the last axis, in the same array."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores
