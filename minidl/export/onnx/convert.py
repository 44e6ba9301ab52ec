"""From a model to an ONNX graph: its plan is walked, and each step's layer writes its operators.

The plan is the one that `predict` runs (models/plan.py): nested models are unrolled in it, shared
layers stand in it several times, and masks are values of their own. Converters look into layers
as the layers' own modules do, attributes with an underscore included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minidl._typing import Shape
from minidl.export.onnx import (
    activations,
    attention,
    categorical,
    convolution,
    dense,
    images,
    merging,
    normalization,
    pooling,
    recurrent,
    refused,
    reshaping,
    wrappers,
)
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.masks import output_masks
from minidl.export.onnx.table import converter_of, refusal
from minidl.layers.batch_normalization import BatchNormalization
from minidl.layers.layer import Layer
from minidl.models.masked_plan import KeptMask, LostMask, MaskedStep, MaskStep, plan_of
from minidl.models.plan import Plan
from minidl.models.plan_step import ActivityPenalty, Step

FAMILIES = (
    *(activations, attention, categorical, convolution, dense, images, merging),
    *(normalization, pooling, recurrent, refused, reshaping, wrappers),
)
"""The modules that fill the table of converters as they are imported."""


def convert_model(model: Any, shapes: list[Shape]) -> tuple[Graph, list[Value], list[Value]]:
    """Return a model's graph with its inputs and outputs.

    Arguments:
        model: a model with a graph of layers.
        shapes: the shapes of its inputs, with None for what varies.
    """
    graph = Graph()
    inputs = [
        graph.input(name, (None, *shape[1:]), _exported_dtype(model, tensor.dtype))
        for name, shape, tensor in zip(model.input_names, shapes, model.inputs, strict=True)
    ]
    names = [graph.unique(name) for name in model.output_names]
    found = convert_plan(graph, plan_of(model.graph), inputs)
    graph.scope = ""
    outputs = []
    for name, value in zip(names, found, strict=True):
        graph.op("Identity", value)
        graph.operators[-1].outputs = [name]
        outputs.append(replace(value, name=name))
    graph.drop_unused(names)
    return graph, inputs, outputs


def _exported_dtype(model: Any, dtype: str) -> str:
    if dtype == "string":
        raise ValueError(
            f"Model {model.name!r} takes strings, which cannot be exported to ONNX. Export the "
            "model behind its lookup layers, and let the program that runs it look the words up."
        )
    return FLOAT if dtype.startswith("float") else dtype


def convert_plan(graph: Graph, plan: Plan, inputs: list[Value]) -> list[Value]:
    """Append a plan's steps and return its outputs."""
    values: dict[int, Any] = dict(zip(plan.inputs, inputs, strict=True))
    for step in plan.steps:
        given = [values[slot] for slot in step.inputs]
        if isinstance(step, KeptMask | LostMask):
            continue  # these are for the loss, and for a warning
        if isinstance(step, MaskStep):
            made: list[Any] = _masks(graph, step, given)
        elif isinstance(step, MaskedStep):
            made = _masked_call(graph, step, given)
        else:
            made = _call(graph, step, given, step.options)
        values.update(zip(step.outputs, made, strict=True))
    return [values[slot] for slot in plan.outputs]


def _call(graph: Graph, step: Step, given: list[Value], options: dict[str, Any]) -> list[Value]:
    layer = step.layer
    if isinstance(layer, ActivityPenalty):
        return given
    if step.training and _differs_in_training(layer):
        raise refusal(
            layer,
            "It was called with training=True, and what is exported is inference. Leave it out.",
        )
    return convert_layer(graph, layer, given if not step.single else given[0], options)


def convert_layer(graph: Graph, layer: Layer, x: Any, options: dict[str, Any]) -> list[Value]:
    """Append a layer's operators and return its outputs with their shapes and dtypes."""
    inner = layer.unrolled_graph()
    if inner is not None:
        return convert_plan(graph, plan_of(inner), [x] if isinstance(x, Value) else x)
    convert = converter_of(layer)
    outside, graph.scope = graph.scope, layer.name
    made = convert(graph, layer, x, **options)
    graph.scope = outside
    inputs = [x] if isinstance(x, Value) else x
    call = {key: value for key, value in options.items() if key != "mask"}
    shapes: Any = x.shape if isinstance(x, Value) else [value.shape for value in x]
    out = layer.call_output_shape(shapes, call)
    made, out = (made, out) if isinstance(made, list) else ([made], [out])
    dtype = layer.output_dtype(inputs[0].dtype)
    dtype = FLOAT if dtype.startswith("float") else dtype
    return [
        name if isinstance(name, Value) else Value(name, tuple(shape), dtype)
        for name, shape in zip(made, out, strict=True)
    ]


def _masked_call(graph: Graph, step: MaskedStep, given: list[Value]) -> list[Value]:
    call = step.inner
    rest = iter(given[len(call.inputs) :])
    masks = [None if slot is None else next(rest) for slot in step.masks]
    if all(mask is None for mask in masks):
        return _call(graph, call, given[: len(call.inputs)], call.options)
    options = {**call.options, "mask": masks[0] if call.single else masks}
    return _call(graph, call, given[: len(call.inputs)], options)


def _masks(graph: Graph, step: MaskStep, given: list[Value]) -> list[Value | None]:
    count = len(step.masks)
    rest = iter(given[count:])
    masks = [None if slot is None else next(rest) for slot in step.masks]
    made = output_masks(graph, step.layer, given[:count], masks, step.one)
    return made + [None] * (len(step.outputs) - len(made))


def _differs_in_training(layer: Layer) -> bool:
    """Return whether a layer, or one within it, draws numbers or normalizes by the batch."""
    names = ("rate", "stddev", "dropout", "recurrent_dropout")
    rates = [getattr(layer, name) for name in names if hasattr(layer, name)]
    random = hasattr(layer, "seed_generator") and (any(rates) or not rates)
    within = any(_differs_in_training(inner) for inner in layer.sublayers())
    return random or within or isinstance(layer, BatchNormalization)
