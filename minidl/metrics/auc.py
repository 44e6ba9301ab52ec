"""The area under a curve that a binary classifier draws as its threshold falls.

The curve is known at a few hundred thresholds, whose hits and misses are counted batch by batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, config
from minidl._typing import Array, DType
from minidl.metrics.counts import CountingMetric, Counts, count, ratio, threshold_list
from minidl.metrics.tradeoffs import even_thresholds, precision, recall
from minidl.registry import nearest
from minidl.validation import positive_integer

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "minoring", "majoring")


class AUC(CountingMetric):
    """The area under the ROC curve, or under that of precision against recall.

    Equation, over thresholds t₀ < t₁ < ..., each with its point (x, y) of the curve:

        ROC:     x = FP / (FP + TN)      y = TP / (TP + FN)
        PR:      x = TP / (TP + FN)      y = TP / (TP + FP)
        PRGAIN:  x = 1 − (P/N) FN/TP     y = 1 − (P/N) FP/TP,  with P = TP + FN, N = TN + FP
        result = Σᵢ (xᵢ − xᵢ₊₁) h(yᵢ, yᵢ₊₁)

    where h is the mean (`"interpolation"`), the smaller (`"minoring"`) or the larger
    (`"majoring"`). Between two points of PR not the precision is interpolated but TP and FP, as it
    must be (Davis and Goadrich 2006), which is an integral with a logarithm in it.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, scores from 0 to 1.

    Arguments:
        num_thresholds: how many thresholds from 0 to 1, both ends counted.
        curve: `"ROC"`, `"PR"` or `"PRGAIN"` (Flach and Kull 2015).
        summation_method: `"interpolation"`, `"minoring"` or `"majoring"`.
        name: the name in logs.
        dtype: the type that scores are compared in; sums are float64.
        thresholds: those between the ends, instead of `num_thresholds` even ones.
        multi_label: whether the result is the mean of the areas of the last axis's labels.
        num_labels: how many there are, where they should be known before the first batch.
        label_weights: weights of the labels, in that mean or in the counts.
        from_logits: whether y_pred has logits, of which the sigmoid is taken.

    Raises:
        ValueError: if an argument is not of these, or the shapes do not fit.

    Example:
        >>> metric = AUC(num_thresholds=3)
        >>> metric.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        >>> metric.result()
        0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DType | None = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._own_thresholds = thresholds is not None
        if thresholds is None:
            if positive_integer("num_thresholds", num_thresholds, self.name) < 2:
                raise ValueError(
                    f"{self.name}: received num_thresholds=1, expected at least 2: both ends count."
                )
            inner = even_thresholds(int(num_thresholds))[1:-1]
        else:
            inner = sorted(threshold_list(thresholds, self.name)) if len(thresholds) else []
        self.num_thresholds = len(inner) + 2
        # The ends lie a little outside, so that round-off loses no score of 0 or 1.
        self.thresholds = [-config.epsilon(), *inner, 1 + config.epsilon()]
        self.curve = _choice("curve", str(curve).upper(), _CURVES, self.name)
        self.summation_method = _choice(
            "summation_method", str(summation_method).lower(), _METHODS, self.name
        )
        self.multi_label = bool(multi_label)
        if num_labels is not None:
            positive_integer("num_labels", num_labels, self.name)
            if not multi_label:
                raise ValueError(
                    f"{self.name}: received num_labels={num_labels} without multi_label=True, "
                    "which it belongs to. Pass multi_label=True, or leave num_labels out."
                )
        self.num_labels = num_labels
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = np.asarray(label_weights, dtype=np.float64)
            if self.label_weights.ndim != 1 or not (self.label_weights >= 0).all():
                raise ValueError(
                    f"{self.name}: received label_weights={label_weights!r}, expected a list of "
                    "numbers of at least 0, one for each label."
                )
        self.from_logits = bool(from_logits)
        if not multi_label:
            self._make_cells(self.num_thresholds)
        elif num_labels is not None:
            self._make_cells_by_label(int(num_labels))

    def _make_cells_by_label(self, labels: int) -> None:
        weights = self.label_weights
        if weights is not None and len(weights) != labels:
            raise ValueError(
                f"{self.name} received {len(weights)} label_weights for {labels} labels, "
                "expected as many."
            )
        self._make_cells(self.num_thresholds, labels)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_pred = np.asarray(y_pred)
        if not self._cells and y_pred.ndim == 2:
            self._make_cells_by_label(y_pred.shape[1])
        if self.from_logits:
            y_pred = activations.sigmoid(y_pred.astype(self.dtype, copy=False))
        found = count(
            y_true,
            y_pred,
            self.thresholds,
            sample_weight,
            owner=self.name,
            dtype=self.dtype,
            by_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        self._add(found)

    def result(self) -> float:
        """Return the area."""
        if not self._cells:
            return 0.0
        counts = self.counts
        if self.curve == "PR" and self.summation_method == "interpolation":
            pieces = _interpolated_precision(counts)
        else:
            x, y = _curve(self.curve, counts)
            heights = _heights(self.summation_method, y[:-1], y[1:])
            pieces = (x[:-1] - x[1:]) * heights
        areas = pieces.sum(axis=0)
        if not self.multi_label:
            return float(areas)
        if self.label_weights is None:
            return float(areas.mean())
        return float(ratio((areas * self.label_weights).sum(), self.label_weights.sum()))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config["thresholds"] = self.thresholds[1:-1]
        if not self._own_thresholds:
            del config["thresholds"]
        return config


def _choice(argument: str, value: str, known: tuple[str, ...], owner: str) -> str:
    if value not in known:
        raise ValueError(f"{owner}: unknown {argument} {value!r}. {nearest(value, list(known))}")
    return value


def _curve(name: str, c: Counts) -> tuple[Array, Array]:
    """Return the points of a curve, one for each threshold."""
    if name == "ROC":
        # 1 − TN/(TN + FP) would be 1 where there is no false target at all.
        return ratio(c.false_positives, c.false_positives + c.true_negatives), recall(c)
    if name == "PR":
        return recall(c), precision(c)
    odds = ratio(c.true_positives + c.false_negatives, c.true_negatives + c.false_positives)
    none = c.true_positives == 0
    recall_gain = 1 - odds * ratio(c.false_negatives, c.true_positives)
    precision_gain = 1 - odds * ratio(c.false_positives, c.true_positives)
    recall_gain[none], precision_gain[none] = 0.0, 1.0
    return np.maximum(recall_gain, 0.0), precision_gain


def _heights(method: str, left: Array, right: Array) -> Array:
    """Return what stands for the curve's height between two points of it."""
    if method == "minoring":
        return np.minimum(left, right)
    return np.maximum(left, right) if method == "majoring" else (left + right) / 2


def _interpolated_precision(c: Counts) -> Array:
    """Return the area under PR between each threshold and the next.

    With P = TP + FP, TP runs along the line TP = a + b P from one point to the next. So the
    precision is b + a/P, and its integral over dTP = b dP is b (ΔTP + a log(P₀/P₁)).
    """
    tp, p = c.true_positives, c.true_positives + c.false_positives
    dtp = tp[:-1] - tp[1:]
    b = ratio(dtp, np.maximum(p[:-1] - p[1:], 0))
    a = tp[1:] - b * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    growth = np.ones_like(p[1:])
    np.divide(p[:-1], p[1:], out=growth, where=both)
    return ratio(b * (dtp + a * np.log(growth)), np.maximum((tp + c.false_negatives)[1:], 0))
