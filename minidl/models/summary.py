"""The table that `model.summary()` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidl.layers.layer import Layer
from minidl.utils.display import format_shape

if TYPE_CHECKING:
    from minidl.layers.parameter import Parameter
    from minidl.models.model import Model


def print_summary(
    model: Model,
    line_length: int | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """Print the table to the terminal, or hand it to `print_fn` as text."""
    from rich.console import Console
    from rich.table import Table

    rows = _rows(model, expand_nested)
    if layer_range is not None:
        rows = _within(rows, layer_range)
    connected = model.graph is not None and not _is_line(model)
    table = Table(title=f"Model: {model.name!r}", title_justify="left", title_style="bold")
    for heading, justify in (
        ("Layer (type)", "left"),
        ("Output shape", "left"),
        ("Params", "right"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    if connected:
        table.add_column("Connected to", overflow="fold")
    if show_trainable:
        table.add_column("Trained", justify="center")
    for depth, layer in rows:
        table.add_row(*_cells(model, layer, depth, connected, show_trainable))

    console = Console(
        width=line_length,
        force_terminal=False if print_fn is not None else None,
        no_color=True if print_fn is not None else None,
    )
    lines = _totals(model)
    if print_fn is None:
        console.print(table)
        for line in lines:
            console.print(line, highlight=False)
        return
    with console.capture() as capture:
        console.print(table)
    print_fn("\n".join([capture.get().rstrip("\n"), *lines]))


def _rows(model: Model, expand_nested: bool, depth: int = 0) -> list[tuple[int, Layer]]:
    rows: list[tuple[int, Layer]] = []
    for layer in model.layers:
        rows.append((depth, layer))
        if expand_nested and hasattr(layer, "layers"):
            rows += _rows(layer, expand_nested, depth + 1)  # type: ignore[arg-type]
    return rows


def _within(rows: list[tuple[int, Layer]], layer_range: Any) -> list[tuple[int, Layer]]:
    names = [layer.name for _, layer in rows]
    unknown = [name for name in layer_range if name not in names]
    if unknown or len(layer_range) != 2:
        raise ValueError(
            f"Received layer_range={layer_range!r}, expected the names of the first and the last "
            f"layer to show, from {names}."
        )
    first, last = sorted(names.index(name) for name in layer_range)
    return rows[first : last + 1]


def _cells(
    model: Model, layer: Layer, depth: int, connected: bool, show_trainable: bool
) -> list[str]:
    cells = [
        f"{'  ' * depth}{layer.name} ({type(layer).__name__})",
        _output_shape(model, layer),
        f"{layer.count_params():,}" if layer.built else "not built",
    ]
    if connected:
        cells.append(", ".join(_sources(model, layer)) or "-")
    if show_trainable:
        cells.append("-" if not layer.weights else "yes" if layer.trainable_weights else "no")
    return cells


def _output_shape(model: Model, layer: Layer) -> str:
    shapes = []
    for node in model.graph.nodes if model.graph is not None else []:
        if node.layer is layer:
            shapes = [format_shape(tensor.shape) for tensor in node.outputs]
    if not shapes and getattr(layer, "outputs", None):
        shapes = [format_shape(tensor.shape) for tensor in layer.outputs]
    return ", ".join(shapes) or "?"


def _sources(model: Model, layer: Layer) -> list[str]:
    assert model.graph is not None
    return [
        tensor.node.layer.name
        for node in model.graph.nodes
        if node.layer is layer
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
    return [
        f"Total params: {_size(trained + frozen)}",
        f"Trainable params: {_size(trained)}",
        f"Non-trainable params: {_size(frozen)}",
    ]


def _size(parameters: list[Parameter]) -> str:
    count = sum(p.size for p in parameters)
    size = float(sum(p.size * p.dtype.itemsize for p in parameters))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return f"{count:,} ({size:.2f} {unit})"
