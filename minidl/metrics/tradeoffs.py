"""One figure at a given level of another: the best recall at a precision of 0.9, and its like.

Each counts hits and misses at evenly spaced thresholds and takes the best that is allowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, DType
from minidl.metrics.confusion import class_number
from minidl.metrics.counts import CountingMetric, Counts, count, ratio
from minidl.validation import number, positive_integer


class _AtLevel(CountingMetric):
    """The best of one share among the thresholds where another reaches a level."""

    def __init__(
        self,
        level: str,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: DType | None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.value = number(level, value, self.name, low=0, high=1)
        self.num_thresholds = positive_integer("num_thresholds", num_thresholds, self.name)
        self.class_id = class_number(class_id, self.name)
        self.thresholds = even_thresholds(self.num_thresholds)
        self._make_cells(self.num_thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        found = count(
            y_true,
            y_pred,
            self.thresholds,
            sample_weight,
            owner=self.name,
            dtype=self.dtype,
            class_id=self.class_id,
        )
        self._add(found)

    def _best(self, wanted: Array, held: Array) -> float:
        """Return the largest of `wanted` where `held` reaches the level; 0 where none does."""
        return float(np.max(wanted[held >= self.value], initial=0.0))


def even_thresholds(n: int) -> list[float]:
    """Return n numbers from 0 to 1 in equal steps; one alone is 0.5.

    >>> even_thresholds(3)
    [0.0, 0.5, 1.0]
    """
    return [0.5] if n == 1 else [i / (n - 1) for i in range(n)]


def recall(c: Counts) -> Array:
    """Return TP / (TP + FN), which is the sensitivity."""
    return ratio(c.true_positives, c.true_positives + c.false_negatives)


def specificity(c: Counts) -> Array:
    """Return TN / (TN + FP)."""
    return ratio(c.true_negatives, c.true_negatives + c.false_positives)


def precision(c: Counts) -> Array:
    """Return TP / (TP + FP)."""
    return ratio(c.true_positives, c.true_positives + c.false_positives)


class SensitivityAtSpecificity(_AtLevel):
    """The best sensitivity at which the specificity is still as asked.

    Equation, over the thresholds:

        sensitivity = TP / (TP + FN)      specificity = TN / (TN + FP)
        result = max sensitivity where specificity ≥ the level, or 0

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        specificity: the level, from 0 to 1.
        num_thresholds: how many thresholds from 0 to 1 are tried.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> metric = SensitivityAtSpecificity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], sample_weight=[1, 1, 2, 2, 1])
        0.3333333333333333
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = self.value

    def result(self) -> float:
        """Return the best sensitivity."""
        return self._best(recall(self.counts), specificity(self.counts))


class SpecificityAtSensitivity(_AtLevel):
    """The best specificity at which the sensitivity is still as asked.

    Equation, over the thresholds:

        sensitivity = TP / (TP + FN)      specificity = TN / (TN + FP)
        result = max specificity where sensitivity ≥ the level, or 0

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        sensitivity: the level, from 0 to 1.
        num_thresholds: how many thresholds from 0 to 1 are tried.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        0.6666666666666666
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = self.value

    def result(self) -> float:
        """Return the best specificity."""
        return self._best(specificity(self.counts), recall(self.counts))


class PrecisionAtRecall(_AtLevel):
    """The best precision at which the recall is still as asked.

    Equation, over the thresholds:

        precision = TP / (TP + FP)      recall = TP / (TP + FN)
        result = max precision where recall ≥ the level, or 0

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        recall: the level, from 0 to 1.
        num_thresholds: how many thresholds from 0 to 1 are tried.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = self.value

    def result(self) -> float:
        """Return the best precision."""
        return self._best(precision(self.counts), recall(self.counts))


class RecallAtPrecision(_AtLevel):
    """The best recall at which the precision is still as asked.

    Equation, over the thresholds:

        precision = TP / (TP + FP)      recall = TP / (TP + FN)
        result = max recall where precision ≥ the level, or 0

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        precision: the level, from 0 to 1.
        num_thresholds: how many thresholds from 0 to 1 are tried.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = self.value

    def result(self) -> float:
        """Return the best recall."""
        return self._best(recall(self.counts), precision(self.counts))
