"""Correlations of predictions with targets, along one axis, averaged over all others."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.targets import align, as_floats
from minidl.metrics.counts import ratio
from minidl.metrics.reduction import MeanMetricWrapper


class PearsonCorrelation(MeanMetricWrapper):
    """How close targets and predictions are to a rising line: 1 on it, 0 for no relation.

    Equation, with means and standard deviations along `axis`:

        result = mean of  Σ (y − ȳ)(ŷ − ŷ̄) / (n σ_y σ_ŷ)

    Where targets or predictions are all the same, the correlation counts as 0.

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        axis: the axis along which values are related; 0 for a batch of single numbers.

    Raises:
        ValueError: if the shapes differ, or `axis` has size 1: one value has no correlation.

    Example:
        >>> round(PearsonCorrelation(axis=0)([[0], [1], [0.5], [1]], [[0.1], [1], [0.8], [1]]), 4)
        0.9576
    """

    direction = "up"

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: DType | None = None,
        axis: int = -1,
    ) -> None:
        self.axis = axis
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """How close targets and predictions are to being equal: 1 where they are (Lin 1989).

    Equation, with means and variances along `axis`:

        result = mean of  2 cov(y, ŷ) / (σ²_y + σ²_ŷ + (ȳ − ŷ̄)²)

    Shapes:
        y_true, y_pred: (batch, ..., features), the same.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.
        axis: the axis along which values are related; 0 for a batch of single numbers.

    Raises:
        ValueError: if the shapes differ, or `axis` has size 1: one value has no correlation.

    Example:
        >>> y, p = [[0], [1], [0.5], [1]], [[0.1], [1], [0.8], [1]]
        >>> round(ConcordanceCorrelation(axis=0)(y, p), 4)
        0.9216
    """

    direction = "up"

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: DType | None = None,
        axis: int = -1,
    ) -> None:
        self.axis = axis
        super().__init__(concordance_correlation, name, dtype, axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return Pearson's correlation of targets and predictions along an axis."""
    y, p, _, _ = _centered(y_true, y_pred, axis, "pearson_correlation")
    scale = np.sqrt((y * y).sum(axis=axis) * (p * p).sum(axis=axis))
    return ratio((y * p).sum(axis=axis), scale).astype(y.dtype)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return Lin's concordance of targets and predictions along an axis."""
    y, p, y_mean, p_mean = _centered(y_true, y_pred, axis, "concordance_correlation")
    apart = np.squeeze(y_mean - p_mean, axis)
    norm = (y * y).mean(axis=axis) + (p * p).mean(axis=axis) + apart * apart
    return 2 * (y * p).mean(axis=axis) / (norm + y.dtype.type(config.epsilon()))


def _centered(y_true: Any, y_pred: Any, axis: int, owner: str) -> tuple[Array, Array, Array, Array]:
    """Return targets and predictions less their means, and the means."""
    p = as_floats(y_pred, None, owner)
    y, p = align(np.asarray(y_true).astype(p.dtype, copy=False), p, owner)
    if not -y.ndim <= axis < y.ndim or y.shape[axis] < 2:
        raise ValueError(
            f"{owner} received y_pred of shape {np.shape(y_pred)} and axis={axis}, expected two "
            "or more values along that axis. For a batch of single numbers pass axis=0."
        )
    y_mean, p_mean = y.mean(axis=axis, keepdims=True), p.mean(axis=axis, keepdims=True)
    return y - y_mean, p - p_mean, y_mean, p_mean
