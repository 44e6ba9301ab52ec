"""Activations, within layers and as layers: y = f(z), and dz from dy."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array
from minidl.explain.content import Equation, Note
from minidl.explain.equations import equations_of
from minidl.explain.formulas.common import (
    Lines,
    float64,
    from_docstring,
    gradients,
    show,
    weights,
)
from minidl.explain.numbers import entry, factor, number
from minidl.explain.recording import Call
from minidl.explain.working import sum_of_products, value

WRITTEN_OUT = {
    "Relu6": "min(max({}, 0), 6)",
    "Sigmoid": "1 / (1 + exp(-{}))",
    "Tanh": "tanh({})",
    "Exponential": "exp({})",
    "Softplus": "log(1 + exp({}))",
    "Softsign": "{0} / (1 + |{0}|)",
}
"""Element by element activations, with a place for z."""


def fill(pattern: str, z: Any) -> str:
    """Put a number into a pattern, in brackets where a sign stands before it or a bar behind.

    >>> fill("1 / (1 + exp(-{}))", -2.0), fill("tanh({})", -2.0)
    ('1 / (1 + exp(-(-2)))', 'tanh(-2)')
    """
    tight = "-{}" in pattern or pattern.startswith("{")
    return pattern.format(factor(z) if tight else number(z))


def settings(f: Any) -> str:
    """Return an activation's arguments in words, as far as they are not the usual ones."""
    usual = {} if isinstance(f, activations.FunctionActivation) else type(f)().get_config()
    own = {} if isinstance(f, activations.FunctionActivation) else f.get_config()
    return ", ".join(f"{k} = {v}" for k, v in own.items() if usual.get(k) != v)


def is_linear(f: Any) -> bool:
    """Return whether an activation does nothing."""
    return isinstance(f, activations.Linear)


def by_row(f: Any) -> bool:
    """Return whether an activation looks at a whole row, so that there is no f'."""
    return isinstance(f, activations.Softmax | activations.LogSoftmax | activations.Glu)


def forward(f: Any, z: Array, y: Array, index: tuple[int, ...], letter: str = "z") -> Lines:
    """Tell y = f(z), with an entry worked through."""
    if is_linear(f):
        yield Equation(f"y = {letter}", "no activation")
        return
    yield from _equations(f, letter, "forward")
    yield from show("y", y)
    if by_row(f):
        yield from _row_forward(f, z, y, index, letter)
        return
    at = entry(letter, index)
    plain_relu = isinstance(f, activations.Relu) and not settings(f)
    written = "max({}, 0)" if plain_relu else WRITTEN_OUT.get(type(f).__name__)
    if settings(f):
        written = None if not plain_relu else written
    pattern = written or f"{f.__name__}({{}})"
    computed = f.forward(float64(z[index]).reshape(1))[0][0]
    yield value("y", y, index, pattern.format(at), fill(pattern, z[index]), computed)


def backward(
    f: Any, z: Array, dy: Array, dz: Array, index: tuple[int, ...], letter: str = "z"
) -> Lines:
    """Tell dz, with an entry worked through."""
    if is_linear(f):
        yield Equation(f"d{letter} = dy", "no activation")
        return
    yield from _equations(f, letter, "backward")
    yield from show(f"d{letter}", dz)
    if by_row(f):
        yield from _row_backward(f, z, dy, dz, index, letter)
        return
    slope = f.backward(f.forward(float64(z[index]).reshape(1))[1], np.ones(1))[0]
    at = ", ".join(map(str, index))
    yield sum_of_products(
        f"d{letter}", dz, index, f"f'({letter}[{at}]) · dy[{at}]", [(slope, dy[index])]
    )


def _equations(f: Any, letter: str, phase: str) -> Lines:
    lines = getattr(equations_of(type(f)), phase)
    aside = settings(f)
    if isinstance(f, activations.Relu) and not aside:
        lines = ("y = max(z, 0)",) if phase == "forward" else ("dz = dy where z > 0, else 0",)
    if isinstance(f, activations.Gelu):
        lines = tuple(line for line in lines if ("Φ" in line) is not f.approximate)
    for i, line in enumerate(lines or ("y = f(z)" if phase == "forward" else "dz = f'(z) dy",)):
        line = line if letter == "z" else line.replace("z", letter)
        name = f"f is {f.__name__}" + (f", {aside}" if aside else "")
        yield Equation(line, name if i == 0 else "")


