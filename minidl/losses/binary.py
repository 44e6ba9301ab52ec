"""Cross-entropy of yes/no questions: each output is a probability of its own, or its logit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minidl import activations, config
from minidl._typing import Array, DType, Shape
from minidl.kernels.entropy import entropy_of_bits
from minidl.losses import targets
from minidl.losses.loss import Loss, PairedLoss, check_axis, mean_over
from minidl.losses.reductions import MEANS
from minidl.validation import number


class BinaryCrossentropy(PairedLoss):
    """The cross-entropy of targets in [0, 1] and predicted probabilities, or their logits.

    Forward, with the targets y first smoothed by α to y (1 − α) + α/2. From probabilities p, with
    ε = `config.epsilon()`:

        c = clip(p, ε, 1 − ε)
        values = −1/D Σ [y log c + (1 − y) log(1 − c)]

    From logits z, where σ(z) is the probability; no exponential can overflow:

        values = 1/D Σ [max(z, 0) − z y + log(1 + exp(−|z|))]

    Backward, from probabilities and from logits; outside [ε, 1 − ε] the value is flat:

        gradient = 1/D [(1 − y)/(1 − c) − y/c] [ε ≤ p ≤ 1 − ε]
        gradient = 1/D [σ(z) − y]

    A model that ends in sigmoid is trained on its logits, whether or not `from_logits` is given.

    Shapes:
        y_true, y_pred: (batch, ..., features); values: the same without `axis`.

    Arguments:
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: α, a number from 0 to 1: how far targets move towards 1/2.
        axis: the axis over which a sample's value is the mean; D is its size.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if α is outside [0, 1], or y_true and y_pred differ in shape; by
            `check_targets` if a target is outside [0, 1].

    Example:
        >>> loss = BinaryCrossentropy(from_logits=True)
        >>> value, dz = loss.value_and_gradient([[1.0], [0.0]], [[0.0], [0.0]])
        >>> round(value, 6), dz.tolist()
        (0.693147, [[-0.25], [0.25]])

    Source: Solla, Levin, Fleisher, "Accelerated learning in layered neural networks", 1988; the
    smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = number("label_smoothing", label_smoothing, self._owner, 0.0, 1.0)
        self.axis = check_axis(axis, self._owner)

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return the values by one of the two formulas."""
        y = smooth_binary(y_true, self.label_smoothing)
        if self.from_logits:
            e = np.exp(-np.abs(y_pred))
            entropies = np.maximum(y_pred, 0) - y_pred * y + np.log1p(e)
            return mean_over(entropies, self.axis), (y, y_pred, e)
        c = np.clip(y_pred, config.epsilon(), 1.0 - config.epsilon())
        entropies = -(y * np.log(c) + (1.0 - y) * np.log(1.0 - c))
        return mean_over(entropies, self.axis), (y, y_pred, c)

    def _value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any = None
    ) -> tuple[float, Array]:
        """Return both from one pass over the logits, where nothing but their mean is asked for."""
        y, z = np.asarray(y_true), np.asarray(y_pred)
        plain = (
            self.from_logits
            and sample_weight is None
            and mask is None
            and self.dtype is None
            and self.reduction in MEANS
            and z.dtype.kind == "f"
            and y.dtype == z.dtype
            and y.shape == z.shape
            and z.size > 0
        )
        if not plain:
            return super()._value_and_gradient(y_true, y_pred, sample_weight, mask)
        y, dz = smooth_binary(y, self.label_smoothing), np.empty(z.shape, z.dtype)
        value = entropy_of_bits(z.reshape(-1), y.reshape(-1), 1 / z.size, dz.reshape(-1))
        return value, dz

    def _derivative(self, residuals: Any) -> Array:
        """Return 1/D [σ(z) − y], or what it is from probabilities."""
        if self.from_logits:
            y, z, e = residuals
            sigmoid = np.where(z >= 0, 1.0, e) / (1.0 + e)
            return (sigmoid - y) / z.shape[self.axis]
        y, p, c = residuals
        return ((1.0 - y) / (1.0 - c) - y / c) * (p == c) / p.shape[self.axis]

    def on_logits(self, activation: Any) -> Loss | None:
        """Return this loss with `from_logits=True` if `activation` is a sigmoid."""
        fits = type(self) is BinaryCrossentropy and type(activation) is activations.Sigmoid
        return with_logits(self) if fits and not self.from_logits else None

    @property
    def expects(self) -> str:
        """`"logits"` or `"probabilities"`."""
        return "logits" if self.from_logits else "probabilities"

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        check_binary_shape(self, y_true, pred_shape)

    def _check_values(self, y_true: Array, pred_shape: Shape) -> None:
        check_binary_values(self, y_true)


def smooth_binary(y: Array, alpha: float) -> Array:
    """Return targets moved towards 1/2: y (1 − α) + α/2."""
    return y * (1.0 - alpha) + 0.5 * alpha if alpha else y


def with_logits(loss: Any) -> Loss:
    """Return a copy of a loss that takes logits instead of probabilities."""
    logits_loss: Loss = copy.copy(loss)
    logits_loss.from_logits = True  # type: ignore[attr-defined]
    return logits_loss


def check_binary_shape(loss: Loss, y_true: Array, pred_shape: Shape) -> None:
    """Refuse targets of another shape; say so where they look like class numbers.

    Raises:
        ValueError: with both shapes and the likely remedy.
    """
    if targets.agree(*targets.same_rank(y_true.shape, pred_shape)):
        return
    hint = ""
    classes = pred_shape[-1] if pred_shape else None
    if targets.looks_like_labels(y_true.shape, pred_shape, -1):
        hint = (
            f"Each of the {classes} outputs needs a target of its own. If y_true holds class "
            "numbers, use sparse_categorical_crossentropy with a softmax; for a yes/no target "
            "give the last layer 1 unit."
        )
    raise targets.shape_error(y_true.shape, pred_shape, loss._owner, hint)


def check_binary_values(loss: Loss, y_true: Array) -> None:
    """Refuse targets outside [0, 1].

    Raises:
        ValueError: with the first row that has one.
    """
    offence = targets.first_offence(y_true, lambda part: (part < 0) | (part > 1))
    if offence is None:
        return
    place, value = offence
    if value == -1:
        fix = "Targets of −1 and 1 become 0 and 1 by (y + 1) / 2."
    elif y_true.dtype == np.uint8:
        fix = "Bytes from 0 to 255 become such targets by y / 255."
    else:
        fix = "For class numbers use sparse_categorical_crossentropy; scale other targets first."
    raise ValueError(
        f"{loss._owner} received y_true with {value} in {place}, expected targets from 0 to 1. "
        f"{fix}"
    )


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Return the binary cross-entropy of each sample; see `BinaryCrossentropy`."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)
