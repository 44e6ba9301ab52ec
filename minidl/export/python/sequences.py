"""Recurrence and attention as plain functions: what an exported file is written with.

A cell is a function of the sequences (time, batch, features), the states before the first step
and the mask; it returns the outputs of all steps and the states after the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.export.python.activations import sigmoid
from minidl.export.python.equations import product
from minidl.layers.attention.additive_scores import additive_scores
from minidl.layers.attention.dot_product import softmax_in_place
from minidl.layers.attention.heads import GroupedHeads, HeadsOverAxes, SharedHeads
from minidl.layers.attention.masks import allowed_pairs, attended_as_one, band

Cell = Callable[[Array, Any, Any], Any]

# Recurrence


def recurrent(
    x: Array, states: list[Array], mask: Array | None, cell: Cell, go_backwards: bool,
    return_sequences: bool, zero_output_for_mask: bool,
) -> tuple[Array, list[Array]]:  # fmt: skip
    """A cell along x (batch, time, features): the output, and the states after the last step."""
    steps = np.ascontiguousarray(x.swapaxes(0, 1)[:: -1 if go_backwards else 1])
    if mask is not None:
        mask = None if mask.all() else np.ascontiguousarray(mask.T)[:, :, None]
    if mask is not None and go_backwards:
        mask = mask[::-1]
    outputs, states = cell(steps, states, mask)
    y = np.stack(outputs)
    if mask is not None and zero_output_for_mask:
        y = y * mask
    return np.ascontiguousarray(y.swapaxes(0, 1) if return_sequences else y[-1]), states


def zero_states(x: Array, sizes: list[int], dtype: str) -> list[Array]:
    """States of zeros for a batch."""
    return [np.zeros((len(x), size), dtype) for size in sizes]


def held(new: Array, old: Array, mask: Array | None, t: int) -> Array:
    """The new state, but the old one where step t is masked."""
    return new if mask is None else np.where(mask[t], new, old)


def projected(x: Array, W: Array, b: Array | None, gates: int) -> list[Array]:
    """x W + b of all steps, for one gate after the other: (time, batch, units) each."""
    units = W.shape[1] // gates
    parts = []
    for gate in range(gates):
        columns = slice(gate * units, (gate + 1) * units)
        z = product(x, W[:, columns])
        parts.append(z if b is None else z + b[columns])
    return parts


def simple_rnn(
    x: Array, states: list[Array], mask: Array | None, W: Array, U: Array, b: Array | None, phi: Any
) -> tuple[list[Array], list[Array]]:
    """h = φ(x W + b + h U)"""
    (h,) = states
    (z,) = projected(x, W, b, 1)
    outputs = []
    for t in range(len(x)):
        h = held(phi(z[t] + product(h, U)), h, mask, t)
        outputs.append(h)
    return outputs, [h]


def lstm(
    x: Array, states: list[Array], mask: Array | None,
    W: Array, U: Array, b: Array | None, sigma: Any, phi: Any,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """i, f, o = σ(x W + b + h U),  g = φ(the same);  c = f c + i g;  h = o φ(c)"""
    h, c = states
    z_i, z_f, z_g, z_o = projected(x, W, b, 4)
    outputs = []
    for t in range(len(x)):
        u_i, u_f, u_g, u_o = np.split(product(h, U), 4, axis=1)
        i, f, o = sigma(z_i[t] + u_i), sigma(z_f[t] + u_f), sigma(z_o[t] + u_o)
        g = phi(z_g[t] + u_g)
        c_new = f * c + i * g
        h = held(o * phi(c_new), h, mask, t)
        c = held(c_new, c, mask, t)
        outputs.append(h)
    return outputs, [h, c]


def gru(
    x: Array, states: list[Array], mask: Array | None,
    W: Array, U: Array, b: Array | None, b_recurrent: Array | None, sigma: Any, phi: Any,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """z, r = σ(x W + b + h U);  ĥ = φ(x W + b + r (h U + b'));  h = z h + (1 − z) ĥ"""
    (h,) = states
    a_z, a_r, a_h = projected(x, W, b, 3)
    outputs = []
    for t in range(len(x)):
        u = product(h, U)
        if b_recurrent is not None:
            u += b_recurrent
        u_z, u_r, u_h = np.split(u, 3, axis=1)
        z, r = sigma(a_z[t] + u_z), sigma(a_r[t] + u_r)
        candidate = phi(a_h[t] + r * u_h)
        h = held((h - candidate) * z + candidate, h, mask, t)
        outputs.append(h)
    return outputs, [h]


def gru_reset_before(
    x: Array, states: list[Array], mask: Array | None,
    W: Array, U: Array, b: Array | None, sigma: Any, phi: Any,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """z, r = σ(x W + b + h U);  ĥ = φ(x W + b + (r h) U);  h = z h + (1 − z) ĥ"""
    (h,) = states
    a_z, a_r, a_h = projected(x, W, b, 3)
    units = h.shape[1]
    outputs = []
    for t in range(len(x)):
        u_z, u_r = np.split(product(h, U[:, : 2 * units]), 2, axis=1)
        z, r = sigma(a_z[t] + u_z), sigma(a_r[t] + u_r)
        candidate = phi(a_h[t] + product(r * h, U[:, 2 * units :]))
        h = held((h - candidate) * z + candidate, h, mask, t)
        outputs.append(h)
    return outputs, [h]


def stacked(
    x: Array, states: list[Array], mask: Array | None, cells: list[tuple[int, Cell]]
) -> tuple[list[Array], list[Array]]:
    """Each cell runs on what the one below gave; with each the number of its states."""
    after: list[Array] = []
    outputs = list(x)
    for count, cell in cells:
        own, states = states[:count], states[count:]
        outputs, own = cell(np.ascontiguousarray(np.stack(outputs)), own, mask)
        after += own
    return outputs, after


def both_directions(
    forwards: Array, backwards: Array, return_sequences: bool, merge_mode: str | None
) -> list[Array]:
    """The two outputs of a bidirectional layer, the second turned round in time, as one."""
    if return_sequences:
        backwards = backwards[:, ::-1]
    if merge_mode == "concat":
        return [np.concatenate([forwards, backwards], axis=-1)]
    if merge_mode == "sum":
        return [forwards + backwards]
    if merge_mode == "ave":
        return [(forwards + backwards) * forwards.dtype.type(0.5)]
    if merge_mode == "mul":
        return [forwards * backwards]
    return [forwards, np.ascontiguousarray(backwards)]


def time_distributed(x: Array, mask: Array | None, layer: Any) -> Array:
    """A layer on every step: batch and time are one axis for it."""
    steps = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    y = layer(steps, None if mask is None else mask.reshape(-1, *mask.shape[2:]))
    return y.reshape(*x.shape[:2], *y.shape[1:])


# Attention


def projection(x: Array, weights: Any, contracted: int = 1) -> Array:
    """x W + b for a pair (W, b), summed over the last `contracted` axes of x."""
    W, b = weights
    size = math.prod(W.shape[:contracted])
    z = x.reshape(-1, size) @ W.reshape(size, -1)
    if b is not None:
        z += b.reshape(-1)
    return z.reshape(*x.shape[: x.ndim - contracted], *W.shape[contracted:])


def attend(
    q: Array, k: Array, v: Array, queries: Any, keys: Any, allowed: Array | None, lost_zero: bool
) -> tuple[Array, Array]:
    """softmax(q kᵀ) v for every head, and the weights; `allowed` says who may look at whom."""
    shape = (*q.shape[:-1], v.shape[-1])
    q, k, v = queries.split(q), keys.split(k), keys.split(v)
    scores = np.matmul(q, k.swapaxes(-1, -2))
    lost = None
    if allowed is not None:
        np.copyto(scores, np.finfo(scores.dtype).min / 2, where=~allowed)
        lost = ~np.any(allowed, axis=-1, keepdims=True)
    weights = softmax_in_place(scores)
    if lost is not None and lost_zero:
        np.copyto(weights, 0, where=lost)
    return queries.product(weights, v, shape), weights


def multi_head_attention(
    query: Array, value: Array, key: Array, masks: dict[str, Any], W: dict[str, Any],
    axes: Any, causal: bool, fused: bool, groups: int | None, window: int | None,
) -> tuple[Array, Array]:  # fmt: skip
    """softmax(q kᵀ / √size) v W_out, with q, k, v the projections of the inputs; and the weights.

    `W` has kernel and bias of each projection.
    """
    q = projection(query, W["query"])
    k = projection(key, W["key"])
    v = projection(value, W["value"])
    heads, size = q.shape[-2:]
    q *= 1 / math.sqrt(size)
    free = [query.shape[a] for a in range(1, query.ndim - 1) if a not in axes]
    attended = [x.shape[a] for x in (query, value) for a in axes]
    scores = (len(query), *free, heads, *attended)
    allowed = allowed_pairs(
        scores, len(axes), query_mask=masks.get("query_mask"),
        key_masks=(masks.get("value_mask"), masks.get("key_mask")),
        attention_mask=masks.get("attention_mask"), causal=causal, window=window, owner="attention",
    )  # fmt: skip
    queries: Any
    keys: Any
    if groups is None:
        if allowed is not None:
            allowed = attended_as_one(allowed, scores, len(axes))
        queries = keys = HeadsOverAxes(tuple(axes))
    else:
        if allowed is not None:
            one, own, *pairs = allowed.shape
            parts = groups if own > 1 else 1
            allowed = allowed.reshape(one, parts, own // parts, *pairs)
        queries, keys = GroupedHeads(groups), SharedHeads()
    context, weights = attend(q, k, v, queries, keys, allowed, not fused)
    if "gate" in W:
        context = context * sigmoid(projection(query, W["gate"]))
    return projection(context, W["output"], contracted=2), weights.reshape(scores)


def attention(
    scores: Array, v: Array, query_mask: Array | None, value_mask: Array | None, causal: bool
) -> tuple[Array, Array]:
    """softmax(scores) v, and the softmax; pairs that may not attend lose 10⁹ of their score."""
    allowed = None if value_mask is None else value_mask[..., np.newaxis, :]
    if causal:
        below = band(scores.shape[-2], scores.shape[-1], causal=True)
        allowed = below if allowed is None else allowed & below
    if allowed is not None:
        np.subtract(scores, 1e9, out=scores, where=~allowed)
    weights = softmax_in_place(scores)
    y = np.matmul(weights, v)
    if query_mask is not None:
        y *= query_mask[..., np.newaxis]
    return y, weights


def dot_scores(q: Array, k: Array, scale: Array | None) -> Array:
    """q kᵀ"""
    scores = np.matmul(q, k.swapaxes(-1, -2))
    if scale is not None:
        scores *= scale
    return scores


def concatenated_scores(q: Array, k: Array, a: Array, c: Array) -> Array:
    """Σ a tanh(c (q + k))"""
    return additive_scores(q, k, a, c)
