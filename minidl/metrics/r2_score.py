"""R²: the share of the targets' variance that the predictions explain.

It is 1 for perfect predictions, 0 for those no better than the mean, and negative for worse ones.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minidl._typing import Array, DType
from minidl.losses.targets import align
from minidl.metrics.counts import ratio
from minidl.metrics.metric import Metric
from minidl.metrics.reduction import align_weights

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")
_SUMS = ("count", "mean", "spread", "residual")


class R2Score(Metric):
    """The coefficient of determination.

    Equation, for each output, with the weighted mean ȳ of the targets:

        R² = 1 − Σ w (y − ŷ)² / Σ w (y − ȳ)²

    Targets that are all the same have no variance: R² is then 1 if the predictions are perfect,
    else 0. With p regressors and n targets the adjusted R² is 1 − (1 − R²)(n − 1)/(n − p − 1).

    Shapes:
        y_true, y_pred: (batch, outputs), the same.

    Arguments:
        class_aggregation: `"uniform_average"` for the mean of the outputs' figures;
            `"variance_weighted_average"` for their mean weighted by the targets' variance; None
            for an array of them.
        num_regressors: p above; 0 leaves R² as it is.
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if an argument is not of these, or the shapes do not fit.

    Example:
        >>> metric = R2Score()
        >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        >>> round(metric.result(), 4)
        0.5714
    """

    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"{self.name}: received class_aggregation={class_aggregation!r}, expected one of "
                f"{list(_AGGREGATIONS)}."
            )
        is_integer = isinstance(num_regressors, int | np.integer)
        if not is_integer or isinstance(num_regressors, bool) or num_regressors < 0:
            raise ValueError(
                f"{self.name}: received num_regressors={num_regressors!r}, expected an integer of "
                "at least 0."
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = int(num_regressors)
        self.num_samples = self.add_variable((), name="num_samples")
        self._sums: list[Any] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y, p = align(np.asarray(y_true), np.asarray(y_pred), self.name)
        if y.ndim != 2:
            raise ValueError(
                f"{self.name} received y_pred of shape {p.shape}, expected (batch, outputs)."
            )
        if not self._sums:
            self._make_sums(y.shape[1])
        elif self._sums[0].shape != y.shape[1:]:
            raise ValueError(
                f"{self.name} received y_pred of shape {p.shape} after batches of "
                f"{self._sums[0].size} outputs, expected as many."
            )
        y, p = y.astype(np.float64), p.astype(np.float64)
        w = np.ones((1, 1))
        if sample_weight is not None:
            _, w = align_weights(y, sample_weight, self.name)
            w = w.reshape(w.shape + (1,) * (y.ndim - w.ndim))
        w = np.broadcast_to(w, y.shape)
        self._merge(w.sum(axis=0), y, w)
        self._sums[3].assign_add((w * (y - p) ** 2).sum(axis=0))
        self.num_samples.assign_add(y.size)

    def _make_sums(self, outputs: int) -> None:
        self._sums = [self.add_variable(outputs, name=name) for name in _SUMS]

    def set_state(self, state: list[Array]) -> None:
        """Go on from what `get_state` returned."""
        if not self._sums and len(state) > 1:
            self._make_sums(len(state[1]))
        super().set_state(state)

    def _merge(self, added: Array, y: Array, w: Array) -> None:
        """Add a batch to the mean and to the sum of squares about it (Chan et al. 1979).

        Sums of squares about zero would lose the variance of targets that are far from it.
        """
        count, mean, spread = (variable.value for variable in self._sums[:3])
        of_batch = ratio((w * y).sum(axis=0), added)
        delta, share = of_batch - mean, ratio(added, count + added)
        spread += (w * (y - of_batch) ** 2).sum(axis=0) + delta**2 * count * share
        mean += delta * share
        count += added

    def result(self) -> Any:
        """Return R²; an array, one for each output, where `class_aggregation` is None."""
        if not self._sums or not (self._sums[0].value > 0).all():
            return 0.0
        count, mean, spread, residual = (variable.value for variable in self._sums)
        round_off = count * (8 * np.finfo(np.float64).eps * mean) ** 2
        variance = np.where(spread > round_off, spread, 0.0)
        unexplained = np.where(residual == 0, 0.0, 1.0)
        np.divide(residual, variance, out=unexplained, where=variance > 0)
        scores: Any = 1 - unexplained
        if self.class_aggregation == "uniform_average":
            scores = float(scores.mean())
        elif self.class_aggregation == "variance_weighted_average":
            whole = variance.sum()
            scores = float((variance * scores).sum() / whole if whole else scores.mean())
        return self._adjusted(scores)

    def _adjusted(self, scores: Any) -> Any:
        n, p = float(self.num_samples), self.num_regressors
        if p == 0:
            return scores
        if n - p - 1 <= 0:
            warnings.warn(
                f"{self.name}: there are {int(n)} targets and {p} regressors, too few targets for "
                "an adjusted R²; this is R² as it stands.",
                stacklevel=3,
            )
            return scores
        return 1 - (1 - scores) * (n - 1) / (n - p - 1)
