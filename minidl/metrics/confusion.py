"""True and false positives and negatives, and precision and recall, which are made of them.

With several thresholds the result is an array, a figure for each.
"""

from __future__ import annotations

from typing import Any

from minidl._typing import DType
from minidl.metrics.counts import NEVER, count, ratio, scalar_if_one, threshold_list
from minidl.metrics.metric import Metric
from minidl.validation import positive_integer


class _Count(Metric):
    """One cell of the confusion table."""

    cell: str

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: DType | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = threshold_list(thresholds, self.name)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        counts = count(
            y_true, y_pred, self.thresholds, sample_weight, owner=self.name, dtype=self.dtype
        )
        self.accumulator.assign_add(getattr(counts, self.cell))

    def result(self) -> Any:
        """Return the count; an array of them where there are several thresholds."""
        return scalar_if_one(self.accumulator.value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many true targets have a score above the threshold; with weights their sum.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if a threshold is outside, or the shapes differ.

    Example:
        >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
        2.0
    """

    cell = "true_positives"


class FalsePositives(_Count):
    """How many false targets have a score above the threshold; with weights their sum.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if a threshold is outside, or the shapes differ.

    Example:
        >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
        2.0
    """

    cell = "false_positives"


class TrueNegatives(_Count):
    """How many false targets have a score of the threshold or below; with weights their sum.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if a threshold is outside, or the shapes differ.

    Example:
        >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
        2.0
    """

    cell = "true_negatives"


class FalseNegatives(_Count):
    """How many true targets have a score of the threshold or below; with weights their sum.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if a threshold is outside, or the shapes differ.

    Example:
        >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
        2.0
    """

    cell = "false_negatives"


class _Share(Metric):
    """True positives among all of a kind: those found, or those there are."""

    direction = "up"
    misses: str

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = None if top_k is None else positive_integer("top_k", top_k, self.name)
        self.class_id = class_number(class_id, self.name)
        # Among the best k, every score counts as positive unless a threshold is given.
        default = 0.5 if top_k is None else NEVER
        self.thresholds = threshold_list(thresholds, self.name, default)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, name="true_positives")
        setattr(self, self.misses, self.add_variable(shape, name=self.misses))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        counts = count(
            y_true,
            y_pred,
            self.thresholds,
            sample_weight,
            owner=self.name,
            dtype=self.dtype,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        self.true_positives.assign_add(counts.true_positives)
        getattr(self, self.misses).assign_add(getattr(counts, self.misses))

    def result(self) -> Any:
        """Return the share, 0 where there are none; an array where there are several thresholds."""
        hits = self.true_positives.value
        return scalar_if_one(ratio(hits, hits + getattr(self, self.misses).value))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class Precision(_Share):
    """The share of positive predictions that are true.

    Equation:

        result = TP / (TP + FP)

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default. A score must be above it.
        top_k: only a row's k best scores count as positive; all of them if no threshold is given.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> metric = Precision()
        >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
        >>> round(metric.result(), 4)
        0.6667
        >>> Precision(top_k=1)([[0, 1, 0]], [[0.1, 0.2, 0.05]])
        1.0
    """

    misses = "false_positives"


class Recall(_Share):
    """The share of true targets that are found.

    Equation:

        result = TP / (TP + FN)

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        thresholds: one number from 0 to 1, or a list; 0.5 by default. A score must be above it.
        top_k: only a row's k best scores count as positive; all of them if no threshold is given.
        class_id: counts this class of the last axis alone.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> metric = Recall(thresholds=[0.4, 0.6])
        >>> metric.update_state([0, 1, 1, 1], [0.9, 0.5, 0.8, 0.7])
        >>> metric.result().round(4).tolist()
        [1.0, 0.6667]
    """

    misses = "false_negatives"


def class_number(class_id: Any, owner: str) -> int | None:
    """Return a class's number, or None.

    Raises:
        ValueError: if it is neither None nor an integer of at least 0.
    """
    if class_id is None:
        return None
    if isinstance(class_id, bool) or not hasattr(class_id, "__index__") or class_id < 0:
        raise ValueError(
            f"{owner}: received class_id={class_id!r}, expected None or a class's number, from 0."
        )
    return int(class_id)
