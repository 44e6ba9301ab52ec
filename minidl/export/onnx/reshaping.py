"""Layers that move numbers about in ONNX's operators, and those that do nothing at inference."""

from __future__ import annotations

from typing import Any

from minidl import layers
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.masks import any_feature, not_equal
from minidl.export.onnx.table import refusal, register_onnx_converter


@register_onnx_converter(
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.RandomBrightness,
    layers.RandomContrast,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
def vanish(graph: Graph, layer: Any, x: Value) -> Value:
    """Return x as floats: what is random happens in training alone."""
    return graph.as_float(x)


@register_onnx_converter(layers.Identity, layers.InputLayer)
def identity(graph: Graph, layer: Any, x: Value) -> Value:
    """Return x."""
    return x


@register_onnx_converter(layers.Flatten)
def flatten(graph: Graph, layer: layers.Flatten, x: Value) -> str:
    """Return (batch, everything else), the channels last in it."""
    moved: Any = x
    if layer.data_format == "channels_first" and x.ndim > 2:
        moved = graph.transpose(x, (0, *range(2, x.ndim), 1))
    return graph.reshape(moved, 0, 1 if x.ndim == 1 else -1)


@register_onnx_converter(layers.Reshape)
def reshape(graph: Graph, layer: layers.Reshape, x: Value) -> str:
    """Return x in another shape."""
    sizes = layer.compute_output_shape(x.shape)[1:]
    if 0 in sizes:
        raise refusal(
            layer, f"A target_shape with an axis of no places, {sizes}, is not supported."
        )
    return graph.reshape(x, 0, *(-1 if size is None else size for size in sizes))


@register_onnx_converter(layers.Permute)
def permute(graph: Graph, layer: layers.Permute, x: Value) -> str:
    """Return x with its axes in another order."""
    return graph.transpose(x, (0, *layer.dims))


@register_onnx_converter(layers.RepeatVector)
def repeat_vector(graph: Graph, layer: layers.RepeatVector, x: Value) -> str:
    """Return x once for every step."""
    return str(graph.op("Expand", graph.unsqueeze(x, 1), graph.integers(1, layer.n, 1)))


@register_onnx_converter(layers.Masking)
def masking(graph: Graph, layer: layers.Masking, x: Value) -> str:
    """Return x with zeros in the steps that do not count."""
    counts = graph.unsqueeze(any_feature(graph, not_equal(graph, x, layer.mask_value)), -1)
    return str(graph.op("Where", counts, x, graph.number(0, x.dtype)))
