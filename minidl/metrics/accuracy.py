"""Accuracies: the share of predictions that are right, and what "right" means.

The functions return 1 or 0 for each sample; the metrics of the same names average them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses import targets
from minidl.metrics.reduction import MeanMetricWrapper
from minidl.validation import number, positive_integer


class Accuracy(MeanMetricWrapper):
    """The share of predictions that equal their target.

    Shapes:
        y_true, y_pred: (batch, ...), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
        0.75
    """

    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: DType | None = None) -> None:
        super().__init__(_equal, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """The share of outputs on the right side of a threshold.

    Shapes:
        y_true: (batch, ...), of 0 and 1; y_pred: the same, probabilities.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        threshold: predictions above it count as 1. For logits it is 0.

    Raises:
        ValueError: if the shapes differ, or the threshold is not a number.

    Example:
        >>> BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]])
        0.75
    """

    direction = "up"

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: DType | None = None,
        threshold: float = 0.5,
    ) -> None:
        self.threshold = number("threshold", threshold, name or "binary_accuracy")
        super().__init__(_same_side, name, dtype, threshold=self.threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """The share of rows whose largest prediction is at the largest target.

    Shapes:
        y_true, y_pred: (batch, ..., classes); targets are one-hot rows or distributions.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        0.5
    """

    direction = "up"

    def __init__(
        self, name: str | None = "categorical_accuracy", dtype: DType | None = None
    ) -> None:
        super().__init__(_same_class, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """The share of rows whose largest prediction is at the class number.

    Shapes:
        y_true: (batch, ...) or (batch, ..., 1), class numbers; y_pred: (batch, ..., classes).

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        0.5
    """

    direction = "up"

    def __init__(
        self, name: str | None = "sparse_categorical_accuracy", dtype: DType | None = None
    ) -> None:
        super().__init__(_at_class, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of rows where fewer than k predictions are larger than that of the target.

    Shapes:
        y_true, y_pred: (batch, ..., classes); targets are one-hot rows or distributions.

    Arguments:
        k: how many guesses a row has.
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if k is not a positive integer, or the shapes differ.

    Example:
        >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.6, 0.3], [0, 0.9, 0.1]])
        0.5
    """

    direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: DType | None = None,
    ) -> None:
        self.k = positive_integer("k", k, name or "top_k_categorical_accuracy")
        super().__init__(_class_in_top_k, name, dtype, k=self.k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of rows where fewer than k predictions are larger than that at the class number.

    Shapes:
        y_true: (batch, ...) or (batch, ..., 1), class numbers; y_pred: (batch, ..., classes).

    Arguments:
        k: how many guesses a row has.
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        from_sorted_ids: whether y_pred has class numbers, the best first, instead of scores.

    Raises:
        ValueError: if k is not a positive integer, the shapes do not fit, or a class number is
            out of range.

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> metric([2, 0], [[0.1, 0.6, 0.3], [0, 0.9, 0.1]])
        0.5
    """

    direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DType | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        self.k = positive_integer("k", k, name or "sparse_top_k_categorical_accuracy")
        self.from_sorted_ids = bool(from_sorted_ids)
        fn = _among_first_k if from_sorted_ids else _label_in_top_k
        super().__init__(fn, name, dtype, k=self.k)


# What is right, as arrays of bool


def _equal(y_true: Any, y_pred: Any) -> Array:
    y_true, y_pred = targets.align(np.asarray(y_true), np.asarray(y_pred), "accuracy")
    return np.equal(y_true, y_pred)


def _same_side(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    y_true, y_pred = targets.align(np.asarray(y_true), np.asarray(y_pred), "binary_accuracy")
    return np.equal(y_true, y_pred > threshold)


def _rows_of_classes(y_true: Any, y_pred: Any, owner: str) -> tuple[Array, Array]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape:
        hint = ""
        if targets.looks_like_labels(y_true.shape, y_pred.shape, -1):
            hint = f"y_true seems to hold class numbers: use sparse_{owner}."
        raise targets.shape_error(y_true.shape, y_pred.shape, owner, hint)
    return y_true, y_pred


def _class_numbers(y_true: Any, y_pred: Any, owner: str) -> tuple[Array, Array]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    shape = y_pred.shape[:-1]
    if y_true.shape != shape:
        if y_true.shape != (*shape, 1):
            hint = ""
            if y_true.shape == y_pred.shape:
                hint = f" y_true seems to hold one-hot rows: use {owner.removeprefix('sparse_')}."
            raise ValueError(
                f"{owner} received y_true of shape {y_true.shape} and y_pred of shape "
                f"{y_pred.shape}, expected y_true of shape {shape}: class numbers.{hint}"
            )
        y_true = y_true.reshape(shape)
    return y_true, y_pred


def _same_class(y_true: Any, y_pred: Any) -> Array:
    y_true, y_pred = _rows_of_classes(y_true, y_pred, "categorical_accuracy")
    return np.equal(y_true.argmax(-1), y_pred.argmax(-1))


def _at_class(y_true: Any, y_pred: Any) -> Array:
    y_true, y_pred = _class_numbers(y_true, y_pred, "sparse_categorical_accuracy")
    return np.equal(y_true, y_pred.argmax(-1))


def _class_in_top_k(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    y_true, y_pred = _rows_of_classes(y_true, y_pred, "top_k_categorical_accuracy")
    return _in_top_k(y_true.argmax(-1), y_pred, k)


def _label_in_top_k(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    owner = "sparse_top_k_categorical_accuracy"
    y_true, y_pred = _class_numbers(y_true, y_pred, owner)
    labels = y_true.astype(np.intp, copy=False)
    if labels.size and not 0 <= labels.min() <= labels.max() < y_pred.shape[-1]:
        raise ValueError(
            f"{owner} received class numbers from {labels.min()} to {labels.max()}, expected them "
            f"from 0 to {y_pred.shape[-1] - 1}: there is a prediction for each class."
        )
    return _in_top_k(labels, y_pred, k)


def _in_top_k(labels: Array, y_pred: Array, k: int) -> Array:
    """Return whether fewer than k predictions of a row are larger than the label's."""
    score = np.take_along_axis(y_pred, labels[..., np.newaxis], axis=-1)
    if y_pred.dtype.kind == "f":
        score = np.where(np.isnan(score), -np.inf, score)
    return np.count_nonzero(y_pred > score, axis=-1) < k


def _among_first_k(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    y_true, y_pred = _class_numbers(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    return np.equal(y_true[..., np.newaxis], y_pred[..., :k]).any(axis=-1)


# The public functions: the same as 1 and 0


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where a prediction equals its target, else 0."""
    return _equal(y_true, y_pred).astype(config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Return 1 where a prediction is on its target's side of the threshold, else 0."""
    return _same_side(y_true, y_pred, threshold).astype(config.floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 for each row whose largest prediction is at its largest target, else 0."""
    return _same_class(y_true, y_pred).astype(config.floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 for each row whose largest prediction is at its class number, else 0."""
    return _at_class(y_true, y_pred).astype(config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return 1 for each row whose target is among the k largest predictions, else 0."""
    return _class_in_top_k(y_true, y_pred, k).astype(config.floatx())


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Return 1 for each row whose class number is among the k largest predictions, else 0."""
    find = _among_first_k if from_sorted_ids else _label_in_top_k
    return find(y_true, y_pred, k).astype(config.floatx())
