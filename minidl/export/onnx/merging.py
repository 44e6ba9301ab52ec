"""Layers that make one of several inputs, in ONNX's operators."""

from __future__ import annotations

from functools import reduce
from typing import Any

from minidl import config, layers
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.normalization import unit_length
from minidl.export.onnx.table import register_onnx_converter


def _folded(kind: str) -> Any:
    """Return the converter of a layer that joins its inputs two by two."""

    def convert(graph: Graph, layer: Any, xs: list[Value]) -> str:
        return _fold(graph, kind, _aligned(graph, xs))

    return convert


def _fold(graph: Graph, kind: str, xs: list[Any]) -> str:
    return reduce(lambda a, b: str(graph.op(kind, a, b)), xs[1:], xs[0])


def _aligned(graph: Graph, xs: list[Value]) -> list[str]:
    """Return the inputs as floats with equally many axes: those missing stand behind the batch."""
    rank = max(x.ndim for x in xs)
    floats = [graph.as_float(x) for x in xs]
    return [
        graph.unsqueeze(x, *range(1, 1 + rank - x.ndim)) if x.ndim < rank else x.name
        for x in floats
    ]


register_onnx_converter(layers.Add)(_folded("Add"))
register_onnx_converter(layers.Subtract)(_folded("Sub"))
register_onnx_converter(layers.Multiply)(_folded("Mul"))
register_onnx_converter(layers.Maximum)(_folded("Max"))
register_onnx_converter(layers.Minimum)(_folded("Min"))


@register_onnx_converter(layers.Average)
def average(graph: Graph, layer: layers.Average, xs: list[Value]) -> str:
    """Return the sum over the number of inputs."""
    total = _fold(graph, "Add", _aligned(graph, xs))
    return str(graph.op("Div", total, graph.number(len(xs))))


@register_onnx_converter(layers.Concatenate)
def concatenate(graph: Graph, layer: layers.Concatenate, xs: list[Value]) -> Value:
    """Return the inputs side by side, floats where one of them is."""
    dtypes = {x.dtype for x in xs}
    dtype = xs[0].dtype if len(dtypes) == 1 else FLOAT if FLOAT in dtypes else "int64"
    made = graph.op("Concat", *(graph.cast(x, dtype) for x in xs), axis=layer.axis)
    return Value(made, layer.compute_output_shape([x.shape for x in xs]), dtype)


@register_onnx_converter(layers.Dot)
def dot(graph: Graph, layer: layers.Dot, xs: list[Value]) -> str:
    """Return the sum over one axis of each, sample by sample."""
    shapes, axes = layer._check([x.shape for x in xs])
    names: list[Any] = [graph.as_float(x) for x in xs]
    if layer.normalize:
        pairs = zip(names, axes, strict=True)
        names = [unit_length(graph, x, [axis], config.epsilon()) for x, axis in pairs]
    equation = _contraction(len(shapes[0]), len(shapes[1]), *axes)
    y = graph.op("Einsum", *names, equation=equation)
    return graph.unsqueeze(y, 1) if equation.endswith("->a") else str(y)


def _contraction(rank: int, other_rank: int, axis: int, other_axis: int) -> str:
    """Return the equation of a product summed over one axis of each factor.

    >>> _contraction(3, 3, 2, 1)
    'abz,azc->abc'
    """
    letters = iter("bcdefghij")
    left = ["z" if i == axis else next(letters) for i in range(1, rank)]
    right = ["z" if i == other_axis else next(letters) for i in range(1, other_rank)]
    kept = [letter for letter in left + right if letter != "z"]
    return f"a{''.join(left)},a{''.join(right)}->a{''.join(kept)}"
