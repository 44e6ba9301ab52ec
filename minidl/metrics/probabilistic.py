"""Cross-entropies and divergences over all batches. Their equations stand with the losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import losses
from minidl._typing import DType
from minidl.metrics.reduction import Mean, MeanMetricWrapper, align_weights


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean binary cross-entropy; see `losses.BinaryCrossentropy`.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: a number from 0 to 1: how far targets move towards 1/2.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 6)
        0.693147
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        super().__init__(loss.values, name, dtype)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean categorical cross-entropy; see `losses.CategoricalCrossentropy`.

    Shapes:
        y_true, y_pred: (batch, ..., classes), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: a number from 0 to 1: how far targets move towards 1/classes.
        axis: the axis of the classes.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 6)
        0.693147
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        super().__init__(loss.values, name, dtype)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of class numbers; see `losses.SparseCategoricalCrossentropy`.

    Samples of `ignore_class` do not count, with sample weights or without. (Keras 3.15 counts them
    as zeros where there are no weights.)

    Shapes:
        y_true: (batch, ...) or (batch, ..., 1); y_pred: (batch, ..., classes).

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        from_logits: whether the predictions are logits instead of probabilities.
        ignore_class: a class number whose samples do not count.
        axis: the axis of the classes.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> metric = SparseCategoricalCrossentropy(ignore_class=-1)
        >>> round(metric([1, -1], [[0.5, 0.5], [0.1, 0.9]]), 6)
        0.693147
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss.values, name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch."""
        if self.ignore_class is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values = self.fn(y_true, y_pred)
        weights = np.ones(())
        if sample_weight is not None:
            values, weights = align_weights(values, sample_weight, self.name)
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        valid = np.asarray(y_true).reshape(values.shape) != self.ignore_class
        Mean.update_state(self, values, valid * weights)


class KLDivergence(MeanMetricWrapper):
    """The mean Kullback-Leibler divergence; see `losses.KLDivergence`.

    Shapes:
        y_true, y_pred: (batch, ..., classes), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
        0.143841
    """

    direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: DType | None = None) -> None:
        super().__init__(losses.KLDivergence().values, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean Poisson loss; see `losses.Poisson`.

    Shapes:
        y_true, y_pred: (batch, ..., classes), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> round(Poisson()([[2.0]], [[1.0]]), 6)
        1.0
    """

    direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: DType | None = None) -> None:
        super().__init__(losses.Poisson().values, name, dtype)
