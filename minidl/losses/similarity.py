"""The loss for directions: what counts is the angle between target and prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.losses.loss import PairedLoss, check_axis, dot_over


class CosineSimilarity(PairedLoss):
    """The negative cosine of the angle between target and prediction: −1 for the same direction.

    Forward, with ε = `config.epsilon()` and the sums along `axis`:

        r = max(‖y_pred‖, ε),  s = max(‖y_true‖, ε)
        p = y_pred / r,  t = y_true / s
        values = −Σ t p

    Backward; below ε the length no longer depends on y_pred:

        gradient = −(t − p Σ t p [‖y_pred‖ ≥ ε]) / r

    Shapes:
        y_true, y_pred: (batch, ..., features); values: the same without `axis`.

    Arguments:
        axis: the axis along which the vectors run.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if y_true and y_pred differ in shape.

    Example:
        >>> CosineSimilarity()([[0.0, 1.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]])
        -0.5

    Source: Salton, Wong, Yang, "A vector space model for automatic indexing", 1975.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.axis = check_axis(axis, self._owner)

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return −Σ t p."""
        t, _ = unit_vectors(y_true, self.axis)
        p, r = unit_vectors(y_pred, self.axis)
        cosine = dot_over(t, p, self.axis)
        return -cosine, (t, p, r, cosine)

    def _derivative(self, residuals: Any) -> Array:
        """Return −(t − p Σ t p [‖y_pred‖ ≥ ε]) / r."""
        t, p, r, cosine = residuals
        cosine = np.expand_dims(cosine, self.axis) * (r > config.epsilon())
        return (p * cosine - t) / r


def unit_vectors(x: Array, axis: int) -> tuple[Array, Array]:
    """Return x / r and r = max(‖x‖, ε); the squares are of numbers up to 1, so none overflows."""
    largest = np.maximum(np.abs(x).max(axis=axis, keepdims=True), config.epsilon())
    x = x / largest
    r = np.maximum(largest * np.sqrt(np.sum(x * x, axis=axis, keepdims=True)), config.epsilon())
    return x * (largest / r), r


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return the negative cosine of each sample; see `CosineSimilarity`."""
    return CosineSimilarity(axis).values(y_true, y_pred)
