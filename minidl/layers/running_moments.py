"""Mean and variance of data that come in pieces, in one pass and in float64."""

from __future__ import annotations

import math

import numpy as np

from minidl._typing import Array


class RunningMoments:
    """Mean and variance over some axes of all batches seen.

    Each batch has its own mean and sum of squared deviations M. With δ the difference of the two
    means, and n of all numbers so far and m of the batch:

        M ← M + M_batch + δ² n m / (n + m)
        mean ← mean + δ m / (n + m)

    Sums of squares are never subtracted from each other, so large means do not cost digits.

    Arguments:
        axes: the axes to reduce, the batch axis 0 among them.

    Example:
        >>> moments = RunningMoments((0,))
        >>> moments.update(np.array([[1.0], [2.0]]))
        >>> moments.update(np.array([[6.0]]))
        >>> moments.count, moments.mean.tolist(), moments.variance.round(4).tolist()
        (3, [3.0], [4.6667])

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", 1979.
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes
        self.count = 0  # numbers that went into each mean
        self.mean: Array = np.zeros(())
        self.squares: Array = np.zeros(())

    def update(self, batch: Array) -> None:
        """Take the numbers of one more batch in."""
        m = math.prod(batch.shape[a] for a in self.axes)
        if m == 0:
            return
        numbers = batch.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # the result shows it
            batch_mean = numbers.mean(axis=self.axes, keepdims=True)
            numbers -= batch_mean
            np.square(numbers, out=numbers)
            batch_mean = batch_mean.squeeze(self.axes)
            delta = batch_mean - self.mean
            total = self.count + m
            self.squares = (
                self.squares + numbers.sum(axis=self.axes) + delta**2 * (self.count * m / total)
            )
            self.mean = self.mean + delta * (m / total)
            self.count = total

    @property
    def variance(self) -> Array:
        """The mean squared deviation, divided by the count itself."""
        return self.squares / max(1, self.count)
