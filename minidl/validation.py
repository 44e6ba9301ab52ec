"""Checks of constructor arguments that many classes share: received, expected, how to fix it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def positive_integer(name: str, value: Any, owner: str) -> int:
    """Return `value` as an int.

    Raises:
        ValueError: if it is not an integer of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(
            f"{owner}: received {name}={value!r}, expected a positive integer such as 32."
        )
    return int(value)


def number(
    name: str,
    value: Any,
    owner: str,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a float that lies between `low` and `high`.

    Arguments:
        open_low, open_high: whether that end itself is excluded.

    Raises:
        ValueError: if it is no number, not finite, or outside.
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if is_number and math.isfinite(value):
        above = value > low if open_low else value >= low
        below = value < high if open_high else value <= high
        if above and below:
            return float(value)
    bounds = []
    if low != -math.inf:
        bounds.append(f"{'above' if open_low else 'at least'} {low:g}")
    if high != math.inf:
        bounds.append(f"{'below' if open_high else 'at most'} {high:g}")
    expected = " and ".join(bounds) or "finite"
    raise ValueError(f"{owner}: received {name}={value!r}, expected a number {expected}.")
