"""Losses between distributions: Kullback-Leibler divergence, and counts by a Poisson rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.loss import Loss, mean_over


class KLDivergence(Loss):
    """The information lost when a predicted distribution takes the place of the target.

    Forward, with ε = `config.epsilon()`:

        t = clip(y_true, ε, 1),  p = clip(y_pred, ε, 1)
        values = Σ t log(t / p)

    Backward; outside [ε, 1] the value does not depend on y_pred:

        gradient = −t/p [ε ≤ y_pred ≤ 1]

    Shapes:
        y_true, y_pred: (batch, ..., classes), probabilities; values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
        0.143841

    Source: Kullback, Leibler, "On information and sufficiency", 1951.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return Σ t log(t / p)."""
        epsilon = config.epsilon()
        t, p = np.clip(y_true, epsilon, 1.0), np.clip(y_pred, epsilon, 1.0)
        return np.vecdot(t, np.log(t / p))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return −t/p where ε ≤ y_pred ≤ 1, else 0."""
        epsilon = config.epsilon()
        t, p = np.clip(y_true, epsilon, 1.0), np.clip(y_pred, epsilon, 1.0)
        return -t / p * (p == y_pred)


class Poisson(Loss):
    """The negative log-likelihood of counts under a predicted Poisson rate, up to a constant.

    Forward, with ε = `config.epsilon()`:

        values = 1/D Σ [y_pred − y_true log(y_pred + ε)]

    Backward:

        gradient = 1/D [1 − y_true / (y_pred + ε)]

    Shapes:
        y_true: (batch, ..., features), counts; y_pred: the same, positive rates;
        values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> round(Poisson()([[2.0]], [[1.0]]), 6)
        1.0

    Source: McCullagh, Nelder, "Generalized linear models", 1983.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ [y_pred − y_true log(y_pred + ε)]."""
        return mean_over(y_pred - y_true * np.log(y_pred + config.epsilon()), -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D [1 − y_true / (y_pred + ε)]."""
        return (1.0 - y_true / (y_pred + config.epsilon())) / y_pred.shape[-1]


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """Return the Kullback-Leibler divergence of each sample; see `KLDivergence`."""
    return KLDivergence().values(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """Return the Poisson loss of each sample; see `Poisson`."""
    return Poisson().values(y_true, y_pred)
