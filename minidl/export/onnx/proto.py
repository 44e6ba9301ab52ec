"""From a finished graph to the bytes of an ONNX file, by the `onnx` package's helpers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Shape
from minidl.export.onnx.graph import Graph, Operator, Value

OPSET = 18
"""ONNX's version of what operators mean: of December 2022, in ONNX Runtime since 1.14."""
IR_VERSION = 8
"""The version of the file format that goes with it."""
LARGEST = 2**31 - 1
"""Bytes in one file: protobuf holds no more."""


def require_onnx() -> Any:
    """Return the `onnx` package.

    Raises:
        ImportError: if it is not installed, with the command that installs it.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs the package onnx, which is not installed. Install it with: "
            'pip install "minidl[onnx]". model.export("model.py") needs nothing.'
        ) from error
    return onnx


def to_bytes(graph: Graph, inputs: list[Value], outputs: list[Value], name: str) -> bytes:
    """Return a graph as the content of an ONNX file, checked by ONNX itself.

    Raises:
        ValueError: if the weights are more than one file can hold.
    """
    onnx = require_onnx()
    size = sum(array.nbytes for array in graph.constants.values())
    if size > LARGEST:
        raise ValueError(
            f"Model {name!r} has {size / 2**30:.1f} GiB of weights, and an ONNX file holds less "
            "than 2 GiB. Export the parts of the model one by one."
        )
    proto = onnx.helper.make_graph(
        [_operator(operator) for operator in graph.operators],
        name,
        [_declared(value) for value in inputs],
        [_declared(value) for value in outputs],
        [onnx.numpy_helper.from_array(array, key) for key, array in graph.constants.items()],
    )
    model = onnx.helper.make_model(
        proto,
        producer_name="minidl",
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _operator(operator: Operator) -> Any:
    attributes = {key: _attribute(value) for key, value in operator.attributes.items()}
    return require_onnx().helper.make_node(
        operator.kind, operator.inputs, operator.outputs, name=operator.name, **attributes
    )


def _attribute(value: Any) -> Any:
    if isinstance(value, np.dtype):
        return _element(value.name)
    if isinstance(value, Graph):
        return require_onnx().helper.make_graph(
            [_operator(operator) for operator in value.operators],
            "step",
            [_declared(v) for v in value.inputs],
            [_declared(v) for v in value.outputs],
        )
    return value


def _declared(value: Value) -> Any:
    sizes = sizes_by_name(value.name, value.shape)
    return require_onnx().helper.make_tensor_value_info(value.name, _element(value.dtype), sizes)


def _element(dtype: str) -> int:
    return int(require_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def sizes_by_name(name: str, shape: Shape) -> list[int | str]:
    """Return a shape with names for the sizes that vary.

    >>> sizes_by_name("words", (None, None, 8))
    ['batch', 'words_1', 8]
    """
    named = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)]
    return ["batch", *named[1:]] if named and shape[0] is None else named
