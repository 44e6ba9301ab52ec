"""Pooling: one window worked through, and where its gradient goes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Note
from minidl.explain.formulas.common import Lines, float64, from_docstring, show
from minidl.explain.numbers import entry, number
from minidl.explain.recording import Call
from minidl.explain.working import added, largest, sum_of_products, value


def _axes(layer: Any, rank: int) -> list[int]:
    """Return the axes of space."""
    first = 1 if layer.data_format == "channels_last" else 2
    return list(range(first, first + rank))


def _before(layer: Any, size: int, i: int, count: int) -> int:
    """Return how many places of the first window lie in front of the input."""
    if layer.padding != "same":
        return 0
    reach = (count - 1) * layer.strides[i] + layer.pool_size[i]
    return max(0, reach - size) // 2


def _window(call: Call, index: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the slices of x that an entry of y was made of."""
    layer, x = call.layer, call.x
    where: list[Any] = list(index)
    for i, axis in enumerate(_axes(layer, x.ndim - 2)):
        begin = index[axis] * layer.strides[i]
        begin -= _before(layer, x.shape[axis], i, call.y.shape[axis])
        where[axis] = slice(max(0, begin), begin + layer.pool_size[i])
    return tuple(where)


def _windows_seeing(call: Call, at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the entries of y whose windows hold a place of x."""
    layer, x = call.layer, call.x
    along = [[a] for a in at]
    for i, axis in enumerate(_axes(layer, x.ndim - 2)):
        count = call.y.shape[axis]
        begin = at[axis] + _before(layer, x.shape[axis], i, count)
        along[axis] = [
            o for o in range(count) if 0 <= begin - o * layer.strides[i] < layer.pool_size[i]
        ]
    return list(product(*along))


def _entry(call: Call, index: tuple[int, ...], window: Array) -> Any:
    """Work the maximum or the mean of a window through."""
    texts = [number(v) for v in window.ravel()[:6]]
    if window.size > 6:
        texts.append(f"[{window.size - 6} more]")
    if "Max" in type(call.layer).__name__:
        numbers = f"max({', '.join(texts)})"
        return value("y", call.y, index, "max of the window", numbers, window.max())
    numbers = f"({added(window.ravel())}) / {window.size}"
    return value("y", call.y, index, "mean of the window", numbers, float64(window).mean())


def forward(call: Call) -> Lines:
    """Tell y, and one number of it from its window."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield Note(
        f"Here pool_size = {layer.pool_size}, strides = {layer.strides}, "
        f"padding = {layer.padding!r}."
    )
    yield from show("y", call.y)
    index = call.index
    window = call.x[_window(call, index)]
    yield from show("window", window, f"what {entry('y', index)} is made of")
    yield _entry(call, index, window)


def backward(call: Call) -> Lines:
    """Tell dx, and one number of it from the windows that saw it."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if not call.gives_dx:
        return
    at = largest(call.dx)
    mean = "Average" in type(layer).__name__
    terms: list[tuple[Any, ...]] = []
    for index in _windows_seeing(call, at):
        where = _window(call, index)
        window = call.x[where]
        if mean:
            terms.append((call.dy[index], 1 / window.size))
        elif _first_maximum(call.x, where) == at:
            terms.append((call.dy[index],))
    said = (
        "Σ dy / n over the windows that see it"
        if mean
        else "Σ dy of the windows it is the maximum of"
    )
    yield sum_of_products("dx", call.dx, at, said, terms)


def _first_maximum(x: Array, where: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the index of the first maximum of a window."""
    window = x[where]
    local = list(np.unravel_index(int(np.argmax(window)), window.shape))
    return tuple(int(w.start + local.pop(0)) if isinstance(w, slice) else int(w) for w in where)


def whole_forward(call: Call) -> Lines:
    """Tell y of a global pooling, and one number of it from its channel."""
    yield from from_docstring(type(call.layer), "forward")
    if call.mask is not None:
        yield from show("m", call.mask, "which steps count")
    yield from show("y", call.y)
    if call.mask is not None:
        return
    index = call.index
    yield _entry(call, index, _channel(call, call.x, index))


def whole_backward(call: Call) -> Lines:
    """Tell dx of a global pooling."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
    if not call.gives_dx or call.mask is not None:
        return
    at = largest(call.dx)
    channels = 1 if call.layer.data_format == "channels_first" else call.x.ndim - 1
    kept = (0, channels)
    index = tuple(a if axis in kept else 0 for axis, a in enumerate(at))
    if call.dy.ndim == 2:
        index = (at[0], at[channels])
    window = _channel(call, call.x, index)
    if "Max" in type(call.layer).__name__:
        count = int((window == window.max()).sum())
        text = "dy / how many places hold the maximum"
    else:
        count, text = window.size, "dy / n"
    yield sum_of_products("dx", call.dx, at, text, [(call.dy[index], 1 / count)])


def _channel(call: Call, x: Array, index: tuple[int, ...]) -> Array:
    """Return all numbers of a channel of a sample, for an index of y."""
    first = call.layer.data_format == "channels_first"
    keeps = len(index) == x.ndim
    channel = index[1] if first or not keeps else index[-1]
    return x[index[0], channel] if first else x[index[0], ..., channel]
