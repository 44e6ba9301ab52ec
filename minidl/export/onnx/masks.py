"""What layers make of masks, in ONNX's operators; a mask is a value of truth values, or None."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from minidl import layers
from minidl.export.onnx.graph import Graph, Value
from minidl.export.onnx.table import refusal, register_onnx_converter
from minidl.layers import mask_operations
from minidl.layers.merging import Merge

Mask = Value | None
BOOL = np.dtype(bool)


def output_masks(
    graph: Graph, layer: layers.Layer, inputs: list[Value], masks: list[Mask], single: bool
) -> list[Mask]:
    """Return the masks of a layer's outputs.

    Arguments:
        inputs, masks: what the layer is called on, and the mask of each or None.
        single: whether it is called on one tensor rather than a list.
    """
    outside, graph.scope = graph.scope, f"{layer.name}/mask"
    if isinstance(layer, layers.Embedding):
        made: Any = not_equal(graph, inputs[0], 0) if layer.mask_zero else None
    elif isinstance(layer, layers.Masking):
        made = any_feature(graph, not_equal(graph, inputs[0], layer.mask_value))
    elif isinstance(layer, Merge):
        made = _all_or_none(graph, masks)
    elif isinstance(layer, layers.Concatenate):
        made = _side_by_side(graph, layer, inputs, masks)
    elif not type(layer).__module__.startswith("minidl."):
        raise refusal(layer, "It makes a mask of its own. Pass the mask to the layers that use it.")
    else:  # the others hand on what they are given
        given: Any = masks if not single else masks[0]
        made = layer.compute_mask(inputs if not single else inputs[0], given)
    graph.scope = outside
    return made if isinstance(made, list) else [made]


def not_equal(graph: Graph, x: Value, number: float) -> Value:
    """Return where x is another number."""
    equal = graph.op("Equal", x, graph.number(number, x.dtype))
    return Value(graph.op("Not", equal), x.shape, "bool")


def any_feature(graph: Graph, x: Value) -> Value:
    """Return where anything along the last axis is true."""
    most = graph.reduce("Max", graph.cast(x, "int32"), [-1], keepdims=False)
    return Value(graph.op("Cast", most, to=BOOL), x.shape[:-1], "bool")


def _all_or_none(graph: Graph, masks: list[Mask]) -> Mask:
    present = [mask for mask in masks if mask is not None]
    if len(present) < len(masks) or not present:
        return None
    either = reduce(lambda a, b: graph.op("Or", a, b), present[1:], present[0].name)
    return replace(present[0], name=either)


def _side_by_side(
    graph: Graph, layer: layers.Concatenate, inputs: list[Value], masks: list[Mask]
) -> Mask:
    """Return where any feature comes from a step that counts."""
    if all(mask is None for mask in masks):
        return None
    wide = []
    for x, mask in zip(inputs, masks, strict=True):
        if mask is None:
            one: Any = graph.array("constant/True", True)
        else:
            one = graph.unsqueeze(mask, *range(mask.ndim, x.ndim)) if mask.ndim < x.ndim else mask
        wide.append(graph.op("Expand", one, graph.sizes(x)))
    shape = layer.compute_output_shape([x.shape for x in inputs])
    joined = Value(graph.op("Concat", *wide, axis=layer.axis), shape, "bool")
    return any_feature(graph, joined)


@register_onnx_converter(mask_operations.NotEqual)
def convert_not_equal(graph: Graph, layer: Any, x: Any, other: Any = None) -> str:
    """Return where x₁ ≠ x₂."""
    if other is not None:
        return not_equal(graph, x[0] if isinstance(x, list) else x, other).name
    return str(graph.op("Not", graph.op("Equal", x[0], graph.cast(x[1], x[0].dtype))))


@register_onnx_converter(mask_operations.LogicalOr)
def convert_or(graph: Graph, layer: Any, x: list[Value]) -> str:
    """Return x₁ or x₂."""
    return str(graph.op("Or", *x))


@register_onnx_converter(mask_operations.LogicalAnd)
def convert_and(graph: Graph, layer: Any, x: list[Value]) -> str:
    """Return x₁ and x₂."""
    return str(graph.op("And", *x))


@register_onnx_converter(mask_operations.AnyTrue)
def convert_any(graph: Graph, layer: mask_operations.AnyTrue, x: Any) -> str:
    """Return whether anything along an axis is true."""
    x = x[0] if isinstance(x, list) else x
    axes = range(x.ndim) if layer.axis is None else [layer.axis]
    most = graph.reduce("Max", graph.cast(x, "int32"), axes, layer.keepdims)
    return str(graph.op("Cast", most, to=BOOL))


@register_onnx_converter(mask_operations.ExpandDims)
def convert_expand_dims(graph: Graph, layer: mask_operations.ExpandDims, x: Any) -> str:
    """Return x with one axis more."""
    return graph.unsqueeze(x[0] if isinstance(x, list) else x, layer.axis)


@register_onnx_converter(mask_operations.ZerosLike, mask_operations.OnesLike)
def convert_constant_like(graph: Graph, layer: mask_operations.ZerosLike, x: Any) -> str:
    """Return truth values in the shape of x, all alike."""
    x = x[0] if isinstance(x, list) else x
    value = isinstance(layer, mask_operations.OnesLike)
    return str(graph.op("Expand", graph.array(f"constant/{value}", value), graph.sizes(x)))


@register_onnx_converter(mask_operations.SideBySide)
def convert_side_by_side(graph: Graph, layer: mask_operations.SideBySide, x: Any) -> str:
    """Return the inputs side by side."""
    return str(graph.op("Concat", *x, axis=layer.axis))
