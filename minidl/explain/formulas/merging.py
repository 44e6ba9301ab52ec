"""Merging: one entry of the output from those of the inputs, and back to each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Item
from minidl.explain.formulas.common import Lines, float64, from_docstring, show
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products, value


def forward(call: Call) -> Lines:
    """Tell y."""
    yield from from_docstring(type(call.layer), "forward")
    yield from show("x", call.x)
    yield from show("y", call.y)
    yield from _entry(call)


def backward(call: Call) -> Lines:
    """Tell the dx of every input."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    yield from _gradient(call)


def _there(call: Call, index: tuple[int, ...]) -> list[float]:
    """Return the numbers of all inputs at an index of y, spread out as y is."""
    return [float(np.broadcast_to(_aligned(x, call.y), call.y.shape)[index]) for x in call.x]


def _aligned(x: Array, y: Array) -> Array:
    """Return x with y's axes: one of fewer axes has them behind the batch."""
    missing = y.ndim - x.ndim
    return x.reshape(x.shape[0], *(1,) * missing, *x.shape[1:]) if missing else x


def _entry(call: Call) -> list[Item]:
    index = call.index
    kind = type(call.layer).__name__
    numbers = _there(call, index)
    letters = [f"x{chr(ord('₁') + i)}" for i in range(len(numbers))]
    if kind in ("Add", "Average"):
        times = None if kind == "Add" else 1 / len(numbers)
        text = " + ".join(letters)
        text = text if times is None else f"({text}) / {len(numbers)}"
        terms = [(v,) for v in numbers]
        return [sum_of_products("y", call.y, index, text, terms, times=times)]
    if kind == "Subtract":
        said = f"{number(numbers[0])} - {factor(numbers[1])}"
        return [value("y", call.y, index, "x₁ - x₂", said, numbers[0] - numbers[1])]
    if kind == "Multiply":
        text = " · ".join(letters)
        return [sum_of_products("y", call.y, index, text, [tuple(numbers)])]
    pick = max if kind == "Maximum" else min
    text = f"{pick.__name__}({', '.join(letters)})"
    said = f"{pick.__name__}({', '.join(map(number, numbers))})"
    return [value("y", call.y, index, text, said, pick(numbers))]


def _gradient(call: Call) -> list[Item]:
    """Work an entry of the first input's gradient through, where no input was spread out."""
    if not call.gives_dx or any(np.shape(x) != call.y.shape for x in call.x):
        return []
    kind = type(call.layer).__name__
    index = largest(call.dx[0])
    dy = call.dy[index]
    if kind in ("Maximum", "Minimum"):
        return []
    numbers = _there(call, index)
    factors: dict[str, tuple[str, tuple[Any, ...]]] = {
        "Add": ("dy", (dy,)),
        "Subtract": ("dy", (dy,)),
        "Average": ("dy / n", (dy, 1 / len(numbers))),
        "Multiply": ("dy · the other inputs", (dy, *numbers[1:])),
    }
    letters, term = factors[kind]
    return [sum_of_products("dx₁", call.dx[0], index, letters, [term])]


# Dot


def dot_forward(call: Call) -> Lines:
    """Tell y = a · b."""
    yield from from_docstring(type(call.layer), "forward")
    yield from show("x", call.x)
    yield from show("y", call.y)
    a, b = map(float64, call.x)
    if call.layer.normalize or a.ndim != 2 or b.ndim != 2:
        return
    n = call.index[0]
    text = f"Σₖ x₁[{n}, k] x₂[{n}, k]"
    terms = zip(a[n], b[n], strict=True)
    yield sum_of_products("y", call.y, call.index, text, terms)


def dot_backward(call: Call) -> Lines:
    """Tell both gradients."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    a, b = call.x
    if not call.gives_dx or call.layer.normalize or a.ndim != 2 or b.ndim != 2:
        return
    index = largest(call.dx[0])
    terms = [(call.dy[index[0], 0], b[index])]
    yield sum_of_products("dx₁", call.dx[0], index, f"dy[{index[0]}, 0] · x₂", terms)
