"""Derivatives without derivation: central differences, extrapolated to a step of zero.

    D(h) = (f(h) − f(−h)) / 2h          an error of h², and with steps h, h/2, h/4 combined
                                        (Richardson) an error of h⁶

One bad step tells itself by the three not agreeing; then all three shrink. So smooth functions
give ten digits or more, and a kink near by only costs a few more evaluations. Differences are taken
output by output before they are summed: outputs that do not move cancel exactly.

Source: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from minidl._typing import Array

Curve: TypeAlias = Callable[[float], Array]
"""All outputs in one row, at a distance t from the point in question."""

FIRST_STEP = 1e-2  # of the size of the number that is moved
SHRINK = 8.0
ULPS = 2.0  # by how many units in the last place an output may be off
ROUNDS = 6  # the last step is FIRST_STEP / 8⁵ = 3e-7: below it, round-off has the say


class Estimate(NamedTuple):
    """A numeric derivative, and how far off it may be."""

    value: float
    error: float


def derivative(curve: Curve, cotangent: Array, step: float, accuracy: float = 1e-9) -> Estimate:
    """Return d(cotangent · curve(t))/dt at t = 0.

    Arguments:
        curve: is evaluated six times for each size of step.
        cotangent: the weight of each output.
        step: the largest step to begin with.
        accuracy: the relative error at which no smaller step is tried.
    """
    best = Estimate(np.nan, np.inf)
    for _ in range(ROUNDS):
        estimate, noise = _extrapolated(curve, cotangent, step)
        if estimate.error < best.error:
            best = estimate
        if best.error <= max(accuracy * max(abs(best.value), 1e-3), 2 * noise):
            break  # exact enough, or as exact as round-off allows
        step /= SHRINK
    return best


def _extrapolated(curve: Curve, cotangent: Array, step: float) -> tuple[Estimate, float]:
    """Return the derivative from three steps, and what round-off may have to do with it."""
    slopes, moved = [], 0.0
    for h in (step, step / 2, step / 4):
        ahead, behind = curve(h), curve(-h)
        change = ahead - behind
        with np.errstate(all="ignore"):
            slopes.append(float(cotangent @ change) / (2 * h))
            touched = change != 0
            moved = max(moved, float(np.abs(cotangent[touched]) @ np.abs(ahead[touched])))
    noise = ULPS * float(np.finfo(np.float64).eps) * moved / (step / 4)
    d1, d2, d3 = slopes
    first, second = d2 + (d2 - d1) / 3, d3 + (d3 - d2) / 3
    value = second + (second - first) / 15
    error = max(abs(value - second), abs(value - first) / 16) + noise
    return (Estimate(value, error) if np.isfinite(error) else Estimate(np.nan, np.inf)), noise


def jump(curve: Curve, cotangent: Array, step: float) -> Estimate:
    """Return how much steeper cotangent · curve is right of t = 0 than left of it.

    It is zero where there is a derivative, and not on a kink such as that of relu at 0. The
    difference of the one-sided slopes has odd powers of h alone; h and h³ are extrapolated away.
    """
    best = Estimate(np.nan, np.inf)
    centre = curve(0.0)
    for _ in range(ROUNDS):
        bends, noise = [], 0.0
        for h in (step, step / 2, step / 4):
            bend = (curve(h) - centre) - (centre - curve(-h))
            with np.errstate(all="ignore"):
                bends.append(float(cotangent @ bend) / h)
                moved = np.abs(cotangent[bend != 0]) @ np.abs(centre[bend != 0])
            noise = float(2 * ULPS * np.finfo(np.float64).eps * moved / h)
        first, second = 2 * bends[1] - bends[0], 2 * bends[2] - bends[1]
        value = second + (second - first) / 7
        error = abs(value - second) + noise
        if np.isfinite(error) and error < best.error:
            best = Estimate(value, error)
        step /= SHRINK
    return best
