"""Activations in ONNX's operators, written down by class; layers that have one use them too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import activations, layers
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import converter_of, register_onnx_converter

ALONG_AN_AXIS = (activations.Glu, activations.LogSoftmax, activations.Softmax)
"""Activations for which it matters where the axes stand; the others look at single numbers."""


def activate(graph: Graph, activation: Any, z: Any) -> str:
    """Return the activation of z."""
    return str(converter_of(activation)(graph, activation, z))


def _plain(kind: str, **constants: Any) -> Any:
    """Return the converter of an activation that is one operator of ONNX's."""

    def convert(graph: Graph, activation: Any, z: Any) -> str:
        return str(graph.op(kind, z, **constants))

    return convert


for _cls, _kind in (
    (activations.Exponential, "Exp"),
    (activations.HardSilu, "HardSwish"),
    (activations.Mish, "Mish"),
    (activations.Sigmoid, "Sigmoid"),
    (activations.Softplus, "Softplus"),
    (activations.Softsign, "Softsign"),
    (activations.Tanh, "Tanh"),
):
    register_onnx_converter(_cls)(_plain(_kind))
register_onnx_converter(activations.HardSigmoid)(_plain("HardSigmoid", alpha=1 / 6, beta=0.5))
register_onnx_converter(activations.Selu)(
    _plain("Selu", alpha=activations.Selu.alpha, gamma=activations.Selu.scale)
)


@register_onnx_converter(activations.Linear)
def linear(graph: Graph, activation: activations.Linear, z: Any) -> Any:
    """Return z."""
    return z


@register_onnx_converter(activations.Relu)
def relu(graph: Graph, activation: activations.Relu, z: Any) -> str:
    """Return Relu, or what a slope, a threshold and a maximum make of it."""
    slope, threshold = activation.negative_slope, activation.threshold
    y = graph.op("Relu", z)
    if activation.max_value is not None:
        y = graph.op("Min", y, graph.number(activation.max_value))
    if threshold:
        above = graph.op("Greater", z, graph.number(threshold))
        y = graph.op("Where", above, y, graph.number(0))
    if slope:
        below = graph.op("Sub", z, graph.number(threshold)) if threshold else z
        below = graph.op("Min", below, graph.number(0))
        y = graph.op("Add", y, graph.op("Mul", below, graph.number(slope)))
    return str(y)


@register_onnx_converter(activations.Relu6)
def relu6(graph: Graph, activation: activations.Relu6, z: Any) -> str:
    """Return z between 0 and 6."""
    return str(graph.op("Clip", z, graph.number(0), graph.number(6)))


@register_onnx_converter(activations.LeakyRelu)
def leaky_relu(graph: Graph, activation: activations.LeakyRelu, z: Any) -> str:
    """Return LeakyRelu."""
    return str(graph.op("LeakyRelu", z, alpha=activation.negative_slope))


@register_onnx_converter(activations.Elu)
def elu(graph: Graph, activation: activations.Elu, z: Any) -> str:
    """Return Elu."""
    return str(graph.op("Elu", z, alpha=activation.alpha))


@register_onnx_converter(activations.Celu)
def celu(graph: Graph, activation: activations.Celu, z: Any) -> str:
    """Return Celu."""
    return str(graph.op("Celu", z, alpha=activation.alpha))


@register_onnx_converter(activations.Silu)
def silu(graph: Graph, activation: activations.Silu, z: Any) -> str:
    """Return z σ(z)."""
    return str(graph.op("Mul", z, graph.op("Sigmoid", z)))


@register_onnx_converter(activations.LogSigmoid)
def log_sigmoid(graph: Graph, activation: activations.LogSigmoid, z: Any) -> str:
    """Return −softplus(−z)."""
    return str(graph.op("Neg", graph.op("Softplus", graph.op("Neg", z))))


@register_onnx_converter(activations.Gelu)
def gelu(graph: Graph, activation: activations.Gelu, z: Any) -> str:
    """Return z Φ(z), with Φ by the error function or, approximated, by a tanh."""
    if activation.approximate:
        cubic = graph.op("Mul", graph.op("Mul", z, z), graph.number(0.044715))
        inner = graph.op("Mul", z, graph.op("Add", cubic, graph.number(1)))
        gate = graph.op("Tanh", graph.op("Mul", inner, graph.number(math.sqrt(2 / math.pi))))
    else:
        gate = graph.op("Erf", graph.op("Mul", z, graph.number(math.sqrt(0.5))))
    gate = graph.op("Mul", graph.op("Add", gate, graph.number(1)), graph.number(0.5))
    return str(graph.op("Mul", z, gate))


@register_onnx_converter(activations.Glu)
def glu(graph: Graph, activation: activations.Glu, z: Any) -> str:
    """Return one half of z times the sigmoid of the other."""
    a, b = graph.op("Split", z, outputs=2, axis=activation.axis, num_outputs=2)
    return str(graph.op("Mul", a, graph.op("Sigmoid", b)))


@register_onnx_converter(activations.Softmax)
def softmax(graph: Graph, activation: activations.Softmax, z: Any) -> str:
    """Return Softmax, over several axes by its definition."""
    if isinstance(activation.axis, int):
        return str(graph.op("Softmax", z, axis=activation.axis))
    e = graph.op("Exp", _below_maximum(graph, z, activation.axis))
    return str(graph.op("Div", e, graph.reduce("Sum", e, activation.axis)))


@register_onnx_converter(activations.LogSoftmax)
def log_softmax(graph: Graph, activation: activations.LogSoftmax, z: Any) -> str:
    """Return LogSoftmax, over several axes by its definition."""
    if isinstance(activation.axis, int):
        return str(graph.op("LogSoftmax", z, axis=activation.axis))
    below = _below_maximum(graph, z, activation.axis)
    total = graph.reduce("Sum", graph.op("Exp", below), activation.axis)
    return str(graph.op("Sub", below, graph.op("Log", total)))


def _below_maximum(graph: Graph, z: Any, axes: Any) -> str:
    return str(graph.op("Sub", z, graph.reduce("Max", z, axes)))


# The layers that are an activation and no more


@register_onnx_converter(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU)
def activation_layer(graph: Graph, layer: Any, x: Value) -> str:
    """Return the layer's activation of x; before a transpose, so that convolutions meet."""
    x = graph.as_float(x)
    if isinstance(layer.activation, ALONG_AN_AXIS):
        return activate(graph, layer.activation, x)
    source, order = graph.before_transpose(x)
    return graph.transpose(activate(graph, layer.activation, source), order)


@register_onnx_converter(layers.Softmax)
def softmax_layer(graph: Graph, layer: layers.Softmax, x: Value, mask: Any = None) -> str:
    """Return the softmax, with nothing for what is masked."""
    x = graph.as_float(x)
    if mask is None:
        return activate(graph, layer.activation, x)
    least = graph.number(float(np.finfo(FLOAT).min))
    y = activate(graph, layer.activation, graph.op("Where", mask, x, least))
    return str(graph.op("Where", mask, y, graph.number(0)))


@register_onnx_converter(layers.PReLU)
def prelu(graph: Graph, layer: layers.PReLU, x: Value) -> str:
    """Return PRelu."""
    return str(graph.op("PRelu", graph.as_float(x), graph.weight(layer.alpha)))
