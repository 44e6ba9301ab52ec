"""Focal cross-entropies: what is right already counts less, so that rare classes are learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType, Shape
from minidl.losses.binary import check_binary_shape, check_binary_values, smooth_binary
from minidl.losses.categorical import (
    check_categorical_shape,
    normalized,
    shifted_exponentials,
    smooth_categorical,
)
from minidl.losses.loss import PairedLoss, check_axis, dot_over, mean_over
from minidl.validation import number


class BinaryFocalCrossentropy(PairedLoss):
    """The binary cross-entropy times the γ-th power of the probability given to the wrong answer.

    Forward, with the targets y first smoothed to y (1 − s) + s/2, p the probabilities (σ(z) of
    the logits), and ε = `config.epsilon()`:

        c = clip(p, ε, 1 − ε)
        b = −y log c − (1 − y) log(1 − c)
        m = 1 − (y p + (1 − y)(1 − p))
        a = y α + (1 − y)(1 − α) with `apply_class_balancing`, else 1
        values = 1/D Σ a m^γ b

    Backward:

        db = [(1 − y)/(1 − c) − y/c] [ε ≤ p ≤ 1 − ε]
        dm = 1 − 2y
        gradient = a/D [m^γ db + γ m^(γ−1) b dm]
        from logits, the same times p (1 − p)

    Shapes:
        y_true, y_pred: (batch, ..., features); values: the same without `axis`.

    Arguments:
        apply_class_balancing: whether positive samples weigh α and negative ones 1 − α.
        alpha: α, a number from 0 to 1.
        gamma: γ, at least 0; 0 makes it a cross-entropy.
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: s, a number from 0 to 1: how far targets move towards 1/2.
        axis: the axis over which a sample's value is the mean; D is its size.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if a number is out of its range, or y_true and y_pred differ in shape.

    Example:
        >>> round(BinaryFocalCrossentropy()([[1.0]], [[0.5]]), 6)   # log(2) / 4
        0.173287

    Source: Lin et al., "Focal loss for dense object detection", 2017.
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = number("alpha", alpha, self._owner, 0.0, 1.0)
        self.gamma = number("gamma", gamma, self._owner, 0.0)
        self.from_logits = bool(from_logits)
        self.label_smoothing = number("label_smoothing", label_smoothing, self._owner, 0.0, 1.0)
        self.axis = check_axis(axis, self._owner)

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return 1/D Σ a m^γ b."""
        y = smooth_binary(y_true, self.label_smoothing)
        p = _sigmoid(y_pred) if self.from_logits else y_pred
        c = np.clip(p, config.epsilon(), 1.0 - config.epsilon())
        b = -(y * np.log(c) + (1.0 - y) * np.log(1.0 - c))
        m = 1.0 - (y * p + (1.0 - y) * (1.0 - p))
        a = y * self.alpha + (1.0 - y) * (1.0 - self.alpha) if self.apply_class_balancing else 1.0
        return mean_over(a * m**self.gamma * b, self.axis), (y, p, c, b, m, a)

    def _derivative(self, residuals: Any) -> Array:
        """Return a/D [m^γ db + γ m^(γ−1) b dm], from logits times p (1 − p)."""
        y, p, c, b, m, a = residuals
        db = ((1.0 - y) / (1.0 - c) - y / c) * (p == c)
        gradient = a * (m**self.gamma * db + _power_slope(m, self.gamma) * b * (1.0 - 2.0 * y))
        if self.from_logits:
            gradient = gradient * (p * (1.0 - p))
        return gradient / p.shape[self.axis]

    @property
    def expects(self) -> str:
        """`"logits"` or `"probabilities"`."""
        return "logits" if self.from_logits else "probabilities"

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        check_binary_shape(self, y_true, pred_shape)

    def _check_values(self, y_true: Array, pred_shape: Shape) -> None:
        check_binary_values(self, y_true)


class CategoricalFocalCrossentropy(PairedLoss):
    """The categorical cross-entropy times the γ-th power of the probability not given to a class.

    Forward, with the targets y first smoothed to y (1 − s) + s/C, p the probabilities (the
    softmax of the logits), ε = `config.epsilon()`, and all sums along the C classes:

        S = Σ p,  q = p / S,  c = clip(q, ε, 1 − ε)
        values = −Σ α (1 − c)^γ y log c

    Backward:

        g = α y [γ (1 − c)^(γ−1) log c − (1 − c)^γ / c] [ε ≤ q ≤ 1 − ε]
        dp = (g − Σ g q) / S
        gradient = dp, or p dp from logits, since Σ dp p = 0

    Shapes:
        y_true, y_pred: (batch, ..., classes); values: the same without `axis`.

    Arguments:
        alpha: α, a positive number, or a list of one number a class.
        gamma: γ, at least 0; 0 makes it a cross-entropy times α.
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: s, a number from 0 to 1: how far targets move towards 1/C.
        axis: the axis of the classes.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if a number is out of its range, or y_true and y_pred differ in shape.

    Example:
        >>> round(CategoricalFocalCrossentropy(alpha=1.0)([[1.0, 0.0]], [[0.5, 0.5]]), 6)
        0.173287

    Source: Lin et al., "Focal loss for dense object detection", 2017.
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        per_class = isinstance(alpha, list | tuple | np.ndarray)
        checked = [number("alpha", a, self._owner, 0.0) for a in (alpha if per_class else [alpha])]
        self.alpha = checked if per_class else checked[0]
        self.gamma = number("gamma", gamma, self._owner, 0.0)
        self.from_logits = bool(from_logits)
        self.label_smoothing = number("label_smoothing", label_smoothing, self._owner, 0.0, 1.0)
        self.axis = check_axis(axis, self._owner)

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return −Σ α (1 − c)^γ y log c."""
        axis = self.axis
        ay = smooth_categorical(y_true, self.label_smoothing, axis) * self._alpha(y_true)
        p = y_pred
        if self.from_logits:
            _, exponentials, s = shifted_exponentials(y_pred, axis)
            p = exponentials / s
        q, c, s = normalized(p, axis)
        values = -dot_over(ay * (1.0 - c) ** self.gamma, np.log(c), axis)
        return values, (ay, p, q, c, s)

    def _derivative(self, residuals: Any) -> Array:
        """Return dp, or p dp from logits."""
        ay, p, q, c, s = residuals
        g = _power_slope(1.0 - c, self.gamma) * np.log(c) - (1.0 - c) ** self.gamma / c
        g = ay * g * (q == c)
        dp = (g - np.sum(g * q, axis=self.axis, keepdims=True)) / s
        return p * dp if self.from_logits else dp

    def _alpha(self, y: Array) -> Any:
        """Return α as it multiplies targets: a number, or an array along the classes."""
        if not isinstance(self.alpha, list):
            return self.alpha
        classes = y.shape[self.axis]
        if len(self.alpha) != classes:
            raise ValueError(
                f"{self._owner} has {len(self.alpha)} numbers in alpha, but received {classes} "
                "classes; expected one number a class."
            )
        shape = [1] * y.ndim
        shape[self.axis] = classes
        return np.asarray(self.alpha, dtype=y.dtype).reshape(shape)

    @property
    def expects(self) -> str:
        """`"logits"` or `"probabilities"`."""
        return "logits" if self.from_logits else "probabilities"

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        check_categorical_shape(self, y_true, pred_shape)


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, z.dtype.type(1), e) / (1.0 + e)


def _power_slope(m: Array, gamma: float) -> Any:
    """Return γ m^(γ−1), with m kept from 0, where it is infinite for γ < 1."""
    if gamma == 0.0:
        return 0.0
    return gamma * (np.maximum(m, config.epsilon()) if gamma < 1.0 else m) ** (gamma - 1.0)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Return the binary focal cross-entropy of each sample; see `BinaryFocalCrossentropy`."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return loss.values(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Return the focal cross-entropy of each sample; see `CategoricalFocalCrossentropy`."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return loss.values(y_true, y_pred)
