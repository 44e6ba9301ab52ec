"""Attention: scores of all pairs of steps, a softmax of them, and a mean with those weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import layers
from minidl.layers.attention.projection import Projection

from .functions import Definition, activated, sigmoid, softmax


def kept(layer: Any, p: Any) -> Any:
    """Return weights after dropout."""
    if not layer.dropout:
        return p
    draws = layer.seed_generator.generator.random(p.shape, dtype=np.float32)
    return p * (draws >= layer.dropout) / (1 - layer.dropout)


def plain(
    layer: Any,
    xs: Any,
    mask: Any = None,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Any:
    """A = softmax(S) along the keys; y = A v."""
    q, v = xs[:2]
    k = xs[2] if len(xs) > 2 else v
    query_mask, value_mask = (mask or [None, None])[:2]
    pairs = q[:, :, None] + k[:, None]
    c = layer.scale if layer.use_scale else 1.0
    if isinstance(layer, layers.AdditiveAttention):
        scores = np.sum(c * np.tanh(pairs), -1)
    elif layer.score_mode == "concat":
        scores = layer.concat_score_weight * np.sum(np.tanh(c * pairs), -1)
    else:
        scores = c * np.einsum("btd,bsd->bts", q, k)
    allowed = np.ones(scores.shape, bool) if value_mask is None else value_mask[:, None]
    if use_causal_mask:
        allowed = allowed & np.tri(*scores.shape[1:], dtype=bool)
    a = kept(layer, softmax(scores - 1e9 * ~allowed, -1))
    y = np.einsum("bts,bsd->btd", a, v)
    y = y if query_mask is None else y * query_mask[..., None]
    return [y, a] if return_attention_scores else y


def projected(dense: Any, x: Any) -> Any:
    y = np.tensordot(x, dense.kernel, dense.contracted)
    y = y + dense.bias if dense.use_bias else y
    return activated(dense.activation, y)


def heads_first(x: Any, axes: tuple[int, ...]) -> Any:
    """Return (batch, free axes, heads, all steps that attend, size)."""
    free = [axis for axis in range(1, x.ndim - 2) if axis not in axes]
    moved = np.transpose(x, (0, *free, x.ndim - 2, *axes, x.ndim - 1))
    return np.reshape(moved, (*moved.shape[: len(free) + 2], -1, x.shape[-1]))


def projecting(
    layer: Any,
    xs: Any,
    mask: Any = None,
    attention_mask: Any = None,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Any:
    """Pₙ = softmax(Qₙ Kₙᵀ where M), Oₙ = Pₙ Vₙ, y = Σₙ Oₙ W_o + b_o, for each head n."""
    query, value = xs[:2]
    key = xs[2] if len(xs) > 2 else value
    axes = layer.attention_axes or (1,)
    q, k, v = (
        heads_first(projected(dense, x), axes)
        for dense, x in (
            (layer.query_dense, query), (layer.key_dense, key), (layer.value_dense, value)
        )
    )  # fmt: skip
    sharing = q.shape[-3] // k.shape[-3]
    k, v = np.repeat(k, sharing, axis=-3), np.repeat(v, sharing, axis=-3)
    scores = np.einsum("...td,...sd->...ts", q, k) / math.sqrt(q.shape[-1])
    allowed = np.ones(scores.shape, bool)
    distance = np.subtract.outer(*map(np.arange, scores.shape[-2:]))
    if use_causal_mask:
        allowed &= distance >= 0
    if layer.sliding_window is not None:
        allowed &= np.abs(distance) < layer.sliding_window
    if attention_mask is not None:
        allowed &= attention_mask[:, None]
    for i, one in enumerate(mask or []):  # the query's, the value's, the key's
        if one is not None:
            allowed &= one[:, None, None] if i else one[:, None, :, None]
    p = softmax(np.where(allowed, scores, -1e300), -1)
    if layer.dropout or return_attention_scores or query.ndim > 3:
        p = p * allowed.any(-1, keepdims=True)  # a query that may look at nothing sees nothing
    o = np.einsum("...ts,...sd->...td", kept(layer, p), v)
    o = back(o, query.shape, axes)
    if layer.use_gate:
        dense = layer.gate_dense
        z = np.tensordot(query, dense.kernel, 1)
        o = o * sigmoid(z + dense.bias if dense.use_bias else z)
    y = projected(layer.output_dense, o)
    if not return_attention_scores:
        return y
    steps = [shape[axis] for shape in (query.shape, value.shape) for axis in axes]
    return [y, np.reshape(p, (*p.shape[:-2], *steps))]


def back(o: Any, shape: Any, axes: tuple[int, ...]) -> Any:
    """Undo `heads_first`."""
    free = [axis for axis in range(1, len(shape) - 1) if axis not in axes]
    sizes = [shape[axis] for axis in (0, *free)]
    split = np.reshape(o, (*sizes, o.shape[-3], *(shape[axis] for axis in axes), o.shape[-1]))
    order = (0, *free, len(shape) - 1, *axes, len(shape))
    return np.transpose(split, np.argsort(order))


ATTENTION: dict[type, Definition] = {
    Projection: projected,
    layers.AdditiveAttention: plain,
    layers.Attention: plain,
    layers.GroupQueryAttention: projecting,
    layers.MultiHeadAttention: projecting,
}
