"""Attention in ONNX's operators: projections and products as Einsum, whatever axes attend.

q (b, t, h, d) ─┐
k (b, s, h, d) ─┴─Einsum──► scores (b, h, t, s) ──Where(allowed)──► ──Softmax──► weights
v (b, s, h, e) ────────────────────────────────────────────────────────Einsum──► (b, t, h, e)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, layers
from minidl.export.onnx.activations import activate
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import register_onnx_converter
from minidl.layers.attention.attention import _FAR_BELOW
from minidl.layers.attention.masks import band
from minidl.layers.attention.projected import TENSORS

BOOL = np.dtype(bool)


@register_onnx_converter(layers.MultiHeadAttention, layers.GroupQueryAttention)
def projected_attention(
    graph: Graph,
    layer: Any,
    xs: list[Value],
    mask: Any = None,
    given: list[str] | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:
    """Return what the heads gather, projected, and the weights they gather by if wanted."""
    names = TENSORS[: len(xs)] if given is None else tuple(given)
    tensors = dict(zip(names, xs, strict=True))
    query, value = graph.as_float(tensors["query"]), graph.as_float(tensors["value"])
    key = graph.as_float(tensors["key"]) if "key" in tensors else value
    q = _projected(graph, layer.query_dense, query)
    k = _projected(graph, layer.key_dense, key)
    v = _projected(graph, layer.value_dense, value)
    if isinstance(layer, layers.GroupQueryAttention):
        k, v = _head_for_each_query(graph, layer, k), _head_for_each_query(graph, layer, v)
    q = graph.op("Mul", q, graph.number(layer._scale))

    axes = layer.attention_axes
    scores_equation, context_equation = _equations(query.ndim, axes)
    scores = graph.op("Einsum", q, k, equation=scores_equation)
    carried = {f"{name}_mask": m for name, m in zip(names, mask or [], strict=False)}
    allowed = _allowed(graph, layer, {**carried, **tensors}, (query, value), use_causal_mask)
    if allowed is not None:
        scores = graph.op("Where", allowed, scores, graph.number(float(np.finfo(FLOAT).min / 2)))
    n = len(axes)
    softmax = activations.Softmax(axis=-1 if n == 1 else tuple(range(-n, 0)))
    weights: Any = activate(graph, softmax, scores)
    fused = not layer.dropout and not return_attention_scores and query.ndim == 3
    if allowed is not None and not fused:  # a query that may look at nothing gets nothing
        weights = graph.op("Where", _any_key(graph, allowed, n), weights, graph.number(0))

    context = graph.op("Einsum", weights, v, equation=context_equation)
    if layer.use_gate:
        context = graph.op("Mul", context, _projected(graph, layer.gate_dense, query))
    y = _projected(graph, layer.output_dense, context, query.ndim + 1)
    return [y, weights] if return_attention_scores else y


def _projected(graph: Graph, dense: Any, x: Any, rank: int | None = None) -> str:
    """Return f(x W + b), with the last axes of x and the first of W summed over."""
    rank = x.ndim if rank is None else rank
    letters = "abcdefghijklmnopqrstuvwxyz"
    kept, summed = letters[: rank - dense.contracted], letters[rank - dense.contracted : rank]
    units = letters[rank : rank + len(dense.units)]
    equation = f"{kept}{summed},{summed}{units}->{kept}{units}"
    z = graph.op("Einsum", x, graph.weight(dense.kernel), equation=equation)
    if dense.use_bias:
        z = graph.op("Add", z, graph.weight(dense.bias))
    return activate(graph, dense.activation, z)


def _head_for_each_query(graph: Graph, layer: layers.GroupQueryAttention, k: str) -> str:
    """Return keys or values with every head as often as there are query heads in its group."""
    each = layer.num_query_heads // layer.num_key_value_heads
    heads = np.repeat(np.arange(layer.num_key_value_heads), each)
    return str(graph.op("Gather", k, graph.array(f"{graph.scope}/heads", heads), axis=2))


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Return the products of queries and keys, and of weights and values.

    >>> _equations(3, (1,))
    ('abyz,aByz->aybB', 'aybB,aByz->abyz')
    """
    places = "abcdefgh"[: rank - 1]
    keys = "".join(p.upper() if i in axes else p for i, p in enumerate(places))
    free = "".join(p for i, p in enumerate(places) if i and i not in axes)
    attended = "".join(places[i] for i in axes)
    scores = f"a{free}y{attended}{attended.upper()}"
    query, key = f"{places}yz", f"{keys}yz"
    return f"{query},{key}->{scores}", f"{scores},{key}->{query}"


