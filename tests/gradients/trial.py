"""One thing to check: an object and the arrays to check it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl.gradcheck import Report, gradcheck


class Trial:
    """An object, and what `gradcheck` gets besides."""

    def __init__(self, obj: Any, *inputs: Any, **options: Any) -> None:
        self.obj = obj
        self.inputs = inputs
        self.options = options

    def check(self) -> Report:
        # More entries than these are sampled, and all of them checked along random directions.
        return gradcheck(self.obj, *self.inputs, entries=16, **self.options)

    def __repr__(self) -> str:
        """Show what a failing example was made of: its arguments, not its address."""
        try:
            config = {k: v for k, v in self.obj.get_config().items() if k not in ("name", "dtype")}
        except Exception:
            config = {}
        arguments = ", ".join(f"{k}={v!r}" for k, v in config.items())
        with np.printoptions(floatmode="unique", threshold=200):
            arrays = "".join(f",\n    {item!r}" for item in self.inputs)
        return f"Trial({type(self.obj).__name__}({arguments}){arrays})"


Trials = st.SearchStrategy[Trial]


def trials(obj: st.SearchStrategy[Any], *inputs: st.SearchStrategy[Any]) -> Trials:
    """Return a strategy for trials of objects that take whatever inputs come."""
    return st.builds(Trial, obj, *inputs)


def fitted(x: st.SearchStrategy[Any], make: Callable[[Any], st.SearchStrategy[Any]]) -> Trials:
    """Return a strategy for trials of objects whose arguments depend on the input."""
    return x.flatmap(lambda value: make(value).map(lambda obj: Trial(obj, value)))
