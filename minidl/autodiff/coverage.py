"""What is covered: the functions of NumPy that stand in the tables, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.autodiff import rules  # noqa: F401  fills the tables
from minidl.autodiff.dispatch import COMPOSITES, CONSTANTS, RULES, name_of


def covered() -> dict[str, list[str]]:
    """Return the names of NumPy's functions with a derivative, and of those that are constants.

    Example:
        >>> "np.tanh" in covered()["differentiable"], "np.argmax" in covered()["constant"]
        (True, True)
    """
    return {
        "differentiable": sorted({name_of(f) for f in differentiable()}),
        "constant": sorted({name_of(f) for f in CONSTANTS}),
    }


def differentiable() -> list[Any]:
    """Return NumPy's functions that have a derivative other than zero."""
    return [f for f in [*RULES, *COMPOSITES] if isinstance(f, np.ufunc) or _is_numpys(f)]


def _is_numpys(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").startswith("numpy")
