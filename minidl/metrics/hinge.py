"""Hinges over all batches. Their equations stand with the losses."""

from __future__ import annotations

from minidl import losses
from minidl._typing import DType
from minidl.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The mean hinge; see `losses.Hinge`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
        0.25
    """

    direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: DType | None = None) -> None:
        super().__init__(losses.Hinge().values, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean squared hinge; see `losses.SquaredHinge`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
        0.125
    """

    direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: DType | None = None) -> None:
        super().__init__(losses.SquaredHinge().values, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean categorical hinge; see `losses.CategoricalHinge`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]])
        0.5
    """

    direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: DType | None = None) -> None:
        super().__init__(losses.CategoricalHinge().values, name, dtype)
