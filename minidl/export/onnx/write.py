"""`model.export("model.onnx")`: from a model to a checked file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidl._typing import Shape
from minidl.export.onnx.proto import OPSET, require_onnx, sizes_by_name, to_bytes
from minidl.saving.atomic import atomic_write


def write(model: Any, filepath: Path, input_signature: Any = None, verbose: Any = None) -> None:
    """Write a model's inference as an ONNX file of opset 18, checked by ONNX's own checker.

    Inputs and outputs bear the model's names (`model.input_names`, `model.output_names`). The
    batch size varies, and so does every size that an `Input` leaves open. Floats are float32,
    whatever the model computes in.

    Arguments:
        model: a `Sequential` or a `Model(inputs, outputs)`, built.
        filepath: where to.
        input_signature: shapes in place of the inputs' own, to fix sizes that those leave open:
            one for each input, each with the batch axis, or something that has such a `shape`.
        verbose: whether to print what was written.

    Raises:
        ImportError: if the package `onnx` is missing.
        ValueError: if the model has no graph, or a layer has no counterpart in ONNX; the message
            names it and a way out.
    """
    require_onnx()
    from minidl.export.onnx.convert import convert_model

    shapes = _input_shapes(model, input_signature)
    graph, inputs, outputs = convert_model(model, shapes)
    content = to_bytes(graph, inputs, outputs, model.name)
    with atomic_write(filepath) as file:
        file.write(content)
    if verbose:
        print(f"Saved {filepath}: {len(graph.operators)} operators of ONNX opset {OPSET}.")
        for role, values in (("takes", inputs), ("gives", outputs)):
            for value in values:
                sizes = ", ".join(map(str, sizes_by_name(value.name, value.shape)))
                print(f"  {role} {value.name!r}: {value.dtype} ({sizes})")


def _input_shapes(model: Any, signature: Any) -> list[Shape]:
    owner = f"Model {model.name!r}"
    if model.unrolled_graph() is None:
        own = type(model).__name__
        raise ValueError(
            f"{owner} ({own}) has no graph that could be exported. A Sequential gets one from its "
            "first data or an Input at its front; what a subclass computes in its own call is not "
            "seen. Describe it as Model(inputs, outputs)."
        )
    own_shapes = [tensor.shape for tensor in model.inputs]
    if signature is None:
        return own_shapes
    signature = signature if isinstance(signature, list) else [signature]
    shapes = [tuple(getattr(item, "shape", item)) for item in signature]
    model._inputs.check_shapes(shapes, f"{owner}, input_signature")
    if len(shapes) != len(own_shapes):
        raise ValueError(
            f"{owner} received an input_signature of {len(shapes)} shapes, expected "
            f"{len(own_shapes)}: {model.input_names}."
        )
    return shapes
