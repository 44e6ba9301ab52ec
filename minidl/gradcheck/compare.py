"""Comparing a gradient with the differences of the function it should be the gradient of.

Small arrays are compared entry by entry. Of large ones some entries are compared, and the
gradient as a whole along random directions; where a direction disagrees, halving the array finds
an entry that is to blame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.gradcheck.differences import FIRST_STEP, Curve, Estimate, derivative, jump
from minidl.gradcheck.report import Part

DIRECTIONS = 2
RETRIES = 4  # without an entry on a kink that spoilt the direction
SMALL = 1e-5
MAX_SKIPPED = 0.25  # of the entries of a part; beyond that the check has not checked


class Problem(NamedTuple):
    """A function of one array, and what its outputs are weighted with.

    Attributes:
        array: float64; it is changed in place while `outputs` is evaluated, and put back.
        outputs: returns all outputs in one row, for what is in `array` at the time.
        cotangent: the weight of each output.
        rng: where directions and samples of entries come from.
        tolerance: the relative error that passes.
        entries: up to how many entries are compared one by one.
    """

    array: Array
    outputs: Callable[[], Array]
    cotangent: Array
    rng: np.random.Generator
    tolerance: float
    entries: int


class Mismatch(NamedTuple):
    """Where a gradient and the differences disagree.

    Attributes:
        entry: the index of the worst entry.
        analytic, numeric, relative: the two values there, and how far they are apart.
        wrong, checked: how many of the compared entries disagree.
        skipped: how many could not be compared; if that is all there is to say, entry is None.
    """

    entry: tuple[int, ...] | None
    analytic: float
    numeric: float
    relative: float
    wrong: int
    checked: int
    skipped: int


def compare(name: str, problem: Problem, gradient: Array) -> Part | Mismatch:
    """Return the row of the report, or what is wrong."""
    size = problem.array.size
    if size <= problem.entries:
        chosen = np.arange(size)
    else:
        chosen = np.sort(problem.rng.choice(size, problem.entries, replace=False))
    mismatch, checked, on_kinks, worst = _compare_entries(problem, gradient, chosen)
    if mismatch is not None:
        return mismatch
    skipped = len(on_kinks)
    if chosen.size and (checked == 0 or skipped > max(1, MAX_SKIPPED * chosen.size)):
        return Mismatch(None, np.nan, np.nan, np.nan, 0, checked, skipped)
    for _ in range(DIRECTIONS if size > 1 else 0):
        direction = np.asarray(problem.rng.standard_normal(problem.array.shape))
        direction.ravel()[on_kinks] = 0.0
        for _ in range(RETRIES):
            analytic = float(np.vdot(gradient, direction))
            estimate = along(problem, direction)
            relative, resolved = _judge(analytic, estimate, abs(estimate.value), problem.tolerance)
            if relative <= problem.tolerance and resolved:
                checked, worst = checked + 1, max(worst, relative)
                break
            if size <= chosen.size:
                break  # every entry is right by itself: the way there crosses a kink
            blame = _search(problem, gradient, direction)
            mismatch, _, kink, _ = _compare_entries(problem, gradient, np.array([blame]))
            if mismatch is not None:
                return mismatch._replace(checked=checked + 1)
            skipped += len(kink)
            direction.ravel()[blame] = 0.0
    return Part(name, checked, skipped, worst)


def _compare_entries(
    problem: Problem, gradient: Array, chosen: Array
) -> tuple[Mismatch | None, int, list[int], float]:
    """Return the mismatch if there is one, how many were checked, those skipped, and the worst."""
    estimates = [along_entry(problem, int(i)) for i in chosen]
    analytic = gradient.ravel()[chosen]
    largest = max((abs(e.value) for e in estimates if np.isfinite(e.value)), default=0.0)
    checked = wrong = 0
    skipped: list[int] = []
    worst, worst_at = 0.0, -1
    for position, estimate in enumerate(estimates):
        relative, resolved = _judge(analytic[position], estimate, largest, problem.tolerance)
        if relative > problem.tolerance and resolved:
            if _on_kink(problem, int(chosen[position]), analytic[position], estimate):
                skipped.append(int(chosen[position]))
                continue
            wrong += 1
        elif not resolved:
            skipped.append(int(chosen[position]))
            continue
        checked += 1
        if relative >= worst:
            worst, worst_at = float(relative), position
    if not wrong:
        return None, checked, skipped, worst
    index = tuple(int(i) for i in np.unravel_index(chosen[worst_at], problem.array.shape))
    numeric = estimates[worst_at].value
    mismatch = Mismatch(
        index, float(analytic[worst_at]), numeric, worst, wrong, checked, len(skipped)
    )
    return mismatch, checked, skipped, worst


def _judge(
    analytic: float, estimate: Estimate, largest: float, tolerance: float
) -> tuple[float, bool]:
    """Return the relative error, and whether the numeric value is exact enough to say so.

    What is smaller than SMALL, or than a millionth of the largest entry, counts as that: there the
    round-off of backward itself begins. And no error counts that the differences may have made.
    """
    if not np.isfinite(estimate.error):
        return np.inf, False
    if not np.isfinite(analytic):
        return np.inf, True
    size = max(abs(analytic), abs(estimate.value))
    floor = max(SMALL, 1e-6 * largest, 10 * estimate.error / tolerance)
    resolved = estimate.error <= 1e-4 * max(size, 1e-3 * largest, 1e-6)
    return abs(analytic - estimate.value) / max(size, floor), resolved


def _on_kink(problem: Problem, entry: int, analytic: float, estimate: Estimate) -> bool:
    """Return whether the entry lies on a kink, and the analytic value between its two slopes."""
    curve, step = _entry_curve(problem, entry)
    bend = jump(curve, problem.cotangent, step)
    if abs(bend.value) <= 10 * bend.error:
        return False
    # The differences give the mean of the two slopes.
    return abs(analytic - estimate.value) <= 0.51 * abs(bend.value)


def along_entry(problem: Problem, entry: int) -> Estimate:
    """Return the derivative with respect to one entry, numbered in C order."""
    curve, step = _entry_curve(problem, entry)
    return derivative(curve, problem.cotangent, step)


def _entry_curve(problem: Problem, entry: int) -> tuple[Curve, float]:
    index = np.unravel_index(entry, problem.array.shape)
    centre = float(problem.array[index])

    def curve(t: float) -> Array:
        problem.array[index] = centre + t
        try:
            return evaluate(problem)
        finally:
            problem.array[index] = centre

    return curve, FIRST_STEP * max(abs(centre), 0.3)


def along(problem: Problem, direction: Array) -> Estimate:
    """Return the derivative along a direction of the array's shape."""
    centre = problem.array.copy()

    def curve(t: float) -> Array:
        problem.array[...] = centre + t * direction
        try:
            return evaluate(problem)
        finally:
            problem.array[...] = centre

    # Many entries move at once here; each of them a little less far.
    return derivative(curve, problem.cotangent, 0.3 * FIRST_STEP / np.sqrt(direction.size))


