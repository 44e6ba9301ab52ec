"""Layers that shift and scale by fixed numbers, and the length of a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.explain.content import Equation, Note
from minidl.explain.formulas.common import Lines, float64, from_docstring, show
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products, value
from minidl.layers.axes import resolve_axes


def rescaling_forward(call: Call) -> Lines:
    """Tell y = x scale + offset."""
    layer = call.layer
    scale, offset = np.asarray(layer.scale), np.asarray(layer.offset)
    yield Equation("y = x scale + offset")
    yield from show("scale", scale)
    yield from show("offset", offset)
    yield from show("y", call.y)
    index = call.index
    s = np.broadcast_to(scale, call.y.shape)[index]
    o = np.broadcast_to(offset, call.y.shape)[index]
    yield sum_of_products("y", call.y, index, "x scale + offset", [(call.x[index], s)], (o,))


def rescaling_backward(call: Call) -> Lines:
    """Tell dx = dy scale."""
    yield Equation("dx = dy scale")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if call.gives_dx:
        index = largest(call.dx)
        s = np.broadcast_to(np.asarray(call.layer.scale), call.dx.shape)[index]
        yield sum_of_products("dx", call.dx, index, "dy scale", [(call.dy[index], s)])


def unit_forward(call: Call) -> Lines:
    """Tell y = x / ‖x‖."""
    yield from from_docstring(type(call.layer), "forward")
    yield from show("y", call.y)
    index = call.index
    length, _ = _length(call, index)
    yield Note(f"The length of the row is {number(length)}.")
    yield value(
        "y", call.y, index, "x / ‖x‖", f"{number(call.x[index])} / {number(length)}",
        float(call.x[index]) / max(length, 1e-12),
    )  # fmt: skip


def unit_backward(call: Call) -> Lines:
    """Tell dx."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if not call.gives_dx:
        return
    index = largest(call.dx)
    length, where = _length(call, index)
    y = float64(call.y)
    dot = float((y[where] * float64(call.dy)[where]).sum())
    dy, own = float(call.dy[index]), float(y[index])
    numbers = f"({number(dy)} - {factor(own)}·{factor(dot)}) / {number(length)}"
    result = (dy - own * dot) / length
    yield value("dx", call.dx, index, "(dy - y Σ y dy) / ‖x‖", numbers, result)


def _length(call: Call, index: tuple[int, ...]) -> tuple[float, Any]:
    """Return the length of the row that an entry stands in, and where the row is."""
    axes = resolve_axes(call.layer.axis, call.x.shape, call.name)
    where = tuple(slice(None) if a in axes else i for a, i in enumerate(index))
    return float(np.sqrt((float64(call.x)[where] ** 2).sum())), where


def standard_forward(call: Call) -> Lines:
    """Tell y = (x − mean) / s."""
    layer = call.layer
    mean, s = layer._statistic("mean"), call.residuals
    yield Equation("y = mean + x s" if layer.invert else "y = (x - mean) / s", "s = √variance")
    yield from show("mean", mean)
    yield from show("s", s)
    yield from show("y", call.y)
    index = call.index
    m = float(np.broadcast_to(mean, call.y.shape)[index])
    d = float(np.broadcast_to(s, call.y.shape)[index])
    x = float(call.x[index])
    if layer.invert:
        yield sum_of_products("y", call.y, index, "mean + x s", [(m,), (x, d)])
        return
    numbers = f"({number(x)} - {factor(m)}) / {number(d)}"
    yield value("y", call.y, index, "(x - mean) / s", numbers, (x - m) / d)


def standard_backward(call: Call) -> Lines:
    """Tell dx = dy / s."""
    times = "dy s" if call.layer.invert else "dy / s"
    yield Equation(f"dx = {times}", "the statistics are no parameters")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if call.gives_dx:
        index = largest(call.dx)
        d = float(np.broadcast_to(call.residuals, call.dx.shape)[index])
        scale = d if call.layer.invert else 1 / d
        yield sum_of_products("dx", call.dx, index, times, [(call.dy[index], scale)])


def masking_forward(call: Call) -> Lines:
    """Tell y = m x."""
    yield Equation("m = any(x ≠ mask_value)", f"over the features; {call.layer.mask_value}")
    yield Equation("y = m x")
    yield from show("m", call.residuals[..., 0])
    yield from show("y", call.y)
    yield _kept(call, "y", call.y, "x", call.x, call.index)


def masking_backward(call: Call) -> Lines:
    """Tell dx = m dy."""
    yield Equation("dx = m dy", "what is masked learns nothing")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if call.gives_dx:
        yield _kept(call, "dx", call.dx, "dy", call.dy, largest(call.dx))


def _kept(call: Call, name: str, array: Any, source: str, taken: Any, index: Any) -> Any:
    m = int(np.broadcast_to(call.residuals, call.x.shape)[index])
    return sum_of_products(name, array, index, f"m {source}", [(m, taken[index])])
