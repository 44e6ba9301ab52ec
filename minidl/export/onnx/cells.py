"""Recurrent cells in ONNX's operators, one step each: the body of a Scan.

A step takes x (batch, features), the states before it, and, where the sequence has a mask, which
samples (batch, 1) it counts for; the others keep what they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import layers
from minidl.export.onnx.activations import activate
from minidl.export.onnx.graph import Graph
from minidl.export.onnx.table import title
from minidl.layers.recurrent.states import sizes_of

Step = tuple[str, list[str]]
"""A cell's output, and its states after it."""


def step(graph: Graph, cell: Any, x: str, states: list[str], counts: str | None) -> Step:
    """Append one step of a cell.

    Raises:
        ValueError: for a cell that is not minidl's own.
    """
    if type(cell) not in CELLS:
        raise ValueError(
            f"{title(cell)} cannot be exported to ONNX: of cells, those of minidl can "
            f"({', '.join(sorted(cls.__name__ for cls in CELLS))}). Use one of them, or write a "
            "layer of your own around it and @minidl.export.register_onnx_converter(YourLayer)."
        )
    return CELLS[type(cell)](graph, cell, x, states, counts)


def _simple(graph: Graph, cell: Any, x: str, states: list[str], counts: str | None) -> Step:
    """Append h = φ(x W + h' U + b)."""
    z = graph.op("Add", _of_input(graph, cell, x), _of_state(graph, cell, states[0]))
    h = _held(graph, activate(graph, cell.activation, z), states[0], counts)
    return h, [h]


def _lstm(graph: Graph, cell: Any, x: str, states: list[str], counts: str | None) -> Step:
    """Append i, f, g, o = σ, σ, φ, σ of x W + h' U + b; c = f c' + i g; h = o φ(c)."""
    h, c = states
    z = graph.op("Add", _of_input(graph, cell, x), _of_state(graph, cell, h))
    i, f, g, o = graph.op("Split", z, outputs=4, axis=-1, num_outputs=4)
    i, f, o = (activate(graph, cell.recurrent_activation, gate) for gate in (i, f, o))
    g = activate(graph, cell.activation, g)
    c_new = graph.op("Add", graph.op("Mul", f, c), graph.op("Mul", i, g))
    h_new = graph.op("Mul", o, activate(graph, cell.activation, c_new))
    h_new, c_new = _held(graph, h_new, h, counts), _held(graph, c_new, c, counts)
    return h_new, [h_new, c_new]


def _gru(graph: Graph, cell: Any, x: str, states: list[str], counts: str | None) -> Step:
    """Append z, r = σ(...); ĥ = φ(...); h = z h' + (1 − z) ĥ."""
    (h,) = states
    sigma, phi = cell.recurrent_activation, cell.activation
    a_zr, a_h = _two_and_one(graph, _of_input(graph, cell, x, row=0), cell.units)
    if cell.reset_after:
        u = _of_state(graph, cell, h)
        if cell.bias is not None:
            u = graph.op("Add", u, graph.weight(cell.bias, cell.bias.value[1]))
        u_zr, u_h = _two_and_one(graph, u, cell.units)
        zr = activate(graph, sigma, graph.op("Add", a_zr, u_zr))
        z, r = graph.op("Split", zr, outputs=2, axis=-1, num_outputs=2)
        inner = graph.op("Mul", r, u_h)
    else:
        kernel, split = cell.recurrent_kernel, 2 * cell.units
        u_zr = graph.op("MatMul", h, graph.weight(kernel, kernel.value[:, :split]))
        zr = activate(graph, sigma, graph.op("Add", a_zr, u_zr))
        z, r = graph.op("Split", zr, outputs=2, axis=-1, num_outputs=2)
        own = graph.weight(kernel, kernel.value[:, split:])
        inner = graph.op("MatMul", graph.op("Mul", r, h), own)
    h_hat = activate(graph, phi, graph.op("Add", a_h, inner))
    old = graph.op("Mul", z, graph.op("Sub", h, h_hat))
    h_new = _held(graph, graph.op("Add", old, h_hat), h, counts)
    return h_new, [h_new]


def _stacked(graph: Graph, cell: Any, x: str, states: list[str], counts: str | None) -> Step:
    """Append one cell's step after the other."""
    after: list[str] = []
    for inner in cell.cells:
        count = len(sizes_of(inner))
        own, states = states[:count], states[count:]
        x, own = step(graph, inner, x, own, counts)
        after += own
    return x, after


CELLS: dict[type, Callable[[Graph, Any, str, list[str], str | None], Step]] = {
    layers.SimpleRNNCell: _simple,
    layers.LSTMCell: _lstm,
    layers.GRUCell: _gru,
    layers.StackedRNNCells: _stacked,
}


def _of_input(graph: Graph, cell: Any, x: str, row: int | None = None) -> str:
    """Return x W + b, with a row of b where it has several."""
    z = graph.op("MatMul", x, graph.weight(cell.kernel))
    if cell.bias is None:
        return str(z)
    b = cell.bias.value
    b = b[row] if row is not None and b.ndim == 2 else b
    return str(graph.op("Add", z, graph.weight(cell.bias, b)))


def _of_state(graph: Graph, cell: Any, h: str) -> str:
    return str(graph.op("MatMul", h, graph.weight(cell.recurrent_kernel)))


def _two_and_one(graph: Graph, x: str, units: int) -> tuple[str, str]:
    """Return the columns of the two gates, and those of the candidate."""
    first, last = graph.op("Split", x, graph.integers(2 * units, units), outputs=2, axis=-1)
    return first, last


def _held(graph: Graph, new: str, old: str, counts: str | None) -> str:
    return new if counts is None else str(graph.op("Where", counts, new, old))
