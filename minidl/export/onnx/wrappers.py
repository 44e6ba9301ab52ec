"""TimeDistributed in ONNX's operators: the steps of all samples as one batch."""

from __future__ import annotations

from typing import Any

from minidl import layers
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.table import register_onnx_converter
from minidl.layers.layer import takes_mask


@register_onnx_converter(layers.TimeDistributed)
def time_distributed(
    graph: Graph, layer: layers.TimeDistributed, x: Value, mask: Any = None
) -> Value:
    """Return the layer within, applied to every step."""
    from minidl.export.onnx.convert import convert_layer

    options = {}
    if mask is not None and takes_mask(layer.layer):
        options["mask"] = _joined(graph, mask)
    scope = graph.scope
    (y,) = convert_layer(graph, layer.layer, _joined(graph, x), options)
    graph.scope = scope
    sizes = graph.op("Concat", graph.sizes(x, 0, 2), graph.sizes(y, 1), axis=0)
    shape = (*x.shape[:2], *y.shape[1:])
    return Value(graph.op("Reshape", y, sizes), shape, y.dtype)


def _joined(graph: Graph, x: Value) -> Value:
    """Return (batch, time, ...) as (batch · time, ...)."""
    sizes = graph.integers(-1)
    if x.ndim > 2:
        sizes = graph.op("Concat", sizes, graph.sizes(x, 2), axis=0)
    return Value(graph.op("Reshape", x, sizes), (None, *x.shape[2:]), x.dtype)
