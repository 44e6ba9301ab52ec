"""Categories and bins in ONNX's operators; what works on strings is refused (`refused.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import layers
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import refusal, register_onnx_converter


@register_onnx_converter(layers.CategoryEncoding)
def category_encoding(
    graph: Graph, layer: layers.CategoryEncoding, x: Any, weighted: bool = False
) -> str:
    """Return a vector with a place for each category."""
    x, weights = x if weighted else (x, None)
    indices = graph.cast(x, "int64")
    return _encoded(graph, indices, layer.output_mode, layer.num_tokens, weights)


@register_onnx_converter(layers.Discretization)
def discretization(graph: Graph, layer: layers.Discretization, x: Value) -> str:
    """Return how many boundaries each number has reached, or a vector of that."""
    if layer.bin_boundaries is None:
        raise refusal(layer, "It has no boundaries yet. Call layer.adapt(data) first.")
    boundaries = graph.array(f"{layer.name}/boundaries", np.array(layer.bin_boundaries, FLOAT))
    beside = graph.unsqueeze(graph.as_float(x), -1)
    reached = graph.op("GreaterOrEqual", beside, boundaries)
    kind = "int32" if layer.output_mode == "int" else "int64"
    counted = graph.op("Cast", reached, to=np.dtype(kind))
    bins = graph.reduce("Sum", counted, [-1], keepdims=False)
    if layer.output_mode == "int":
        return bins
    depth = len(layer.bin_boundaries) + 1
    return _encoded(graph, Value(bins, x.shape, kind), layer.output_mode, depth)


@register_onnx_converter(layers.IntegerLookup)
def integer_lookup(graph: Graph, layer: layers.IntegerLookup, x: Value) -> str:
    """Return the number that each integer has in the vocabulary, or a vector of that."""
    if not layer._tokens:
        raise refusal(layer, "It has no vocabulary yet. Call layer.adapt(data) first.")
    x = graph.cast(x, "int64")
    if layer.invert:
        return _tokens_at(graph, layer, x)
    indices = _indices_of(graph, layer, x)
    if layer.output_mode == "int":
        return indices
    counting = layer.output_mode == "tf_idf"
    mode = "count" if counting else layer.output_mode
    vectors = _encoded(graph, Value(indices, x.shape, "int64"), mode, layer._depth())
    if not counting:
        return vectors
    return str(graph.op("Mul", vectors, graph.array(f"{layer.name}/idf", layer.idf_weights)))


def _indices_of(graph: Graph, layer: layers.IntegerLookup, x: Value) -> str:
    tokens = graph.array(f"{layer.name}/vocabulary", np.array(layer._tokens, np.int64))
    equal = graph.op("Equal", graph.unsqueeze(x, -1), tokens)
    matches = graph.op("Cast", equal, to=np.dtype("int32"))
    known = graph.op("Cast", graph.reduce("Max", matches, [-1], False), to=np.dtype(bool))
    place = graph.op("ArgMax", matches, axis=-1, keepdims=0)
    index = graph.op("Add", place, graph.number(layer._token_start, "int64"))
    index = graph.op("Where", known, index, _index_of_unknown(graph, layer, x))
    if layer.mask_token is None:
        return str(index)
    masked = graph.op("Equal", x, graph.number(layer.mask_token, "int64"))
    nothing = graph.number(0 if layer.output_mode == "int" else -1, "int64")
    return str(graph.op("Where", masked, nothing, index))


def _index_of_unknown(graph: Graph, layer: layers.IntegerLookup, x: Value) -> str:
    if layer.num_oov_indices == 0:
        raise refusal(
            layer,
            "It raises for what is not in its vocabulary, and a file cannot. Give unknown numbers "
            "an index: num_oov_indices=1.",
        )
    start = graph.number(layer._oov_start, "int64")
    if layer.num_oov_indices == 1:
        return start
    if layer.oov_method != "floormod":
        raise refusal(layer, "ONNX has no farmhash. Use oov_method='floormod'.")
    bucket = graph.op("Mod", x, graph.number(layer.num_oov_indices, "int64"))
    return str(graph.op("Add", bucket, start))


def _tokens_at(graph: Graph, layer: layers.IntegerLookup, x: Value) -> str:
    """Return the tokens at indices, and the one for unknown ones where there is none."""
    vocabulary = layer.get_vocabulary()
    first, end = graph.number(0, "int64"), graph.number(len(vocabulary), "int64")
    above, below = graph.op("GreaterOrEqual", x, first), graph.op("Less", x, end)
    inside = graph.op("And", above, below)
    tokens = graph.array(f"{layer.name}/vocabulary", np.array(vocabulary, np.int64))
    found = graph.op("Gather", tokens, graph.op("Where", inside, x, first))
    return str(graph.op("Where", inside, found, graph.number(layer.oov_token, "int64")))


def _encoded(graph: Graph, indices: Value, mode: str, depth: int, weights: Any = None) -> str:
    """Return vectors with 1 or a count at the indices; what is below 0 counts nowhere."""
    if mode == "one_hot" and indices.ndim > 1 and indices.shape[-1] == 1:
        beside = indices.name
    else:
        beside = graph.unsqueeze(indices, -1)
    places = graph.array(f"{graph.scope}/places", np.arange(depth, dtype=np.int64))
    ones = graph.op("Cast", graph.op("Equal", beside, places), to=np.dtype(FLOAT))
    if mode == "one_hot":
        return str(ones)
    if weights is not None:
        ones = graph.op("Mul", ones, graph.unsqueeze(graph.as_float(weights), -1))
    return graph.reduce("Sum" if mode == "count" else "Max", ones, [-2], keepdims=False)
