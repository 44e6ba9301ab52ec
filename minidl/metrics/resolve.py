"""What `"accuracy"` and `"crossentropy"` mean, once the shapes are known."""

from __future__ import annotations

from typing import Any

from minidl import losses
from minidl._typing import Shape
from minidl.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from minidl.metrics.metric import Metric
from minidl.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)


def resolve_accuracy(loss: Any, y_true_shape: Shape | None, y_pred_shape: Shape) -> Metric:
    """Return the metric that `"accuracy"` stands for.

    As in Keras the shapes decide, with None for unknown sizes: one output is binary; targets with
    an axis less than the predictions, or of size 1 along the classes, are class numbers; others
    are rows of classes. The loss, an object or a name, decides where the targets' shape is None.

    >>> resolve_accuracy("mse", (8,), (8, 10))
    <SparseCategoricalAccuracy name=accuracy>
    """
    kind = _kind(loss, y_true_shape, y_pred_shape)
    if kind == "binary":
        return BinaryAccuracy(name="accuracy")
    if kind == "sparse":
        return SparseCategoricalAccuracy(name="accuracy")
    return CategoricalAccuracy(name="accuracy")


def resolve_crossentropy(loss: Any, y_true_shape: Shape | None, y_pred_shape: Shape) -> Metric:
    """Return the metric that `"crossentropy"` stands for, on logits where the loss is.

    >>> resolve_crossentropy("mse", (8, 1), (8, 1))
    <BinaryCrossentropy name=crossentropy>
    """
    kind = _kind(loss, y_true_shape, y_pred_shape)
    from_logits = getattr(loss, "expects", None) == "logits"
    if kind == "binary":
        return BinaryCrossentropy(name="crossentropy", from_logits=from_logits)
    if kind == "sparse":
        return SparseCategoricalCrossentropy(name="crossentropy", from_logits=from_logits)
    return CategoricalCrossentropy(name="crossentropy", from_logits=from_logits)


def _kind(loss: Any, y_true_shape: Shape | None, y_pred_shape: Shape) -> str:
    if losses.is_binary(y_pred_shape):
        return "binary"
    if y_true_shape is not None:
        return "sparse" if losses.is_sparse(y_true_shape, y_pred_shape) else "categorical"
    if isinstance(losses.get(loss), losses.SparseCategoricalCrossentropy):
        return "sparse"
    return "categorical"
