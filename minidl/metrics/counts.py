"""Counting hits and misses at many thresholds at once, for every metric that is made of them.

outcome        target is true       target is false
y_pred > t     true positive        false positive
y_pred ≤ t     false negative       true negative
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.targets import align
from minidl.metrics.metric import Metric
from minidl.metrics.reduction import align_weights
from minidl.validation import number

if TYPE_CHECKING:
    from minidl.layers.parameter import Parameter

NEVER = -1e10
"""Keras's score of a class that is not among the best k: below every threshold in use."""


class Counts(NamedTuple):
    """Weighted counts at each threshold: arrays (thresholds,), or (thresholds, labels)."""

    true_positives: Array
    false_positives: Array
    true_negatives: Array
    false_negatives: Array


class CountingMetric(Metric):
    """A metric that keeps all four counts at each of its thresholds."""

    direction = "up"

    def __init__(self, name: str | None, dtype: DType | None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._cells: list[Parameter] = []

    def _make_cells(self, *shape: int) -> None:
        self._cells = [self.add_variable(shape, name=name) for name in Counts._fields]

    def _add(self, counts: Counts) -> None:
        for variable, values in zip(self._cells, counts, strict=True):
            variable.assign_add(values)

    @property
    def counts(self) -> Counts:
        """The counts over all batches since the last reset."""
        return Counts(*(variable.value for variable in self._cells))


def threshold_list(thresholds: Any, owner: str, default: float = 0.5) -> list[float]:
    """Return thresholds as a list: one number becomes a list of it, None the default.

    Raises:
        ValueError: if one is no number between 0 and 1, or there is none.
    """
    if thresholds is None:
        return [default]
    given = list(thresholds) if isinstance(thresholds, list | tuple | np.ndarray) else [thresholds]
    if not given:
        raise ValueError(f"{owner}: received thresholds=[], expected at least one, such as 0.5.")
    return [number("thresholds", t, owner, low=0, high=1) for t in given]


def are_even(thresholds: Any) -> bool:
    """Return whether thresholds run from 0 to 1 in three or more equal steps.

    Keras then counts scores below 0 as 0 and those above 1 as 1; so do we.
    """
    n = len(thresholds)
    even = np.arange(n, dtype=np.float32) / max(n - 1, 1)
    return n >= 3 and bool(np.allclose(thresholds, even, atol=config.epsilon()))


def count(
    y_true: Any,
    y_pred: Any,
    thresholds: Any,
    sample_weight: Any = None,
    *,
    owner: str,
    dtype: str,
    top_k: int | None = None,
    class_id: int | None = None,
    by_label: bool = False,
    label_weights: Any = None,
) -> Counts:
    """Return the four counts at each threshold.

    Scores are put in order among the thresholds once, so that the work is that of N look-ups and
    T sums, not of N·T comparisons.

    Arguments:
        y_true: (batch, ...), true where it is not zero; y_pred: the same shape, scores.
        thresholds: in any order; a score must be above one to count as positive.
        sample_weight: (batch,), or that of the scores.
        owner, dtype: the metric's name, for messages, and the type that scores are compared in.
        top_k: only a row's k best scores can be positive.
        class_id: counts this class alone.
        by_label: whether the counts of the last axis's labels are kept apart.
        label_weights: a weight for each label, where they are not kept apart.

    Raises:
        ValueError: if the shapes do not fit, or there are fewer classes than asked for.
    """
    scores = np.asarray(y_pred).astype(dtype, copy=False)
    truth, scores = align(np.asarray(y_true), scores, owner)
    weights = None
    if sample_weight is not None:
        _, weights = align_weights(scores, sample_weight, owner)
        weights = weights.reshape(weights.shape + (1,) * (scores.ndim - weights.ndim))
        weights = np.broadcast_to(weights, scores.shape)
    if top_k is not None:
        scores = _best(scores, top_k, owner)
    if class_id is not None:
        if scores.ndim < 2 or class_id >= scores.shape[-1]:
            raise ValueError(
                f"{owner} received class_id={class_id} and y_pred of shape {np.shape(y_pred)}, "
                f"expected scores of at least {class_id + 1} classes along the last axis."
            )
        truth, scores = truth[..., class_id, None], scores[..., class_id, None]
        weights = None if weights is None else weights[..., class_id, None]
    if label_weights is not None:
        weights = label_weights if weights is None else weights * label_weights
        weights = np.broadcast_to(weights, scores.shape)
    labels = 1
    if by_label:
        if scores.ndim != 2:
            raise ValueError(
                f"{owner} received y_pred of shape {np.shape(y_pred)}, expected (batch, labels): "
                "multi_label=True keeps the labels apart."
            )
        labels = scores.shape[1]
    if are_even(thresholds):
        scores = scores.clip(0, 1)
    counts = _count_rows(truth, scores, np.asarray(thresholds, dtype), weights, labels)
    return counts if by_label else Counts(*(c[:, 0] for c in counts))


def _count_rows(
    truth: Array, scores: Array, thresholds: Array, weights: Array | None, labels: int
) -> Counts:
    """Return counts (thresholds, labels): scores fall into the gaps between thresholds."""
    order = np.argsort(thresholds)
    gaps = len(thresholds) + 1
    # A score in gap g is above the g lowest thresholds, and above no other.
    gap = np.searchsorted(thresholds[order], scores, side="left").reshape(-1, labels)
    cell = (gap + np.arange(labels) * gaps).ravel()
    is_true = np.not_equal(truth, 0).ravel()
    flat = None if weights is None else weights.ravel()

    def in_gaps(which: Array) -> Array:
        held = None if flat is None else flat[which]
        found = np.bincount(cell[which], held, minlength=gaps * labels)
        return found.astype(np.float64).reshape(labels, gaps).T

    def above_and_below(found: Array) -> tuple[Array, Array]:
        # The last of the sums is the whole, so that what is left below nothing is exactly 0.
        sums = found[::-1].cumsum(axis=0)[::-1]
        above, below = np.empty_like(sums[1:]), np.empty_like(sums[1:])
        above[order], below[order] = sums[1:], sums[0] - sums[1:]
        return above, below

    tp, fn = above_and_below(in_gaps(is_true))
    fp, tn = above_and_below(in_gaps(~is_true))
    return Counts(tp, fp, tn, fn)


def _best(scores: Array, k: int, owner: str) -> Array:
    """Return scores in which only each row's k best are left; of equal ones the first."""
    if scores.ndim == 0 or scores.shape[-1] < k:
        raise ValueError(
            f"{owner} received top_k={k} and y_pred of shape {scores.shape}, expected at least "
            f"{k} classes along the last axis."
        )
    best = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(scores, NEVER)
    np.put_along_axis(kept, best, np.take_along_axis(scores, best, axis=-1), axis=-1)
    return kept


def ratio(part: Any, whole: Any) -> Array:
    """Return part / whole, and 0 where whole is 0.

    >>> ratio([1.0, 0.0], [4.0, 0.0]).tolist()
    [0.25, 0.0]
    """
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole != 0)


def scalar_if_one(values: Array) -> Any:
    """Return the one number of an array that has one, else the array (a copy)."""
    return float(values[0]) if len(values) == 1 else np.array(values)
