"""Did the contenders do the same? Their losses say so, against those of the workload's reference.

A figure of someone who computed something else is worth nothing, however good it looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_WORDS = {
    "start": "before any training",
    "warm_up": "after the warm-up",
    "final": "at the end",
}


def difference(
    losses: Mapping[str, float], expected: Mapping[str, float], tolerances: Mapping[str, float]
) -> str | None:
    """Return where two runs' losses part, in words, or None if they are equal.

    Arguments:
        losses, expected: the loss of each moment.
        tolerances: the relative difference that counts as round-off at each moment.
    """
    if set(losses) != set(expected):
        return f"has losses of {sorted(losses)}, expected {sorted(expected)}"
    for moment, value in expected.items():
        got = losses[moment]
        if not math.isclose(got, value, rel_tol=tolerances[moment], abs_tol=0.0):
            return (
                f"its loss {_WORDS.get(moment, moment)} is {got:.9g}, expected {value:.9g} "
                f"within {tolerances[moment]:g}"
            )
    return None
