"""Quantiles of data too large to sort at once: summaries that can be joined and made smaller.

A summary is an array (2, n): values in order, and how many numbers each of them stands for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array


def summarize(values: Any, epsilon: float) -> Array:
    """Return a summary with at most about 1 / epsilon values."""
    ordered = np.sort(np.reshape(np.asarray(values, np.float32), -1))
    step = max(ordered.size * epsilon, 1.0)
    chosen = ordered[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def merge(first: Array, second: Array, epsilon: float) -> Array:
    """Return the summary of what both stand for, with at most about 1 / epsilon values."""
    both = np.concatenate([first, second], axis=1)
    return compress(both[:, np.argsort(both[0])], epsilon)


def compress(summary: Array, epsilon: float) -> Array:
    """Return a summary whose values each stand for a share `epsilon` of all."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    reached = summary[1].cumsum()
    reached_shares = reached / reached[-1]
    values = np.interp(shares, reached_shares, summary[0])
    counts = np.diff(np.interp(shares, reached_shares, reached), prepend=0)
    return np.stack([values, counts]).astype(np.float32)


def boundaries(summary: Array, bins: int) -> list[float]:
    """Return the numbers between `bins` bins that hold equally much."""
    return compress(summary, 1.0 / bins)[0, :-1].tolist()
