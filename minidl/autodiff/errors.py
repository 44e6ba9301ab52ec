"""Errors that name what could not be differentiated, and the line that asked for it."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import numpy as np

_INSIDE = tuple(str(path) + "/" for path in (Path(__file__).parent, Path(np.__file__).parent))
"""Where frames are not the user's: in this package, and in NumPy."""


class NotDifferentiableError(RuntimeError):
    """Something was done to a traced array that has no derivative here.

    It is no TypeError, because NumPy catches those and tries on.

    Attributes:
        function: what was called, such as `"np.unique"`.
        where: file and line of whoever called it.
    """

    def __init__(self, function: str, message: str) -> None:
        self.function = function
        self.where, code = _caller()
        super().__init__(f"{function}: {message}\n  at {self.where}\n    {code}".rstrip())


class InPlaceError(NotDifferentiableError):
    """A traced array was to be changed in place."""

    def __init__(self, function: str, instead: str) -> None:
        super().__init__(
            function,
            "a traced array cannot be changed in place, for its gradient needs the numbers that "
            f"were there. Make a new array: {instead}.",
        )


def _caller() -> tuple[str, str]:
    """Return the innermost line outside of this package and NumPy, and its text."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{line}", linecache.getline(file, line, frame.f_globals).strip()
