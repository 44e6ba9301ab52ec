"""Layers that move numbers about without changing them: which one went where, and back.

Where each number of y comes from is found by sending numbers from 1 on through the layer.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation
from minidl.explain.formulas.common import Lines, from_docstring, show
from minidl.explain.numbers import entry, number, shape
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products, value


def forward(call: Call) -> Lines:
    """Tell y, and for one of its numbers where it comes from."""
    yield from from_docstring(type(call.layer), "forward")
    yield Equation(f"{shape(call.x)} → {shape(call.y)}")
    yield from show("y", call.y)
    index = call.index
    origin = _origins(call)[index]
    if not origin:
        yield value("y", call.y, index, "0", "0", 0.0)
        return
    source = _index(origin, call.x)
    yield value("y", call.y, index, entry("x", source), number(call.x[source]), call.x[source])


def backward(call: Call) -> Lines:
    """Tell dx, and for one of its numbers where it comes from."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if not call.gives_dx:
        return
    index = largest(call.dx)
    number_there = int(np.ravel_multi_index(index, call.x.shape)) + 1
    targets = np.argwhere(_origins(call) == number_there)
    letters = " + ".join(entry("dy", tuple(map(int, at))) for at in targets[:4]) or "0"
    letters += f" + [{len(targets) - 4} more]" if len(targets) > 4 else ""
    terms = [(call.dy[tuple(at)],) for at in targets]
    yield sum_of_products("dx", call.dx, index, letters, terms)


def _origins(call: Call) -> Array:
    """Return for every number of y which number of x it is, counted from 1; 0 for none."""
    numbers = np.arange(1, call.x.size + 1, dtype=np.float64).reshape(call.x.shape)
    return np.rint(call.layer.forward(numbers)[0]).astype(int)


def _index(origin: int, x: Array) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(int(origin) - 1, x.shape)))


# Concatenate


def concatenate_forward(call: Call) -> Lines:
    """Tell y, and which part of it comes from which input."""
    yield from from_docstring(type(call.layer), "forward")
    yield Equation(f"{shape(call.x)} → {shape(call.y)}", f"along axis {call.layer.axis}")
    yield from show("y", call.y)
    index = call.index
    which, source = _part(call, index)
    symbol = f"x{chr(ord('₁') + which)}"
    there = call.x[which][source]
    yield value("y", call.y, index, entry(symbol, source), number(there), there)


def concatenate_backward(call: Call) -> Lines:
    """Tell the part of dy that each input gets."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if not call.gives_dx or call.dx[0] is None:
        return
    index = largest(call.dy)
    which, source = _part(call, index)
    if call.dx[which] is None:
        return
    symbol = f"dx{chr(ord('₁') + which)}"
    there = call.dy[index]
    yield value(symbol, call.dx[which], source, entry("dy", index), number(there), there)


def _part(call: Call, index: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return which input an entry of y comes from, and where it stands there."""
    axis = call.layer.axis % call.y.ndim
    place = index[axis]
    for which, x in enumerate(call.x):
        if place < x.shape[axis]:
            return which, (*index[:axis], place, *index[axis + 1 :])
        place -= x.shape[axis]
    raise AssertionError(f"no input reaches place {index} of {call.name}")