def _allowed(
    graph: Graph, layer: Any, masks: dict[str, Any], xs: tuple[Value, Value], causal: bool
) -> str | None:
    """Return which pairs of query and key count, in a shape that goes with the scores."""
    query, value = xs
    axes = layer.attention_axes
    n, rank = len(axes), query.ndim + len(axes)  # the rank of the scores
    found = []
    if (m := masks.get("query_mask")) is not None:
        found.append((graph.unsqueeze(_truth(graph, m), *range(m.ndim, m.ndim + n)), m.ndim + n))
    for name in ("value_mask", "key_mask"):
        if (m := masks.get(name)) is not None:
            places = range(m.ndim - n, m.ndim)
            found.append((graph.unsqueeze(_truth(graph, m), *places), m.ndim + n))
    if (m := masks.get("attention_mask")) is not None:
        found.append((_truth(graph, m), m.ndim))
    if causal or layer.sliding_window is not None:
        i, j = (x.shape[axes[0]] for x in (query, value))
        counts = [graph.sizes(x, axes[0], axes[0] + 1) for x in xs]
        found.append((_band(graph, (i, j), counts, causal, layer.sliding_window), 2))
    allowed = None
    for name, ndim in found:
        position = ndim - 2 * n
        if missing := rank - ndim:
            name = graph.unsqueeze(name, *range(position, position + missing))
        allowed = name if allowed is None else graph.op("And", allowed, name)
    return allowed


def _truth(graph: Graph, mask: Value) -> str:
    return graph.cast(mask, "bool").name


def _band(
    graph: Graph, sizes: tuple[Any, Any], names: list[str], causal: bool, window: Any = None
) -> str:
    """Return which keys each query may look at by their distance; counted out where sizes vary."""
    if None not in sizes:
        return graph.array(f"{graph.scope}/band", band(*sizes, causal, window))
    zero, one = graph.number(0, "int64"), graph.number(1, "int64")
    steps = [graph.op("Range", zero, graph.squeeze(name, 0), one) for name in names]
    distance = graph.op("Sub", graph.unsqueeze(steps[0], 1), graph.unsqueeze(steps[1], 0))
    near = None
    if causal:
        near = graph.op("GreaterOrEqual", distance, zero)
    if window is not None:
        within = graph.op("Less", graph.op("Abs", distance), graph.number(window, "int64"))
        near = within if near is None else graph.op("And", near, within)
    return str(near)


def _any_key(graph: Graph, allowed: str, axes: int) -> str:
    counted = graph.op("Cast", allowed, to=np.dtype("int32"))
    most = graph.reduce("Max", counted, range(-axes, 0))
    return str(graph.op("Cast", most, to=BOOL))


@register_onnx_converter(layers.Attention, layers.AdditiveAttention)
def attention(
    graph: Graph,
    layer: Any,
    xs: list[Value],
    mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:
    """Return the values gathered by the softmax of the scores, and the weights if wanted."""
    q, v, *rest = [graph.as_float(x) for x in xs]
    k = rest[0] if rest else v
    scores = _scores(graph, layer, q, k)
    query_mask, value_mask = (mask or [None, None])[:2]
    allowed = None if value_mask is None else graph.unsqueeze(value_mask, -2)
    if use_causal_mask:
        counts = [graph.sizes(x, x.ndim - 2, x.ndim - 1) for x in (q, v)]
        below = _band(graph, (q.shape[-2], v.shape[-2]), counts, True)
        allowed = below if allowed is None else graph.op("And", allowed, below)
    if allowed is not None:
        lower = graph.op("Sub", scores, graph.number(_FAR_BELOW))
        scores = graph.op("Where", allowed, scores, lower)
    weights = graph.op("Softmax", scores, axis=-1)
    y = graph.op("MatMul", weights, v)
    if query_mask is not None:
        y = graph.op("Where", graph.unsqueeze(query_mask, -1), y, graph.number(0))
    return [y, weights] if return_attention_scores else str(y)


def _scores(graph: Graph, layer: Any, q: Value, k: Value) -> str:
    scale = graph.weight(layer.scale) if layer.use_scale else None
    if isinstance(layer, layers.AdditiveAttention):
        return _additive(graph, q, k, scale, None)
    if layer.score_mode == "concat":
        return _additive(graph, q, k, graph.weight(layer.concat_score_weight), scale)
    columns = graph.transpose(k, (*range(k.ndim - 2), k.ndim - 1, k.ndim - 2))
    scores = graph.op("MatMul", q, columns)
    return str(scores if scale is None else graph.op("Mul", scores, scale))


def _additive(graph: Graph, q: Value, k: Value, a: Any, c: Any) -> str:
    """Return Σ a tanh(c (q + k)) for every pair of steps."""
    h = graph.op("Add", graph.unsqueeze(q, -2), graph.unsqueeze(k, -3))
    h = graph.op("Tanh", h if c is None else graph.op("Mul", h, c))
    return graph.reduce("Sum", h if a is None else graph.op("Mul", h, a), [-1], keepdims=False)
