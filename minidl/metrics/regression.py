"""Errors of numbers, averaged over all batches. Their equations stand with the losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import losses
from minidl._typing import Array, DType
from minidl.losses.targets import align, as_floats
from minidl.metrics.reduction import Mean, MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper):
    """The mean of the squared errors; see `losses.MeanSquaredError`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
        0.5
    """

    direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: DType | None = None) -> None:
        super().__init__(losses.MeanSquaredError().values, name, dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean of the squared errors, in the targets' unit.

    Equation, with e = y_pred − y_true:

        result = √(Σ w e² / Σ w)

    Shapes:
        y_true, y_pred: (batch, ...), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> RootMeanSquaredError()([[0.0], [0.0]], [[3.0], [3.0]])
        3.0
    """

    direction = "down"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: DType | None = None
    ) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch."""
        y_pred = as_floats(y_pred, None, self.name)
        y_true, y_pred = align(np.asarray(y_true), y_pred, self.name)
        e = y_pred - y_true.astype(y_pred.dtype, copy=False)
        super().update_state(e * e, sample_weight)

    def result(self) -> float:
        """Return the root of the mean."""
        return math.sqrt(super().result())


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of the absolute errors; see `losses.MeanAbsoluteError`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
        0.5
    """

    direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_error", dtype: DType | None = None
    ) -> None:
        super().__init__(losses.MeanAbsoluteError().values, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean error in percent of the target; see `losses.MeanAbsolutePercentageError`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])
        37.5
    """

    direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: DType | None = None
    ) -> None:
        super().__init__(losses.MeanAbsolutePercentageError().values, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean squared difference of logarithms; see `losses.MeanSquaredLogarithmicError`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(MeanSquaredLogarithmicError()([[0.0]], [[np.e - 1]]), 6)
        1.0
    """

    direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: DType | None = None
    ) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError().values, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean log cosh of the errors; see `losses.LogCosh`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(LogCoshError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]), 6)
        0.108445
    """

    direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: DType | None = None) -> None:
        super().__init__(losses.LogCosh().values, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between target and prediction: 1 for the same direction.

    It is the negative of `losses.CosineSimilarity`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        axis: the axis along which the vectors run.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> CosineSimilarity()([[0.0, 1.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]])
        0.5
    """

    direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: DType | None = None, axis: int = -1
    ) -> None:
        self.axis = axis
        super().__init__(cosine_similarity, name, dtype, axis=axis)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return the cosine of the angle between each target and its prediction."""
    return -losses.cosine_similarity(y_true, y_pred, axis)
