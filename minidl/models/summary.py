"""The table that `model.summary()` prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from minidl.layers.layer import Layer
from minidl.layers.symbolic import Node
from minidl.utils.display import format_shape

if TYPE_CHECKING:
    from minidl.models.model import Model


LINE_LENGTH = 100  # where the table does not go to a terminal, whose width it would heed
HEADINGS = ("Layer (type)", "Output Shape", "Param #")


def print_summary(
    model: Model,
    line_length: int | None,
    positions: Any,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """Print the table to the terminal, or hand it to `print_fn` as text."""
    from rich.console import Console
    from rich.table import Table

    rows = list(_rows(model, expand_nested))
    if layer_range is not None:
        rows = _within(rows, layer_range)
    connected = model.graph is not None and not _is_line(model)
    headings = [*HEADINGS, *["Connected to"] * connected, *["Trainable"] * show_trainable]
    console = Console(
        force_terminal=False if print_fn is not None else None,
        no_color=True if print_fn is not None else None,
        highlight=False,
    )
    if line_length is not None or not console.is_terminal:
        console.width = line_length or LINE_LENGTH
    table = Table(title=f"Model: {model.name!r}", title_justify="left", title_style="bold")
    for heading, width in zip(headings, _widths(positions, console.width, headings), strict=True):
        justify = {"Param #": "right", "Trainable": "center"}.get(heading, "left")
        table.add_column(heading, justify=justify, width=width, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*_cells(row, connected, show_trainable))
    with console.capture() as capture:
        console.print(table)
    # Space behind the title and the lines serves no one who reads the text elsewhere.
    text = "\n".join(line.rstrip() for line in capture.get().splitlines())
    (print_fn or print)("\n".join([text, *_totals(model)]))


class _Row(NamedTuple):
    """A layer in the table.

    Attributes:
        owner: the model that the layer is part of.
        before: what stands before its name where the model is nested in another.
    """

    owner: Any
    layer: Layer
    before: str


def _rows(model: Any, expand_nested: bool, depth: int = 0) -> Iterator[_Row]:
    for layer in model.layers:
        yield _Row(model, layer, "   " * (depth - 1) + "└─ " if depth else "")
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(layer, expand_nested, depth + 1)


def _within(rows: list[_Row], layer_range: Any) -> list[_Row]:
    """Return the rows between two layers; each is a name, or an expression that names match."""
    names = [row.layer.name for row in rows if not row.before]
    outer = [at for at, row in enumerate(rows) if not row.before]
    bounds = []
    for pattern in layer_range if len(layer_range) == 2 else ():
        found = [at for at, name in zip(outer, names, strict=True) if re.fullmatch(pattern, name)]
        found = found or [
            at for at, name in zip(outer, names, strict=True) if re.match(pattern, name)
        ]
        bounds += [found] if found else []
    if len(bounds) != 2:
        raise ValueError(
            f"Received layer_range={layer_range!r}, expected the names of the first and the last "
            f"layer to show, or regular expressions for them, from {names}."
        )
    first, last = min(bounds[0][0], bounds[1][0]), max(bounds[0][-1], bounds[1][-1])
    # The rows within a nested model belong to it.
    end = next((at for at in outer if at > last), len(rows))
    return rows[first:end]


def _widths(positions: Any, width: int, headings: list[str]) -> list[int | None]:
    """Return the columns' widths where positions are given: their ends, as shares or characters."""
    if positions is None:
        return [None] * len(headings)
    ends = [int(p * width) if p <= 1 else int(p) for p in positions]
    widths = [end - begin - 3 for begin, end in zip([0, *ends], ends, strict=False)]
    if len(ends) != len(headings) or min(widths) < 1:
        raise ValueError(
            f"Received positions={positions!r} for a table that is {width} characters wide, "
            f"expected where each of its {len(headings)} columns ({', '.join(headings)}) ends, as "
            "growing shares of the width, the last one 1."
        )
    return list(widths)


def _cells(row: _Row, connected: bool, show_trainable: bool) -> list[str]:
    layer = row.layer
    cells = [
        f"{row.before}{layer.name} ({type(layer).__name__})",
        _output_shape(row),
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
    ]
    if connected:
        cells.append(", ".join(_sources(row)) or "-")
    if show_trainable:
        cells.append("-" if not layer.weights else "Y" if layer.trainable_weights else "N")
    return cells


def _nodes(row: _Row) -> list[Node]:
    """Return the calls of the layer that its model runs."""
    graph = getattr(row.owner, "graph", None)
    return [node for node in graph.nodes if node.layer is row.layer] if graph is not None else []


def _output_shape(row: _Row) -> str:
    shapes = {tensor.shape: None for node in _nodes(row) for tensor in node.outputs}
    outputs = [node.outputs for node in _nodes(row)]
    if len(outputs) == 1:  # several outputs may well be of one shape
        return ", ".join(format_shape(tensor.shape) for tensor in outputs[0])
    if not shapes and getattr(row.layer, "outputs", None):
        return ", ".join(format_shape(tensor.shape) for tensor in row.layer.outputs)
    return ", ".join(map(format_shape, shapes)) or _shape_as_built(row.layer)


def _shape_as_built(layer: Layer) -> str:
    """Return the output's shape of a layer that a model's own `call` runs, for any batch size."""
    shape = layer.get_build_config().get("input_shape")
    if not isinstance(shape, tuple) or not all(s is None or isinstance(s, int) for s in shape):
        return "?"
    try:
        found = layer.compute_output_shape((None, *shape[1:]))
    except ValueError:  # the layer does not say, and cannot be tried on zeros
        return "?"
    several = found if isinstance(found, list) else [found]
    return ", ".join(format_shape(one) for one in several)


def _sources(row: _Row) -> list[str]:
    """Return the layers that its inputs come from; [1] is the second output of one with several."""
    return [
        tensor.node.layer.name + (f"[{tensor.index}]" if len(tensor.node.outputs) > 1 else "")
        for node in _nodes(row)
        for tensor in node.sources
    ]


def _is_line(model: Model) -> bool:
    """Return whether each layer has one input, made by the layer above it."""
    assert model.graph is not None
    nodes = model.graph.nodes
    return all(
        len(node.sources) == (0 if i == 0 else 1)
        and (i == 0 or node.inputs[0].node is nodes[i - 1])
        for i, node in enumerate(nodes)
    )


def _totals(model: Model) -> list[str]:
    if not model.built:
        return ["The model is not built yet: give it an Input, or call it on data."]
    trained, frozen = model.trainable_weights, model.non_trainable_weights
    lines = [
        f"Total params: {_size(trained + frozen)}",
        f"Trainable params: {_size(trained)}",
        f"Non-trainable params: {_size(frozen)}",
    ]
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and getattr(optimizer, "built", False):
        lines.append(f"Optimizer params: {_size(optimizer.variables)}")
    return lines


def _size(parameters: list[Any]) -> str:
    count = sum(p.size for p in parameters)
    size = float(sum(p.size * p.dtype.itemsize for p in parameters))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return f"{count:,} ({size:.2f} {unit})"
