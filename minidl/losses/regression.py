"""Losses for numbers: how far predictions are from targets.

In all equations e = y_pred − y_true, and D is the number of features, over which a sample's value
is the mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.loss import Loss, mean_over
from minidl.validation import number


class MeanSquaredError(Loss):
    """The mean of the squared errors.

    Forward:

        values = 1/D Σ e²

    Backward:

        gradient = 2/D e

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
        0.5

    Source: Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ e²."""
        e = y_pred - y_true
        return mean_over(e * e, -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 2/D e."""
        return (y_pred - y_true) * (2.0 / y_pred.shape[-1])


class MeanAbsoluteError(Loss):
    """The mean of the absolute errors.

    Forward:

        values = 1/D Σ |e|

    Backward, with sign(0) = 0 at the kink:

        gradient = 1/D sign(e)

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
        0.5

    Source: Boscovich, "De litteraria expeditione per pontificiam ditionem", 1757.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ |e|."""
        return mean_over(np.abs(y_pred - y_true), -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D sign(e)."""
        return np.sign(y_pred - y_true) / y_pred.shape[-1]


class MeanAbsolutePercentageError(Loss):
    """The mean of the absolute errors, in percent of the target.

    Forward, with ε = `config.epsilon()`:

        a = max(|y_true|, ε)
        values = 100/D Σ |e| / a

    Backward:

        gradient = 100/D sign(e) / a

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])
        37.5

    Source: Makridakis, "Accuracy measures: theoretical and practical concerns", 1993.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 100/D Σ |e| / a."""
        a = np.maximum(np.abs(y_true), config.epsilon())
        return 100.0 * mean_over(np.abs(y_pred - y_true) / a, -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 100/D sign(e) / a."""
        a = np.maximum(np.abs(y_true), config.epsilon())
        return np.sign(y_pred - y_true) / a * (100.0 / y_pred.shape[-1])


class MeanSquaredLogarithmicError(Loss):
    """The mean of the squared differences of logarithms, for targets that span magnitudes.

    Forward, with ε = `config.epsilon()`:

        p = max(y_pred, ε),  t = max(y_true, ε)
        d = log(1 + p) − log(1 + t)
        values = 1/D Σ d²

    Backward; where y_pred < ε the value does not depend on it:

        gradient = 2/D d / (1 + p) [y_pred ≥ ε]

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> round(MeanSquaredLogarithmicError()([[0.0]], [[np.e - 1]]), 6)
        1.0

    Source: Törnqvist, Vartia, Vartia, "How should relative changes be measured?", 1985.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ d²."""
        epsilon = config.epsilon()
        p, t = np.maximum(y_pred, epsilon), np.maximum(y_true, epsilon)
        d = np.log1p(p) - np.log1p(t)
        return mean_over(d * d, -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 2/D d / (1 + p) where y_pred ≥ ε, else 0."""
        epsilon = config.epsilon()
        p, t = np.maximum(y_pred, epsilon), np.maximum(y_true, epsilon)
        d = np.log1p(p) - np.log1p(t)
        return d / (1.0 + p) * (y_pred >= epsilon) * (2.0 / y_pred.shape[-1])


class Huber(Loss):
    """Quadratic for small errors, linear for large ones, so that outliers pull less.

    Forward, with q = min(|e|, δ), the part of the error that counts quadratically:

        values = 1/D Σ q (|e| − q/2)        that is  e²/2  where |e| ≤ δ,  δ|e| − δ²/2  beyond

    Backward:

        gradient = 1/D clip(e, −δ, δ)

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        delta: δ, a positive number in the targets' unit: larger errors count linearly.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if δ is not positive, or y_true and y_pred differ in shape.

    Example:
        >>> Huber(delta=1.0)([[0.0], [0.0]], [[0.5], [3.0]])
        1.3125

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.delta = number("delta", delta, self._owner, low=0.0, open_low=True)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ q (|e| − q/2)."""
        size = np.abs(y_pred - y_true)
        q = np.minimum(size, self.delta)
        return mean_over(q * (size - 0.5 * q), -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D clip(e, −δ, δ)."""
        return np.clip(y_pred - y_true, -self.delta, self.delta) / y_pred.shape[-1]


class LogCosh(Loss):
    """The logarithm of the hyperbolic cosine: e²/2 for small errors, |e| − log 2 for large ones.

    Forward:

        values = 1/D Σ log cosh e
        log cosh e = |e| + log((1 + exp(−2|e|)) / 2)        which cannot overflow

    Backward:

        gradient = 1/D tanh e

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> round(LogCosh()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]), 6)
        0.108445

    Source: Green, "Bayesian reconstructions from emission tomography data using a modified EM
    algorithm", 1990.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ log cosh e."""
        size = np.abs(y_pred - y_true)
        return mean_over(size + np.log1p(np.exp(-2.0 * size)) - math.log(2.0), -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D tanh e."""
        return np.tanh(y_pred - y_true) / y_pred.shape[-1]


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """Return the mean squared error of each sample; see `MeanSquaredError`."""
    return MeanSquaredError().values(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """Return the mean absolute error of each sample; see `MeanAbsoluteError`."""
    return MeanAbsoluteError().values(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """Return the mean error of each sample in percent; see `MeanAbsolutePercentageError`."""
    return MeanAbsolutePercentageError().values(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """Return the mean squared logarithmic error of each sample."""
    return MeanSquaredLogarithmicError().values(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """Return the Huber loss of each sample; see `Huber`."""
    return Huber(delta).values(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """Return the mean log cosh of each sample's errors; see `LogCosh`."""
    return LogCosh().values(y_true, y_pred)
