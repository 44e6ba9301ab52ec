"""Losses for margins: a prediction is right only if it is right by a distance of 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, DType
from minidl.losses.loss import Loss, mean_over


class Hinge(Loss):
    """The distance by which predictions miss a margin of 1 on the right side of zero.

    Forward, with targets y of −1 and 1; if all are 0 or 1, they are read as 2y − 1:

        values = 1/D Σ max(1 − y y_pred, 0)

    Backward:

        gradient = −y/D [y y_pred < 1]

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
        0.25

    Source: Cortes, Vapnik, "Support-vector networks", 1995.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ max(1 − y y_pred, 0)."""
        y = as_signs(y_true)
        return mean_over(np.maximum(1.0 - y * y_pred, 0.0), -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return −y/D where y y_pred < 1, else 0."""
        y = as_signs(y_true)
        return -y * (y * y_pred < 1.0) / y_pred.shape[-1]


class SquaredHinge(Loss):
    """The square of the distance by which predictions miss a margin of 1.

    Forward, with targets y of −1 and 1; if all are 0 or 1, they are read as 2y − 1:

        m = max(1 − y y_pred, 0)
        values = 1/D Σ m²

    Backward:

        gradient = −2/D y m

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
        0.125

    Source: Cortes, Vapnik, "Support-vector networks", 1995.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return 1/D Σ m²."""
        m = np.maximum(1.0 - as_signs(y_true) * y_pred, 0.0)
        return mean_over(m * m, -1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return −2/D y m."""
        y = as_signs(y_true)
        m = np.maximum(1.0 - y * y_pred, 0.0)
        return y * m * (-2.0 / y_pred.shape[-1])


class CategoricalHinge(Loss):
    """The distance by which the right class fails to lead all others by 1.

    Forward, with one-hot targets y:

        m = maxⱼ (1 − y)ⱼ y_predⱼ − Σ y y_pred + 1
        values = max(m, 0)

    Backward, with j the place of the maximum:

        gradient = ([j] (1 − y) − y) [m > 0]

    Shapes:
        y_true, y_pred: (batch, ..., classes); values: (batch, ...).

    Arguments:
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]])
        0.5

    Source: Crammer, Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return max(m, 0)."""
        others = ((1.0 - y_true) * y_pred).max(axis=-1)
        return np.maximum(others - np.vecdot(y_true, y_pred) + 1.0, 0.0)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return [j] (1 − y) − y where m > 0, else 0."""
        others = (1.0 - y_true) * y_pred
        j = others.argmax(axis=-1, keepdims=True)
        m = np.take_along_axis(others, j, axis=-1)[..., 0] - np.vecdot(y_true, y_pred) + 1.0
        gradient = -y_true
        at_j = np.take_along_axis(gradient, j, -1) + 1.0 - np.take_along_axis(y_true, j, -1)
        np.put_along_axis(gradient, j, at_j, axis=-1)
        return gradient * (m > 0.0)[..., np.newaxis]


def as_signs(y: Array) -> Array:
    """Return targets of 0 and 1 as −1 and 1, and others as they are."""
    return 2.0 * y - 1.0 if ((y == 0.0) | (y == 1.0)).all() else y


def hinge(y_true: Any, y_pred: Any) -> Array:
    """Return the mean hinge of each sample; see `Hinge`."""
    return Hinge().values(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """Return the mean squared hinge of each sample; see `SquaredHinge`."""
    return SquaredHinge().values(y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """Return the categorical hinge of each sample; see `CategoricalHinge`."""
    return CategoricalHinge().values(y_true, y_pred)
