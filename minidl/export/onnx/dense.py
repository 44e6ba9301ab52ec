"""Dense and Embedding in ONNX's operators."""

from __future__ import annotations

from minidl import layers
from minidl.export.onnx.activations import activate
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.table import register_onnx_converter


@register_onnx_converter(layers.Dense)
def dense(graph: Graph, layer: layers.Dense, x: Value) -> str:
    """Return f(x W + b): Gemm for rows, MatMul and Add for more axes."""
    x = graph.as_float(x)
    kernel = graph.weight(layer.kernel)
    bias = graph.weight(layer.bias) if layer.use_bias else None
    if x.ndim == 2:
        z = graph.op("Gemm", x, kernel, bias)
    else:
        z = graph.op("MatMul", x, kernel)
        z = z if bias is None else graph.op("Add", z, bias)
    return activate(graph, layer.activation, z)


@register_onnx_converter(layers.Embedding)
def embedding(graph: Graph, layer: layers.Embedding, x: Value) -> str:
    """Return the table's rows."""
    indices = x if x.dtype in ("int32", "int64") else graph.cast(x, "int64")
    return str(graph.op("Gather", graph.weight(layer.embeddings), indices))
