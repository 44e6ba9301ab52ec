"""A model as one Python file: the network as equations, the functions they use, the weights."""

from __future__ import annotations

import base64
import keyword
import re
import textwrap
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minidl import layers
from minidl._typing import Array
from minidl.export.python import sequence_table  # noqa: F401  (enters its converters)
from minidl.export.python.table import converter_of
from minidl.export.python.writer import NONE, Code, NotExportableError, Writer, harmless
from minidl.layers.attention.projected import ProjectedAttention
from minidl.layers.layer import overrides
from minidl.layers.mask_operations import Operation
from minidl.layers.merging import Merge
from minidl.layers.pooling.global_pooling import GlobalPooling
from minidl.models.masked_plan import KeptMask, LostMask, MaskedStep, MaskStep, plan_of
from minidl.models.plan_step import ActivityPenalty, Step
from minidl.models.structure import Structure
from minidl.saving.atomic import atomic_write
from minidl.utils.display import format_shape

_LINE = 96  # characters of a line of weights
_BATCH = 32  # samples that `predict` takes at once


def write(model: Any, filepath: Path, **options: Any) -> None:
    """Write a model's inference as a Python file.

    Raises:
        ValueError: if the model has no graph, or a layer that does not go into such a file.
    """
    text = source_of(model)
    with atomic_write(filepath) as file:
        file.write(text.encode())


def source_of(model: Any) -> str:
    """Return the source of a file that computes what `model.predict` computes.

    Raises:
        ValueError: if the model has no graph, or a layer that does not go into such a file.
    """
    graph = model.unrolled_graph()
    if graph is None:
        raise NotExportableError(
            f"Model {model.name!r} cannot be written as a Python file: it has no graph of "
            "layers. Build it first, by an Input or on data; a subclass with a call of its own "
            "must be made anew with Model(inputs, outputs)."
        )
    writer = Writer()
    body, network_inputs, outputs = _network(writer, graph, model._inputs)
    parts = [
        _head(model),
        "\n".join(["from __future__ import annotations", "", *_imports(writer)]),
        _predict(model),
        _network_function(model, network_inputs, body, outputs),
        *writer.bundle.texts.values(),
        _weights(writer.weights),
    ]
    return "\n\n".join(part.rstrip() + "\n" for part in parts)


class _Variables:
    """The variables of the network function, by the slot of the value they hold."""

    def __init__(self, writer: Writer) -> None:
        self.of_slot: dict[int, Code] = {}
        self.shapes: dict[Code, Any] = {}
        self._writer = writer
        self._count = 0

    def input(self, name: str, slot: int, shape: Any, dtype: str) -> Code:
        free = re.sub(r"\W", "_", name)
        if (
            keyword.iskeyword(free)
            or not free.isidentifier()
            or re.fullmatch(r"[hm]\d+|np|W", free)
        ):
            free = f"input_{free}"
        return self._enter(Code(free), slot, shape, dtype)

    def value(self, slot: int, shape: Any, dtype: str) -> Code:
        self._count += 1
        return self._enter(Code(f"h{self._count}"), slot, shape, dtype)

    def mask(self, slot: int) -> Code:
        self._count += 1
        self.of_slot[slot] = Code(f"m{self._count}")
        return self.of_slot[slot]

    def _enter(self, name: Code, slot: int, shape: Any, dtype: str) -> Code:
        self.of_slot[slot] = name
        self.shapes[name] = shape
        self._writer.dtypes[name], self._writer.ranks[name] = dtype, len(shape)
        return name


def _network(
    writer: Writer, graph: Any, inputs: Structure
) -> tuple[list[str], list[Code], list[Code]]:
    """Return the lines of the network, and its inputs and outputs."""
    plan = plan_of(graph)
    variables = _Variables(writer)
    given = [
        variables.input("x" if inputs.kind == "single" else name, slot, t.shape, t.dtype)
        for name, slot, t in zip(inputs.names, plan.inputs, inputs.tensors, strict=True)
    ]
    lines: list[str] = []
    for step in plan.steps:
        try:
            lines += _step(writer, variables, step)
        except NotExportableError as error:
            layer = step.layer
            raise NotExportableError(
                f"Layer {layer.name!r} ({type(layer).__name__}) does not go into a Python file: "
                f"{error}."
            ) from None
    return lines, given, [variables.of_slot[slot] for slot in plan.outputs]


def _step(writer: Writer, variables: _Variables, step: Step) -> list[str]:
    if isinstance(step, KeptMask | LostMask):
        return []
    if isinstance(step, MaskStep):
        return _mask_lines(variables, step)
    if isinstance(step.layer, ActivityPenalty):
        variables.of_slot[step.outputs[0]] = variables.of_slot[step.inputs[0]]
        return []
    if step.training:
        raise NotExportableError("it was called with training=True, and would draw at random")
    masks: list[Code] = []
    plain = step
    if isinstance(step, MaskedStep):
        plain = step.inner
        masks = [NONE if slot is None else variables.of_slot[slot] for slot in step.masks]
    layer = plain.layer
    xs = [variables.of_slot[slot] for slot in plain.inputs]
    if isinstance(layer, Operation):
        raise NotExportableError("it is an operation on masks that was read from Keras")
    shapes: Any = [variables.shapes[x] for x in xs]
    written = converter_of(layer)(writer, layer, xs, masks, plain.options)
    out = layer.call_output_shape(shapes[0] if plain.single else shapes, plain.options)
    dtype = layer.output_dtype(writer.dtypes[xs[0]])
    outs = out if isinstance(out, list) else [out]
    names = [
        variables.value(slot, tuple(shape), dtype)
        for slot, shape in zip(plain.outputs, outs, strict=True)
    ]
    described = ", ".join(format_shape(tuple(shape)) for shape in outs)
    comment = f"# {harmless(layer.name)}: {type(layer).__name__} → {described}"
    return [comment, f"{', '.join(names)} = {written}"]


