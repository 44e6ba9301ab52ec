"""Pooling in ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import layers
from minidl.export.onnx.convolution import channels_back, channels_second, window_attributes
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import register_onnx_converter


def _windowed(kind: str, **attributes: Any) -> Any:
    """Return the converter of a layer that pools windows."""

    def convert(graph: Graph, layer: Any, x: Value) -> str:
        spatial = x.shape[1:-1] if layer.data_format == "channels_last" else x.shape[2:]
        where = window_attributes(layer, layer.pool_size, (1,) * len(spatial), tuple(spatial))
        columns = channels_second(graph, graph.as_float(x), layer.data_format)
        y = graph.op(kind, columns, **where, **attributes)
        return channels_back(graph, str(y), x.ndim, layer.data_format)

    return convert


register_onnx_converter(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)(
    _windowed("MaxPool")
)
register_onnx_converter(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)(
    _windowed("AveragePool", count_include_pad=0)
)


def _over_all(kind: str) -> Any:
    """Return the converter of a layer that pools all places."""

    def convert(graph: Graph, layer: Any, x: Value) -> str:
        return graph.reduce(kind, graph.as_float(x), _places(layer, x), layer.keepdims)

    return convert


def _places(layer: Any, x: Value) -> range:
    return range(1, x.ndim - 1) if layer.data_format == "channels_last" else range(2, x.ndim)


register_onnx_converter(
    layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D
)(_over_all("Max"))
register_onnx_converter(layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D)(
    _over_all("Mean")
)


@register_onnx_converter(layers.GlobalAveragePooling1D)
def global_average(
    graph: Graph, layer: layers.GlobalAveragePooling1D, x: Value, mask: Any = None
) -> str:
    """Return the mean over the steps that count."""
    if mask is None:
        return str(_over_all("Mean")(graph, layer, x))
    axes = _places(layer, x)
    m = graph.unsqueeze(mask, 3 - axes[0])
    kept = graph.op("Where", m, graph.as_float(x), graph.number(0))
    total = graph.reduce("Sum", kept, axes, layer.keepdims)
    steps = graph.reduce("Sum", graph.op("Cast", m, to=np.dtype(FLOAT)), axes, layer.keepdims)
    return str(graph.op("Div", total, graph.op("Max", steps, graph.number(1))))
