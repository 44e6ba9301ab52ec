"""Intersection over union: how well the areas of each class lie on one another.

All are read off one table that is filled batch by batch: rows are targets, columns predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.losses.targets import shape_error
from minidl.metrics.metric import Metric
from minidl.metrics.reduction import align_weights
from minidl.validation import number, positive_integer


class IoU(Metric):
    """The mean over chosen classes of the intersection over the union.

    Equation, with the confusion table C (rows targets, columns predictions), for each class k:

        IoUₖ = Cₖₖ / (Σᵢ Cₖᵢ + Σᵢ Cᵢₖ − Cₖₖ)  =  TP / (TP + FP + FN)

    A class that occurs neither in targets nor predictions is left out of the mean. So is an entry
    whose target or prediction is no class number below `num_classes`.

    Weights are added up as the numbers that they are. Keras by default rounds them to integers.

    Shapes:
        y_true, y_pred: the same, any, of class numbers; with a class axis where not sparse.

    Arguments:
        num_classes: how many classes there are.
        target_class_ids: the classes whose mean is taken.
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        ignore_class: entries with this target are left out.
        sparse_y_true: whether targets are class numbers; if not, rows of classes along `axis`.
        sparse_y_pred: whether predictions are class numbers; if not, scores along `axis`.
        axis: where the classes stand.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> metric = IoU(num_classes=2, target_class_ids=[0])
        >>> round(metric([0, 0, 1, 1], [0, 1, 0, 1]), 6)
        0.333333
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name)
        self.dtype = "int" if dtype in (None, "int") else np.dtype(dtype).name
        self.num_classes = positive_integer("num_classes", num_classes, self.name)
        self.target_class_ids = [int(k) for k in target_class_ids]
        if not self.target_class_ids or any(
            not 0 <= k < self.num_classes for k in self.target_class_ids
        ):
            raise ValueError(
                f"{self.name}: received target_class_ids={list(target_class_ids)}, expected class "
                f"numbers from 0 to {self.num_classes - 1}, one at least."
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = bool(sparse_y_true)
        self.sparse_y_pred = bool(sparse_y_pred)
        self.axis = axis
        shape = (self.num_classes, self.num_classes)
        self.total_cm = self.add_variable(shape, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        labels = y_true if self.sparse_y_true else y_true.argmax(self.axis)
        guesses = y_pred if self.sparse_y_pred else y_pred.argmax(self.axis)
        self._add(labels, guesses, sample_weight)

    def _add(self, labels: Array, guesses: Array, sample_weight: Any) -> None:
        if labels.size != guesses.size or labels.shape[:1] != guesses.shape[:1]:
            raise shape_error(labels.shape, guesses.shape, self.name)
        weights = None
        if sample_weight is not None:
            _, w = align_weights(labels, sample_weight, self.name)
            w = w.reshape(w.shape + (1,) * (labels.ndim - w.ndim))
            weights = np.broadcast_to(w, labels.shape).ravel()
        labels = labels.astype(np.int64, copy=False).ravel()
        guesses = guesses.astype(np.int64, copy=False).ravel()
        n = self.num_classes
        counted = (labels >= 0) & (labels < n) & (guesses >= 0) & (guesses < n)
        if self.ignore_class is not None:
            counted &= labels != self.ignore_class
        cells = labels[counted] * n + guesses[counted]
        held = None if weights is None else weights[counted]
        self.total_cm.assign_add(np.bincount(cells, held, minlength=n * n).reshape(n, n))

    def result(self) -> float:
        """Return the mean over the chosen classes."""
        table = self.total_cm.value
        chosen = self.target_class_ids
        intersection = table.diagonal()[chosen]
        union = (table.sum(axis=0) + table.sum(axis=1) - table.diagonal())[chosen]
        there = union > 1e-9
        epsilon = config.epsilon()
        share = np.where(there, intersection / (union + epsilon), 0.0)
        return float(share.sum() / (np.count_nonzero(there) + epsilon))


class BinaryIoU(IoU):
    """The mean of the intersections over the unions of 0 and 1, of scores cut at a threshold.

    Shapes:
        y_true: any, of 0 and 1; y_pred: the same, scores.

    Arguments:
        target_class_ids: `[0]`, `[1]` or both.
        threshold: scores of it and above count as 1.
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> metric = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
        >>> round(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 6)
        0.333333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = number("threshold", threshold, self.name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        # In single precision, as in Keras, so that a score of exactly the threshold counts as 1.
        scores = np.asarray(y_pred, np.float32) >= np.float32(self.threshold)
        self._add(np.asarray(y_true), scores, sample_weight)


class MeanIoU(IoU):
    """The mean over all classes of the intersection over the union; see `IoU`.

    Shapes:
        y_true, y_pred: the same, any, of class numbers; with a class axis where not sparse.

    Arguments:
        num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: as in `IoU`.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 6)
        0.333333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(positive_integer("num_classes", num_classes, name or "mean_io_u"))
        super().__init__(
            num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class OneHotIoU(IoU):
    """The mean over chosen classes of the intersection over the union, of one-hot targets.

    Shapes:
        y_true: (batch, ..., classes), one-hot; y_pred: the same, scores.

    Arguments:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: as in `IoU`.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> y = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
        >>> p = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
        >>> round(OneHotIoU(num_classes=3, target_class_ids=[0, 2])(y, p), 6)
        0.166667
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """The mean over all classes of the intersection over the union, of one-hot targets.

    Shapes:
        y_true: (batch, ..., classes), one-hot; y_pred: the same, scores.

    Arguments:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: as in `IoU`.

    Raises:
        ValueError: if an argument is outside its range, or the shapes do not fit.

    Example:
        >>> y = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
        >>> p = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
        >>> round(OneHotMeanIoU(num_classes=3)(y, p), 6)
        0.111111
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
