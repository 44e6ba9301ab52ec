"""What the formulas share: the letters of parameters, and how arrays are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation, Item, Numbers
from minidl.explain.equations import equations_of
from minidl.explain.numbers import shape
from minidl.explain.recording import Call

Lines = Iterator[Item]

LETTERS = {
    "kernel": "W",
    "bias": "b",
    "recurrent_kernel": "U",
    "embeddings": "E",
    "depthwise_kernel": "w",
    "pointwise_kernel": "V",
    "gamma": "γ",
    "beta": "β",
    "alpha": "a",
}
"""The letters by which docstrings call the parameters; others go by their names."""


class Formula(NamedTuple):
    """What a layer computes: two functions of a call."""

    forward: Callable[[Call], Lines]
    backward: Callable[[Call], Lines]


def from_docstring(cls: type, phase: str) -> Lines:
    """Tell the equations of a class; what stands far behind one is its condition, or another."""
    for line in getattr(equations_of(cls), phase):
        text, *rest = (part.rstrip(",;") for part in re.split(r" {2,}", line))
        aside = [part for part in rest if " = " not in part and "←" not in part]
        yield Equation(text, ", ".join(aside))
        for part in rest:
            if part not in aside:
                yield Equation(part)


def letter(parameter: Any) -> str:
    """Return the letter of a parameter."""
    return LETTERS.get(parameter.name, parameter.name)


def show(symbol: str, array: Any, aside: str = "", axes: Any = None) -> Lines:
    """Show an array with its shape, or each in a list; None is left out."""
    if array is None:
        return
    if isinstance(array, list | tuple):
        for i, item in enumerate(array):
            yield from show(f"{symbol}{_below(i + 1)}", item, aside)
        return
    size = shape(array)
    yield Numbers(symbol, np.asarray(array), f"{size}, {aside}" if aside else size, axes)


def weights(call: Call, *names: str) -> Lines:
    """Show the values of a layer's own parameters."""
    for name in names:
        array = call.value(name)
        yield from show(LETTERS.get(name, name), array, name, kernel_axes(array))


def gradients(call: Call, *names: str) -> Lines:
    """Show the gradients of a layer's own parameters, as far as they are trained."""
    for name in names:
        array = call.gradient(name)
        yield from show(f"d{LETTERS.get(name, name)}", array, axes=kernel_axes(array))


def kernel_axes(array: Any) -> tuple[int, int] | None:
    """Return the axes to show of the kernel of an image's convolution: its rows and columns."""
    return (0, 1) if np.ndim(array) == 4 else None


def _below(number: int) -> str:
    """Return a number as an index below the line.

    >>> _below(12)
    '₁₂'
    """
    return "".join(chr(ord("₀") + int(digit)) for digit in str(number))


def float64(array: Any) -> Array:
    """Return an array to compute with on paper: all digits."""
    return np.asarray(array, dtype=np.float64)