def _mask_lines(variables: _Variables, step: MaskStep) -> list[str]:
    """Write what a layer makes of its input's mask."""
    layer = step.layer
    xs = [variables.of_slot[slot] for slot in step.inputs[: len(step.masks)]]
    masks = [NONE if slot is None else variables.of_slot[slot] for slot in step.masks]
    made: list[str]
    if isinstance(layer, layers.Embedding):
        made = [f"{xs[0]} != 0" if layer.mask_zero else "None"]
    elif isinstance(layer, layers.Masking):
        made = [f"({xs[0]} != {layer.mask_value!r}).any(axis=-1)"]
    elif isinstance(layer, Merge):
        made = ["None" if NONE in masks else " | ".join(masks)]
    elif isinstance(layer, layers.RNN | layers.Bidirectional | layers.TimeDistributed):
        passes = getattr(layer, "return_sequences", True)
        both = getattr(layer, "merge_mode", "") is None
        own = masks[0] if passes else NONE
        made = [own, own] if both else [own]
    elif isinstance(layer, ProjectedAttention | layers.Attention):
        made = [masks[0]]
    elif isinstance(layer, GlobalPooling):
        made = []
    else:
        assert overrides(type(layer), "compute_mask")
        raise NotExportableError("what it makes of a mask has no place in such a file")
    made += ["None"] * (len(step.outputs) - len(made))
    names = [variables.mask(slot) for slot in step.outputs]
    return [f"{name} = {text}" for name, text in zip(names, made, strict=True)]


def _head(model: Any) -> str:
    shapes = ", ".join(format_shape(t.shape) for t in model.inputs)
    results = ", ".join(format_shape(t.shape) for t in model.outputs)
    return f'''"""The network {harmless(model.name)!r}, for NumPy alone.

    {shapes} → {results}

Written by minidl's model.export. `network` has the equations, layer by layer; what they call
stands below it, and the weights W at the end. With the NumPy that minidl runs on, the results are
those of model.predict to the last bit.
"""'''


def _imports(writer: Writer) -> list[str]:
    needed = {"import base64", "import zlib", "import numpy as np", *writer.bundle.imports}
    standard = sorted(line for line in needed if "numpy" not in line)
    return [*standard, "", *sorted(line for line in needed if "numpy" in line)]


def _predict(model: Any) -> str:
    inputs, outputs = model._inputs, model._outputs
    names = inputs.names  # as literals: a name may be anything
    if inputs.kind == "single":
        listed = "[x]"
    elif inputs.kind == "dict":
        listed = f"[x[name] for name in {names!r}]"
    else:
        listed = f"[x[name] for name in {names!r}] if isinstance(x, dict) else x"
    packed = "results[0]" if outputs.kind == "single" else "results"
    if outputs.kind == "dict":
        packed = f"dict(zip({outputs.names!r}, results, strict=True))"
    dtypes = [t.dtype for t in inputs.tensors]
    ranks = ", ".join(format_shape(t.shape) for t in inputs.tensors)
    return textwrap.dedent(
        f'''
        def predict(x, batch_size={_BATCH}):
            """Return the network's outputs for x, {ranks}, a batch after the other."""
            given = {listed}
            dtypes = {dtypes!r}
            xs = [np.asarray(item, dtype) for item, dtype in zip(given, dtypes, strict=True)]
            parts = [
                network(*(item[start : start + batch_size] for item in xs))
                for start in range(0, len(xs[0]), batch_size)
            ]
            results = [np.concatenate(group) for group in zip(*parts, strict=True)]
            return {packed}
        '''
    ).strip()


def _network_function(model: Any, inputs: list[Code], body: list[str], outputs: list[Code]) -> str:
    arrows = f"{', '.join(inputs)}"
    lines = [
        f"def network({arrows}):",
        '    """Return a list of the outputs for one batch."""',
        *(f"    {line}" for line in body),
        f"    return [{', '.join(outputs)}]",
    ]
    return "\n".join(lines)


def _weights(weights: dict[str, Array]) -> str:
    entries = [
        f"    ({name!r}, {tuple(a.shape)}, {a.dtype.newbyteorder('<').str!r}),"
        for name, a in weights.items()
    ]
    raw = b"".join(
        np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes() for a in weights.values()
    )
    text = base64.b64encode(zlib.compress(raw, 9)).decode()
    lines = [f"    {text[i : i + _LINE]}" for i in range(0, len(text), _LINE)]
    return "\n".join(
        [
            "def unpacked(text, entries):",
            '    """Return the weights by name, from compressed bytes in base64."""',
            "    data, weights, start = zlib.decompress(base64.b64decode(text)), {}, 0",
            "    for name, shape, dtype in entries:",
            "        count = int(np.prod(shape, dtype=int))",
            "        array = np.frombuffer(data, dtype, count, start)",
            '        weights[name] = array.astype(array.dtype.newbyteorder("=")).reshape(shape)',
            "        start += array.nbytes",
            "    return weights",
            "",
            "",
            "ENTRIES = [",
            *entries,
            "]",
            "",
            "W = unpacked(",
            '    """',
            *lines,
            '    """,',
            "    ENTRIES,",
            ")",
        ]
    )
