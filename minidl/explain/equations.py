"""The equations of a class, read from its docstring: there they stand, in the code's letters.

An equation is an indented line in front of the first section. One that says what a gradient is,
or that follows the word "backward", belongs to the backward pass.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any, NamedTuple

_SECTION = re.compile(r"^(Shapes|Arguments|Attributes|Raises|Example|Source|Call arguments|Slots):")
_IN_LINE = re.compile(r"Forward: (.+?)\. +Backward: (.+?)\.(?: |$)")
_GRADIENT = re.compile(r"^(d[A-Za-zα-ωΑ-Ω]|gradient|from logits)[^ ]* *(\[.*\])? *(=|\+=|←|,)")


class Equations(NamedTuple):
    """The equations of a class, forwards and backwards."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]


def equations_of(cls: Any) -> Equations:
    """Return the equations in a class's docstring, or in that of the class it derives from.

    >>> from minidl.activations import Sigmoid
    >>> equations_of(Sigmoid)
    Equations(forward=('y = 1 / (1 + exp(−z))',), backward=('dz = y (1 − y) dy',))
    """
    return _of(cls)


@cache
def _of(cls: Any) -> Equations:
    for owner in cls.__mro__[:-1]:
        if owner.__name__ in ("Layer", "Loss", "Optimizer", "Activation") and owner is not cls:
            break
        found = _read(owner.__doc__ or "")
        if found.forward or found.backward:
            return found
    return Equations((), ())


def _read(docstring: str) -> Equations:
    lines = inspect.cleandoc(docstring).splitlines()
    end = next((i for i, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    lines = lines[1:end]
    prose = " ".join(line for line in lines if not line.startswith("    "))
    if match := _IN_LINE.search(prose):
        return Equations((match[1],), (match[2],))
    forward: list[str] = []
    backward: list[str] = []
    behind = False  # whether the word "backward" has come
    both = False  # whether it came together with "forward"
    for line in lines:
        if not line.startswith("    "):
            lower = line.lower()
            if "backward" in lower:
                both = "forward and backward" in lower or "and backward:" in lower
                behind = True
            continue
        text = line.strip()
        (backward if behind and (not both or _GRADIENT.match(text)) else forward).append(text)
    return Equations(tuple(forward), tuple(backward))