def evaluate(problem: Problem) -> Array:
    """Return the outputs; a point outside the function's domain gives NaN instead of a warning."""
    with np.errstate(all="ignore"):
        return problem.outputs()


def _search(problem: Problem, gradient: Array, direction: Array) -> int:
    """Return an entry that is to blame for a direction in which the gradient is wrong."""
    candidates = np.arange(problem.array.size)
    while candidates.size > 1:
        halves = np.array_split(candidates, 2)
        errors = []
        for half in halves:
            part = np.zeros_like(direction)
            part.ravel()[half] = direction.ravel()[half]
            errors.append(abs(along(problem, part).value - float(np.vdot(gradient, part))))
        candidates = halves[int(np.nanargmax([*errors, -1.0])) % 2]
    return int(candidates[0])


def numeric_gradient(problem: Problem) -> Array:
    """Return the numeric gradient, every entry of it."""
    values = [along_entry(problem, i).value for i in range(problem.array.size)]
    return np.array(values).reshape(problem.array.shape)


def jacobian(problem: Problem) -> Array:
    """Return the derivative of every output with respect to every entry: (outputs, entries).

    It serves the search for causes, where a few digits do: plain differences with one step.
    """
    columns: list[Any] = []
    for entry in range(problem.array.size):
        curve, step = _entry_curve(problem, entry)
        h = step / 30
        with np.errstate(all="ignore"):
            far, near = (curve(2 * h) - curve(-2 * h)) / (4 * h), (curve(h) - curve(-h)) / (2 * h)
            columns.append(near + (near - far) / 3)
    return np.array(columns).T
