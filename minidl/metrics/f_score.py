"""F scores: precision and recall in one figure, which is low where either is.

They are kept for each class, and then averaged, or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.targets import align
from minidl.metrics.metric import Metric
from minidl.metrics.reduction import align_weights
from minidl.validation import number

_AVERAGES = (None, "micro", "macro", "weighted")
_SUMS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall.

    Equation, for each class:

        precision = TP / (TP + FP)      recall = TP / (TP + FN)
        F = (1 + β²) precision recall / (β² precision + recall)

    Every denominator has `config.epsilon()` added, as in Keras.

    Shapes:
        y_true: (batch, classes), of 0 and 1; y_pred: the same, scores.

    Arguments:
        average: None for a score of each class; `"macro"` for their mean; `"weighted"` for their
            mean weighted by how often a class is true; `"micro"` for the score of all counts
            taken together.
        beta: how many times recall matters as much as precision.
        threshold: a score must be above it to count as positive. None makes a row's largest score
            positive, and no other.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is not of these, or the shapes do not fit.

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> metric.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
        ...                     [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        >>> metric.result().round(4).tolist()
        [0.3846, 0.9091, 0.8333]
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in _AVERAGES:
            raise ValueError(
                f"{self.name}: received average={average!r}, expected one of {list(_AVERAGES)}."
            )
        self.average = average
        self.beta = number("beta", beta, self.name, low=0, open_low=True)
        if threshold is not None:
            threshold = number("threshold", threshold, self.name, low=0, high=1, open_low=True)
        self.threshold = threshold

    def _make_variables(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        for name in _SUMS:
            setattr(self, name, self.add_variable(shape, name=name))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        scores = np.asarray(y_pred).astype(self.dtype, copy=False)
        truth, scores = align(np.asarray(y_true), scores, self.name)
        if scores.ndim != 2:
            raise ValueError(
                f"{self.name} received y_pred of shape {scores.shape}, expected (batch, classes)."
            )
        if not self.variables:
            self._make_variables(scores.shape[1])
        elif self.average != "micro" and self.variables[0].shape != scores.shape[1:]:
            raise ValueError(
                f"{self.name} received y_pred of shape {scores.shape} after batches of "
                f"{self.variables[0].size} classes, expected as many."
            )
        if self.threshold is None:
            largest = scores.max(axis=-1, keepdims=True)
            # A row of zeros has no positive, rather than all of them.
            positive = (scores >= largest) & (np.abs(scores) > 1e-9)
        else:
            positive = scores > self.threshold
        y, p = truth.astype(np.float64), positive.astype(np.float64)
        w = 1.0 if sample_weight is None else self._weights(y, sample_weight)
        axis = None if self.average == "micro" else 0
        for variable, values in zip(
            self.variables, (p * y, p * (1 - y), (1 - p) * y, y), strict=True
        ):
            variable.assign_add((w * values).sum(axis=axis))

    def _weights(self, y: Array, sample_weight: Any) -> Array:
        _, weights = align_weights(y, sample_weight, self.name)
        return weights.reshape(weights.shape + (1,) * (y.ndim - weights.ndim))

    def result(self) -> Any:
        """Return the score; an array, one for each class, where `average` is None."""
        if not self.variables:
            return 0.0
        tp, fp, fn, support = (variable.value for variable in self.variables)
        epsilon = config.epsilon()
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        beta2 = self.beta**2
        score = (1 + beta2) * precision * recall / (beta2 * precision + recall + epsilon)
        if self.average is None:
            return score
        if self.average == "weighted":
            return float((score * support / (support.sum() + epsilon)).sum())
        return float(score.mean())


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall.

    Equation, for each class:

        F1 = 2 precision recall / (precision + recall)

    Shapes:
        y_true: (batch, classes), of 0 and 1; y_pred: the same, scores.

    Arguments:
        average, threshold, name, dtype: as in `FBetaScore`.

    Raises:
        ValueError: if an argument is not of these, or the shapes do not fit.

    Example:
        >>> metric = F1Score(threshold=0.5)
        >>> metric.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
        ...                     [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        >>> metric.result().round(4).tolist()
        [0.5, 0.8, 0.6667]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
