"""Upsampling, margins and resizing in ONNX's operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import layers
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import refusal, register_onnx_converter
from minidl.layers.image.steps import Cut, Frame, Resize, cut_out, to_window
from minidl.layers.spatial.interpolation import Interpolation, resizing


@register_onnx_converter(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)
def zero_padding(graph: Graph, layer: Any, x: Value) -> str:
    """Return x with zeros around it."""
    return _framed(graph, x, layer._axes, layer._margins, 0)


@register_onnx_converter(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D)
def cropping(graph: Graph, layer: Any, x: Value) -> str:
    """Return x without its margins."""
    return _cut(graph, x, layer._axes, layer._margins)


@register_onnx_converter(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D)
def up_sampling(graph: Graph, layer: Any, x: Value) -> str:
    """Return every place several times, or what is interpolated between places."""
    interpolation = getattr(layer, "interpolation", "nearest")
    factors = dict(zip(layer._axes, layer._factors, strict=True))
    if interpolation == "nearest":
        y: Any = x
        for axis, factor in factors.items():
            if factor > 1:
                y = _repeated(graph, y, axis, factor, x.ndim)
        return y.name if isinstance(y, Value) else str(y)
    steps: list[Any] = []
    for axis, factor in factors.items():
        length = _known(layer, x, axis)
        steps.append(Resize(axis, resizing(length, factor * length, interpolation, FLOAT)))
    return _run(graph, steps, graph.as_float(x))


def _repeated(graph: Graph, x: Any, axis: int, factor: int, rank: int) -> str:
    """Return every place of an axis `factor` times: by an axis behind it, joined to it."""
    ones = [1] * (rank + 1)
    ones[axis + 1] = factor
    wide = graph.op("Expand", graph.unsqueeze(x, axis + 1), graph.integers(*ones))
    sizes = [0] * rank
    sizes[axis] = -1
    if axis + 1 == rank:
        return graph.reshape(wide, *sizes)
    after = graph.sizes(wide, axis + 2)
    before = graph.integers(*sizes[: axis + 1])
    return str(graph.op("Reshape", wide, graph.op("Concat", before, after, axis=0)))


@register_onnx_converter(layers.Resizing)
def resizing_layer(graph: Graph, layer: layers.Resizing, x: Value) -> Value:
    """Return images in another size; integers are rounded as the layer does it."""
    whole = x.dtype != FLOAT and layer.interpolation != "nearest"
    steps = layer._steps(_known_sizes(layer, x), FLOAT)
    y = _run(graph, steps, graph.as_float(x) if whole else x)
    shape = layer.compute_output_shape(x.shape)
    if not whole:
        return Value(y, shape, x.dtype)
    limits = np.iinfo(x.dtype)
    low, high = graph.number(limits.min), graph.number(limits.max)
    return graph.cast(Value(graph.op("Clip", graph.op("Round", y), low, high), shape), x.dtype)


@register_onnx_converter(layers.CenterCrop)
def center_crop(graph: Graph, layer: layers.CenterCrop, x: Value) -> str:
    """Return the middle of images, or of what they are if they are too small."""
    sizes = _known_sizes(layer, x)
    axes, size = layer.axes_of_pixels(sizes), (layer.height, layer.width)
    top, left = sizes[axes[0]] - layer.height, sizes[axes[1]] - layer.width
    if top >= 0 and left >= 0:
        steps: list[Any] = [cut_out(sizes, axes, (top // 2, left // 2), size)]
    else:
        steps = to_window(sizes, axes, size, FLOAT)
    return _run(graph, steps, graph.as_float(x))


@register_onnx_converter(layers.RandomCrop)
def random_crop(graph: Graph, layer: layers.RandomCrop, x: Value) -> str:
    """Return what the layer gives at inference: the largest window of its proportions, resized."""
    sizes = _known_sizes(layer, x)
    axes = layer.axes_of_pixels(sizes)
    steps = to_window(sizes, axes, (layer.height, layer.width), FLOAT)
    return _run(graph, steps, graph.as_float(x))


def _run(graph: Graph, steps: list[Any], x: Value) -> str:
    """Return x after steps of `layers/image/steps.py`."""
    y: Any = x.name
    for step in steps:
        if isinstance(step, Cut):
            y = _cut(graph, Value(y, x.shape, x.dtype), step.axes, step.margins)
        elif isinstance(step, Frame):
            y = _framed(graph, Value(y, x.shape, x.dtype), step.axes, step.margins, step.value)
        elif isinstance(step.resizing, Interpolation):
            matrix = graph.array(f"{graph.scope}/interpolation", step.resizing.matrix)
            y = graph.op("Einsum", matrix, y, equation=_along(step.axis, x.ndim))
        else:
            places = graph.array(f"{graph.scope}/places", step.resizing.old_places)
            y = graph.op("Gather", y, places, axis=step.axis)
    return str(y)


def _along(axis: int, rank: int) -> str:
    """Return the equation of a matrix that acts on one axis.

    >>> _along(1, 4)
    'zb,abcd->azcd'
    """
    letters = "abcdefgh"[:rank]
    return f"z{letters[axis]},{letters}->{letters.replace(letters[axis], 'z')}"


def _cut(graph: Graph, x: Value, axes: Any, margins: Any) -> str:
    cut = [(a, b, e) for a, (b, e) in zip(axes, margins, strict=True) if b or e]
    if not cut:
        return x.name
    along, before, after = zip(*cut, strict=True)
    ends = [-e if e else 2**31 for e in after]
    bounds = [graph.integers(*numbers) for numbers in (before, ends, along)]
    return str(graph.op("Slice", x, *bounds))


def _framed(graph: Graph, x: Value, axes: Any, margins: Any, value: float) -> str:
    before, after = [0] * x.ndim, [0] * x.ndim
    for axis, (b, a) in zip(axes, margins, strict=True):
        before[axis], after[axis] = b, a
    pads = graph.integers(*before, *after)
    return str(graph.op("Pad", x, pads, graph.number(value, x.dtype)))


def _known(layer: Any, x: Value, axis: int) -> int:
    size = x.shape[axis]
    if size is None:
        raise refusal(
            layer,
            f"Its input has the shape {x.shape}, and interpolation needs known sizes. Give Input "
            "its height and width, or export(..., input_signature=[shape]).",
        )
    return size


def _known_sizes(layer: Any, x: Value) -> tuple[int, ...]:
    """Return the input's shape, in which only the batch and the channels may vary."""
    for axis in layer.axes(x.ndim):
        _known(layer, x, axis)
    return tuple(1 if size is None else size for size in x.shape)
