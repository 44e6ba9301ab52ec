"""Convolutions in ONNX's operators, which want the channels behind the batch.

    x (N, H, W, C) ──Transpose──► (N, C, H, W) ──Conv──► ──Relu──► ──Transpose──► (N, H', W', F)

Kernels are turned once, here: (*places, in, out) into (out, in, *places). Where one such layer
follows another, the transposes between them cancel (`Graph.transpose`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import layers
from minidl._typing import Array, Shape
from minidl.export.onnx.activations import ALONG_AN_AXIS, activate
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.table import register_onnx_converter
from minidl.layers.convolutional.geometry import Sizes, convolution_windows, reach, transposed_size


def channels_second(graph: Graph, x: Value, data_format: str) -> str:
    """Return x with its channels on axis 1."""
    if data_format == "channels_first":
        return x.name
    return graph.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def channels_back(graph: Graph, y: str, rank: int, data_format: str) -> str:
    """Return y, with its channels on axis 1, as the layer gives it."""
    if data_format == "channels_first":
        return y
    return graph.transpose(y, (0, *range(2, rank), 1))


def window_attributes(layer: Any, kernel: Sizes, dilation: Sizes, sizes: Shape) -> dict[str, Any]:
    """Return the attributes that say where a layer's windows lie on an input of these sizes.

    What `"same"` pads hangs on the sizes, but for strides of 1; where those vary, the runtime is
    told to find it out.
    """
    steps = zip(sizes, layer.strides, strict=True)
    sizes = tuple(1 if size is None and stride == 1 else size for size, stride in steps)
    attributes: dict[str, Any] = {"kernel_shape": list(kernel), "strides": list(layer.strides)}
    if max(dilation) > 1:
        attributes["dilations"] = list(dilation)
    if layer.padding == "causal":
        before = [reach(k, d) - 1 for k, d in zip(kernel, dilation, strict=True)]
        attributes["pads"] = [*before, *[0] * len(before)]
    elif layer.padding == "same" and None in sizes:
        attributes["auto_pad"] = "SAME_UPPER"
    elif layer.padding == "same":
        windows = convolution_windows(sizes, kernel, layer.strides, dilation, "same")
        attributes["pads"] = [*windows.before, *windows.after]
    return attributes


def _finished(graph: Graph, layer: Any, z: str, rank: int) -> str:
    """Return the activation of z, with the channels where the layer has them."""
    if isinstance(layer.activation, ALONG_AN_AXIS):
        return activate(graph, layer.activation, channels_back(graph, z, rank, layer.data_format))
    y = activate(graph, layer.activation, z)
    return channels_back(graph, y, rank, layer.data_format)


def _convolve(graph: Graph, layer: Any, x: Value, kernel: str, bias: Any, groups: int) -> str:
    spatial = x.shape[1:-1] if layer.data_format == "channels_last" else x.shape[2:]
    where = window_attributes(layer, layer.kernel_size, layer.dilation_rate, tuple(spatial))
    x = graph.as_float(x)
    columns = channels_second(graph, x, layer.data_format)
    return str(graph.op("Conv", columns, kernel, bias, group=groups, **where))


def _bias(graph: Graph, layer: Any) -> str | None:
    return None if layer.bias is None else graph.weight(layer.bias)


@register_onnx_converter(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def convolution(graph: Graph, layer: Any, x: Value) -> str:
    """Return f(Conv(x))."""
    kernel = graph.weight(layer.kernel, _output_first(layer.kernel.value))
    z = _convolve(graph, layer, x, kernel, _bias(graph, layer), layer.groups)
    return _finished(graph, layer, z, x.ndim)


@register_onnx_converter(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def depthwise(graph: Graph, layer: Any, x: Value) -> str:
    """Return f(Conv(x)) with a group for each channel."""
    channels = layer.kernel.shape[-2]
    kernel = graph.weight(layer.kernel, _channel_first(layer.kernel.value))
    z = _convolve(graph, layer, x, kernel, _bias(graph, layer), channels)
    return _finished(graph, layer, z, x.ndim)


@register_onnx_converter(layers.SeparableConv1D, layers.SeparableConv2D)
def separable(graph: Graph, layer: Any, x: Value) -> str:
    """Return a depthwise convolution, and one that sees a single place."""
    channels = layer.depthwise_kernel.shape[-2]
    kernel = graph.weight(layer.depthwise_kernel, _channel_first(layer.depthwise_kernel.value))
    h = _convolve(graph, layer, x, kernel, None, channels)
    pointwise = graph.weight(layer.pointwise_kernel, _output_first(layer.pointwise_kernel.value))
    z = str(graph.op("Conv", h, pointwise, _bias(graph, layer)))
    return _finished(graph, layer, z, x.ndim)


@register_onnx_converter(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
def transposed(graph: Graph, layer: Any, x: Value) -> str:
    """Return f(ConvTranspose(x)): what is cut off, or added at the end, hangs on no size."""
    cut, extra = [], []
    given = layer.output_padding or (None,) * layer.rank
    for k, s, d, e in zip(
        layer.kernel_size, layer.strides, layer.dilation_rate, given, strict=True
    ):
        size = transposed_size(1, k, s, d, layer.padding, e)
        assert size is not None
        cut.append(max(reach(k, d) - size, 0))
        extra.append(max(size - reach(k, d), 0))
    before = [n // 2 for n in cut]
    after = [n - b for n, b in zip(cut, before, strict=True)]
    W = layer.kernel.value  # (*places, out, in), and ONNX wants (in, out, *places)
    kernel = graph.weight(layer.kernel, np.moveaxis(W, (-1, -2), (0, 1)))
    z = graph.op(
        "ConvTranspose",
        channels_second(graph, graph.as_float(x), layer.data_format),
        kernel,
        _bias(graph, layer),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        pads=[*before, *after],
        output_padding=extra,
    )
    return _finished(graph, layer, str(z), x.ndim)


def _output_first(kernel: Array) -> Array:
    """Return a kernel (*places, in, out) as (out, in, *places)."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def _channel_first(kernel: Array) -> Array:
    """Return a kernel (*places, channels, m) as (channels · m, 1, *places)."""
    moved = np.moveaxis(kernel, (-2, -1), (0, 1))
    return moved.reshape(-1, 1, *moved.shape[2:])
