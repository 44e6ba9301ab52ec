"""Metrics: figures to watch, gathered batch by batch and never trained on.

A metric is a class (`BinaryAccuracy`), a name (`"binary_accuracy"`) or a function of a batch that
returns one value a sample. `"accuracy"` alone is settled by the shapes (`resolve_accuracy`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from minidl.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from minidl.metrics.auc import AUC
from minidl.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from minidl.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from minidl.metrics.f_score import F1Score, FBetaScore
from minidl.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from minidl.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from minidl.metrics.metric import Metric
from minidl.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from minidl.metrics.r2_score import R2Score
from minidl.metrics.reduction import Mean, MeanMetricWrapper, Sum
from minidl.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
    cosine_similarity,
)
from minidl.metrics.resolve import resolve_accuracy, resolve_crossentropy
from minidl.metrics.tradeoffs import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from minidl.registry import Registry, serialize

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
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
    "pearson_correlation",
    "poisson",
    "registry",
    "resolve_accuracy",
    "resolve_crossentropy",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


def _from_function(function: Callable[..., Any]) -> Metric:
    return MeanMetricWrapper(function)


registry: Registry[Metric] = Registry("metric", Metric, from_function=_from_function)

for _class, _names in (
    (AUC, ()),
    (Accuracy, ("acc",)),
    (BinaryAccuracy, ()),
    (BinaryCrossentropy, ("bce", "BCE")),
    (BinaryIoU, ()),
    (CategoricalAccuracy, ()),
    (CategoricalCrossentropy, ()),
    (CategoricalHinge, ()),
    (ConcordanceCorrelation, ()),
    (CosineSimilarity, ()),
    (F1Score, ()),
    (FBetaScore, ()),
    (FalseNegatives, ()),
    (FalsePositives, ()),
    (Hinge, ()),
    (IoU, ()),
    (KLDivergence, ("kld", "KLD")),
    (LogCoshError, ("logcosh",)),
    (Mean, ()),
    (MeanAbsoluteError, ("mae", "MAE")),
    (MeanAbsolutePercentageError, ("mape", "MAPE")),
    (MeanIoU, ()),
    (MeanMetricWrapper, ()),
    (MeanSquaredError, ("mse", "MSE")),
    (MeanSquaredLogarithmicError, ("msle", "MSLE")),
    (OneHotIoU, ()),
    (OneHotMeanIoU, ()),
    (PearsonCorrelation, ()),
    (Poisson, ()),
    (Precision, ()),
    (PrecisionAtRecall, ()),
    (R2Score, ()),
    (Recall, ()),
    (RecallAtPrecision, ()),
    (RootMeanSquaredError, ("rmse", "RMSE")),
    (SensitivityAtSpecificity, ()),
    (SparseCategoricalAccuracy, ()),
    (SparseCategoricalCrossentropy, ()),
    (SparseTopKCategoricalAccuracy, ()),
    (SpecificityAtSensitivity, ()),
    (SquaredHinge, ()),
    (Sum, ()),
    (TopKCategoricalAccuracy, ()),
    (TrueNegatives, ()),
    (TruePositives, ()),
):
    registry.register(_class, *_names)


def get(identifier: Any) -> Metric | None:
    """Return the metric for a name, a class, a config, a function, or a metric.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("mae")
    <MeanAbsoluteError name=mean_absolute_error>
    """
    return registry.get(identifier)


def deserialize(config: Any) -> Metric | None:
    """Return the metric that `serialize` made this config of."""
    return registry.get(config)
