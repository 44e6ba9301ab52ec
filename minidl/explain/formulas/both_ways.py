"""Bidirectional: the output of both layers, and how they become one."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation
from minidl.explain.formulas.common import LETTERS, Lines, float64, show
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import value

MERGED = {
    "concat": ("y = (y→, y←)", "dy→, dy← = the two halves of dy"),
    "sum": ("y = y→ + y←", "dy→ = dy← = dy"),
    "ave": ("y = (y→ + y←) / 2", "dy→ = dy← = dy / 2"),
    "mul": ("y = y→ y←", "dy→ = dy y←, dy← = dy y→"),
    None: ("y→ and y← are two outputs", "each has its own dy"),
}


def forward(call: Call) -> Lines:
    """Tell y→, y← and y."""
    layer = call.layer
    yield Equation("y→ = layer(x)", type(layer.forward_layer).__name__)
    yield Equation("y← = layer(x), its steps from the last to the first", "with weights of its own")
    yield Equation(MERGED[layer.merge_mode][0], f"merge_mode = {layer.merge_mode!r}")
    for parameter in layer.weights:
        symbol = LETTERS.get(parameter.name, parameter.name)
        yield from show(symbol, call.value(parameter), parameter.path)
    yield from show("y", call.y)
    both = _both(call)
    if both is None:
        return
    yield from show("y→", both[0])
    yield from show("y←", both[1])
    index = call.index
    if isinstance(call.y, list) or layer.merge_mode is None:
        return
    there, back = float64(both[0]), float64(both[1])
    if layer.merge_mode == "concat":
        size = there.shape[-1]
        last = index[-1]
        part, name = (there, "y→") if last < size else (back, "y←")
        at = (*index[:-1], last % size if last < size else last - size)
        numbers = number(part[at])
        where = ", ".join(map(str, at))
        yield value("y", call.y, index, f"{name}[{where}]", numbers, part[at])
        return
    a, b = there[index], back[index]
    texts = {
        "sum": (f"{number(a)} + {factor(b)}", a + b),
        "ave": (f"({number(a)} + {factor(b)}) / 2", (a + b) / 2),
        "mul": (f"{number(a)}·{factor(b)}", a * b),
    }
    text, result = texts[layer.merge_mode]
    yield value("y", call.y, index, MERGED[layer.merge_mode][0][4:], text, result)


def backward(call: Call) -> Lines:
    """Tell how dy is shared out, and the gradients of both layers."""
    yield Equation(MERGED[call.layer.merge_mode][1], "then each layer goes back by its own formula")
    yield Equation("dx = dx→ + dx←")
    yield from show("dy", call.dy)
    for parameter in call.parameters():
        symbol = LETTERS.get(parameter.name, parameter.name)
        yield from show(f"d{symbol}", call.gradient(parameter), parameter.path)
    yield from show("dx", call.dx)


def _both(call: Call) -> tuple[Array, Array] | None:
    """Return the outputs of both layers, in the order of time; None where they cannot be had."""
    layer: Any = call.layer
    cells = (layer.forward_layer.cell, layer.backward_layer.cell)
    drops = call.training and any(getattr(c, "dropout", 1) for c in cells)
    drops = drops or (call.training and any(getattr(c, "recurrent_dropout", 1) for c in cells))
    if drops or layer.stateful or call.mask is not None or isinstance(call.x, list):
        return None
    y, back = (one.forward(call.x)[0] for one in (layer.forward_layer, layer.backward_layer))
    if layer.return_state:
        y, back = y[0], back[0]
    return y, np.ascontiguousarray(layer._turned(back))
