"""Gradient norms, and the factors that bring them down to a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minidl._typing import Array
from minidl.optimizers.segments import Segment


def norm(arrays: Sequence[Array]) -> float:
    """Return the Euclidean norm of all entries together, also where their squares overflow.

    >>> norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    square = sum(float(np.vdot(a, a)) for a in arrays)
    if math.isfinite(square):
        return math.sqrt(square)
    largest = max(float(np.abs(a).max()) for a in arrays if a.size)
    if not math.isfinite(largest):
        return largest
    scaled = [a / largest for a in arrays]
    return largest * math.sqrt(sum(float(np.vdot(a, a)) for a in scaled))


def norm_scales(segments: Sequence[Segment], grads: Sequence[Array], limit: float) -> list[float]:
    """Return, for every group of segments, the factor that brings its norm down to `limit`.

    The factor is 1 for a norm within the limit, and for one that is not finite: NaN and infinity
    pass through, for the loss to show them.
    """
    groups: dict[int, list[Array]] = {}
    for segment, grad in zip(segments, grads, strict=True):
        groups.setdefault(segment.group, []).append(grad)
    factors = {}
    for group, arrays in groups.items():
        length = norm(arrays)
        factors[group] = limit / length if limit < length < math.inf else 1.0
    return [factors[segment.group] for segment in segments]
