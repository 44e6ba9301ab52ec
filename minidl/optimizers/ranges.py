"""Ranges of the numbers that update rules take."""

from __future__ import annotations

import numpy as np

from minidl.validation import number

TINY = float(np.finfo(np.float32).tiny)


def share(name: str, value: float, owner: str) -> float:
    """Return the share of a running mean that stays at each step: from 0 to below 1.

    Raises:
        ValueError: if it is outside.
    """
    return number(name, value, owner, low=0, high=1, open_high=True)


def small_positive(name: str, value: float, owner: str) -> float:
    """Return an ε that keeps 0/0 away, in float32 too.

    Raises:
        ValueError: if it is zero, or would be in float32.
    """
    return number(name, value, owner, low=TINY)