def _row(z: Array, index: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Return the index of the whole row that an entry stands in."""
    at: list[Any] = list(index)
    at[axis] = slice(None)
    return tuple(at)


def _row_forward(f: Any, z: Array, y: Array, index: tuple[int, ...], letter: str) -> Lines:
    if not isinstance(f, activations.Softmax) or not isinstance(f.axis, int):
        return
    row = float64(z[_row(z, index, f.axis)])
    top, at = row.max(), float(z[index])
    yield from softmax_entry("y", y, index, letter, row, at, top)


def softmax_entry(
    symbol: str, y: Array, index: tuple[int, ...], letter: str, row: Array, at: float, top: float
) -> Lines:
    """Work an entry of a softmax through."""
    e = np.exp(row - top)
    first = ", ".join(number(v) for v in e[:4]) + (", …" if len(e) > 4 else "")
    yield value(
        symbol, y, index,
        f"exp({entry(letter, index)} - max) / Σ exp({letter} - max)",
        f"exp({number(at)} - {factor(top)}) / Σ({first}) = {number(np.exp(at - top))} / "
        f"{number(e.sum())}",
        np.exp(at - top) / e.sum(),
    )  # fmt: skip


def _row_backward(
    f: Any, z: Array, dy: Array, dz: Array, index: tuple[int, ...], letter: str
) -> Lines:
    if not isinstance(f, activations.Softmax) or not isinstance(f.axis, int):
        return
    row = _row(z, index, f.axis)
    y_row, dy_row = f.forward(float64(z))[0][row], float64(dy[row])
    dot = float((y_row * dy_row).sum())
    y_at = y_row[index[f.axis]]
    yield value(
        f"d{letter}", dz, index,
        f"{entry('y', index)} ({entry('dy', index)} - Σ y dy)",
        f"{number(y_at)} · ({number(dy[index])} - {factor(dot)})",
        y_at * (float(dy[index]) - dot),
    )  # fmt: skip


def without(layer: Any) -> Any:
    """Return a view of a layer that shares its weights and has no activation."""
    view = copy.copy(layer)
    view.activation = activations.get("linear")
    return view


# Layers


def layer_forward(call: Call) -> Lines:
    """Tell a layer that is an activation and nothing else."""
    f = getattr(call.layer, "activation", None)
    if isinstance(f, activations.Activation):
        yield from forward(f, call.x, call.y, call.index, "x")
        return
    yield from from_docstring(type(call.layer), "forward")
    if settings_ := _layer_settings(call.layer):
        yield Note(f"Here {settings_}.")
    yield from weights(call, "alpha")
    yield from show("y", call.y)
    if type(call.layer).__name__ == "Softmax":
        yield from _softmax_layer(call)
        return
    index = call.index
    one = call.layer.forward(float64(call.x))[0][index]
    at = entry("x", index)
    yield value(
        "y", call.y, index, f"{call.layer.name}({at})",
        f"{call.layer.name}({number(call.x[index])})", one,
    )  # fmt: skip


def _layer_settings(layer: Any) -> str:
    names = ("alpha", "negative_slope", "max_value", "threshold")
    found = {n: vars(layer)[n] for n in names if n in vars(layer)}
    return ", ".join(f"{n} = {v}" for n, v in found.items() if isinstance(v, int | float))


def _softmax_layer(call: Call) -> Lines:
    axis = call.layer.axis
    if call.mask is not None or not isinstance(axis, int):
        return
    index = call.index
    row = float64(call.x[_row(call.x, index, axis)])
    at = float(call.x[index])
    yield from softmax_entry("y", call.y, index, "x", row, at, row.max())


def layer_backward(call: Call) -> Lines:
    """Tell the backward pass of such a layer."""
    f = getattr(call.layer, "activation", None)
    if isinstance(f, activations.Activation):
        if call.gives_dx:
            yield from backward(f, call.x, call.dy, call.dx, call.index, "x")
        return
    yield from from_docstring(type(call.layer), "backward")
    yield from gradients(call, "alpha")
    yield from show("dx", call.dx)
    if not call.gives_dx or type(call.layer).__name__ == "Softmax":
        return
    index = call.index
    layer = call.layer
    kept = [(p, p.grad.copy()) for p in layer.weights]
    ones = np.ones(call.x.shape)
    slope = layer.backward(layer.forward(float64(call.x))[1], ones)[index]
    for parameter, gradient in kept:
        parameter.grad = gradient
    at = ", ".join(map(str, index))
    yield sum_of_products(
        "dx", call.dx, index, f"f'(x[{at}]) · dy[{at}]", [(slope, call.dy[index])]
    )
