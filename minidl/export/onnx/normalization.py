"""Normalizations, and layers that scale and shift, in ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config, layers
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.table import refusal, register_onnx_converter
from minidl.layers.axes import along, resolve_axes


@register_onnx_converter(layers.BatchNormalization)
def batch_normalization(
    graph: Graph, layer: layers.BatchNormalization, x: Value, mask: Any = None
) -> str:
    """Return BatchNormalization by the moving statistics, with the channels on axis 1."""
    axis = layer._axes[0]
    order = (0, axis, *(a for a in range(1, x.ndim) if a != axis))
    sizes = layer.moving_mean.shape
    gamma, beta = (
        graph.array(f"{layer.name}/{name}", np.full(sizes, plain))
        if own is None
        else graph.weight(own)
        for name, own, plain in (("gamma", layer.gamma, 1.0), ("beta", layer.beta, 0.0))
    )
    y = graph.op(
        "BatchNormalization",
        graph.transpose(graph.as_float(x), order),
        gamma,
        beta,
        graph.weight(layer.moving_mean),
        graph.weight(layer.moving_variance),
        epsilon=layer.epsilon,
    )
    return graph.transpose(y, np.argsort(order).tolist())


@register_onnx_converter(layers.LayerNormalization)
def layer_normalization(graph: Graph, layer: layers.LayerNormalization, x: Value) -> str:
    """Return LayerNormalization where the axes are the last ones, else what it is made of."""
    x = graph.as_float(x)
    axes = resolve_axes(layer.axis, x.shape, layer.name)
    if axes != list(range(axes[0], x.ndim)):
        x_hat = _standardize(graph, x, axes, layer.epsilon)
        return _scaled_and_shifted(graph, layer, x_hat, axes, x.ndim)
    sizes = tuple(x.shape[a] for a in axes)
    gamma = (
        graph.array(f"{layer.name}/gamma", np.ones(sizes))
        if layer.gamma is None
        else graph.weight(layer.gamma)
    )
    beta = None if layer.beta is None else graph.weight(layer.beta)
    y = graph.op("LayerNormalization", x, gamma, beta, axis=axes[0], epsilon=layer.epsilon)
    return str(y)


@register_onnx_converter(layers.GroupNormalization)
def group_normalization(graph: Graph, layer: layers.GroupNormalization, x: Value) -> str:
    """Return each group standardized by itself: (N, C, ...) seen as (N, groups, rest)."""
    x = graph.as_float(x)
    (axis,) = layer._axes
    order = (0, axis, *(a for a in range(1, x.ndim) if a != axis))
    moved = graph.transpose(x, order)
    groups = x.shape[axis] if layer.groups == -1 else layer.groups
    assert groups is not None
    grouped = graph.reshape(moved, 0, groups, -1)
    x_hat = _standardize(graph, grouped, [2], layer.epsilon)
    x_hat = str(graph.op("Reshape", x_hat, graph.sizes(moved)))
    x_hat = graph.transpose(x_hat, np.argsort(order).tolist())
    return _scaled_and_shifted(graph, layer, x_hat, [axis], x.ndim)


@register_onnx_converter(layers.RMSNormalization)
def rms_normalization(graph: Graph, layer: layers.RMSNormalization, x: Value) -> str:
    """Return x over the root of the mean of its squares, scaled."""
    x = graph.as_float(x)
    axes = resolve_axes(layer.axis, x.shape, layer.name)
    x_hat = _over_root_mean_square(graph, x, axes, layer.epsilon)
    scale = graph.weight(layer.scale, along(layer.scale.value, axes, x.ndim))
    return str(graph.op("Mul", x_hat, scale))


@register_onnx_converter(layers.UnitNormalization)
def unit_normalization(graph: Graph, layer: layers.UnitNormalization, x: Value) -> str:
    """Return x over its length."""
    x = graph.as_float(x)
    return unit_length(graph, x, resolve_axes(layer.axis, x.shape, layer.name), 1e-12)


def unit_length(graph: Graph, x: Any, axes: list[int], epsilon: float) -> str:
    """Return x over its length, or over `epsilon` if that is more."""
    length = graph.op("Max", graph.reduce("L2", x, axes), graph.number(epsilon))
    return str(graph.op("Div", x, length))


@register_onnx_converter(layers.Normalization)
def normalization(graph: Graph, layer: layers.Normalization, x: Value) -> str:
    """Return (x − μ) / σ, or σ x + μ inverted."""
    try:
        layer._check_adapted()
    except ValueError as error:
        raise refusal(layer, str(error)) from None
    x = graph.as_float(x)
    mean = graph.array(f"{layer.name}/mean", layer.mean)
    deviation = np.maximum(np.sqrt(layer._statistic("variance")), config.epsilon())
    s = graph.array(f"{layer.name}/deviation", deviation)
    if layer.invert:
        return str(graph.op("Add", graph.op("Mul", x, s), mean))
    return str(graph.op("Div", graph.op("Sub", x, mean), s))


@register_onnx_converter(layers.Rescaling)
def rescaling(graph: Graph, layer: layers.Rescaling, x: Value) -> str:
    """Return x · scale + offset."""
    y = graph.op("Mul", graph.as_float(x), graph.array(f"{layer.name}/scale", layer._scale))
    if layer._has_offset:
        y = graph.op("Add", y, graph.array(f"{layer.name}/offset", layer._offset))
    return str(y)


def _standardize(graph: Graph, x: Any, axes: list[int], epsilon: float) -> str:
    """Return x minus its mean, over its deviation."""
    centered = graph.op("Sub", x, graph.reduce("Mean", x, axes))
    return _over_root_mean_square(graph, centered, axes, epsilon)


def _over_root_mean_square(graph: Graph, x: Any, axes: list[int], epsilon: float) -> str:
    mean = graph.reduce("Mean", graph.op("Mul", x, x), axes)
    root = graph.op("Sqrt", graph.op("Add", mean, graph.number(epsilon)))
    return str(graph.op("Div", x, root))


def _scaled_and_shifted(graph: Graph, layer: Any, x_hat: str, axes: list[int], rank: int) -> str:
    if layer.gamma is not None:
        gamma = graph.weight(layer.gamma, along(layer.gamma.value, axes, rank))
        x_hat = graph.op("Mul", x_hat, gamma)
    if layer.beta is not None:
        x_hat = graph.op(
            "Add", x_hat, graph.weight(layer.beta, along(layer.beta.value, axes, rank))
        )
    return x_hat
