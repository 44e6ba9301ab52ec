"""Losses: what training makes small, each next to its exact derivative.

A loss is a class (`MeanSquaredError`), a name (`"mean_squared_error"`, `"mse"`) or a function of
arrays (`mean_squared_error(y_true, y_pred)`) that returns one value a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl._typing import Array, Shape
from minidl.losses.binary import BinaryCrossentropy, binary_crossentropy
from minidl.losses.categorical import CategoricalCrossentropy, categorical_crossentropy
from minidl.losses.divergence import KLDivergence, Poisson, kl_divergence, poisson
from minidl.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from minidl.losses.function_loss import FunctionLoss
from minidl.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from minidl.losses.loss import Loss
from minidl.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from minidl.losses.similarity import CosineSimilarity, cosine_similarity
from minidl.losses.sparse import SparseCategoricalCrossentropy, sparse_categorical_crossentropy
from minidl.registry import Registry, serialize

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "registry",
    "resolve_crossentropy",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

_BY_FUNCTION: dict[Callable[..., Array], type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
}


def _from_function(function: Callable[..., Any]) -> Loss:
    if function in _BY_FUNCTION:
        return _BY_FUNCTION[function]()
    return FunctionLoss(function)


registry: Registry[Loss] = Registry("loss", Loss, from_function=_from_function)

_SHORT_NAMES = {
    BinaryCrossentropy: ("bce", "BCE"),
    Huber: ("huber_loss",),
    KLDivergence: ("kld", "KLD"),
    LogCosh: ("logcosh",),
    MeanAbsoluteError: ("mae", "MAE"),
    MeanAbsolutePercentageError: ("mape", "MAPE"),
    MeanSquaredError: ("mse", "MSE"),
    MeanSquaredLogarithmicError: ("msle", "MSLE"),
}

for _function, _class in _BY_FUNCTION.items():
    registry.register(_class, _function.__name__, *_SHORT_NAMES.get(_class, ()))


def get(identifier: Any) -> Loss | None:
    """Return the loss for a name, a class, a config, a function, or a loss.

    A function that is not this module's becomes a `FunctionLoss`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("mse")
    <MeanSquaredError name=mean_squared_error reduction=sum_over_batch_size>
    """
    return registry.get(identifier)


def deserialize(config: Any) -> Loss | None:
    """Return the loss that `serialize` made this config of."""
    return registry.get(config)


def resolve_crossentropy(y_true_shape: Shape, y_pred_shape: Shape) -> Loss:
    """Return the cross-entropy that `"crossentropy"` stands for, by the shapes, as in Keras.

    One output is binary; targets with an axis less than the predictions, or with 1 where they have
    several classes, are class numbers; others are rows of classes.

    >>> resolve_crossentropy((8,), (8, 10)).name
    'sparse_categorical_crossentropy'
    """
    if is_binary(y_pred_shape):
        return BinaryCrossentropy()
    if is_sparse(y_true_shape, y_pred_shape):
        return SparseCategoricalCrossentropy()
    return CategoricalCrossentropy()


def is_binary(y_pred_shape: Shape) -> bool:
    """Return whether predictions of this shape are one yes/no answer a sample."""
    return len(y_pred_shape) < 2 or y_pred_shape[-1] == 1


def is_sparse(y_true_shape: Shape, y_pred_shape: Shape) -> bool:
    """Return whether targets of this shape are class numbers beside such predictions."""
    return len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
