"""Cross-entropy of one choice among classes, with targets as distributions, such as one-hot rows.

How a row of predictions becomes log-probabilities, and the way back, is here for both kinds of
targets; `sparse.py` has the loss for class numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, config
from minidl._typing import Array, DType, Shape
from minidl.losses import targets
from minidl.losses.binary import with_logits
from minidl.losses.loss import Loss, PairedLoss, check_axis, dot_over
from minidl.validation import number


class CategoricalCrossentropy(PairedLoss):
    """The cross-entropy of a target distribution and predicted probabilities, or their logits.

    Forward, with the targets y first smoothed by α to y (1 − α) + α/C, and all sums along the C
    classes. From probabilities p, with ε = `config.epsilon()`:

        s = Σ p,  q = p / s,  c = clip(q, ε, 1 − ε)
        values = −Σ y log c

    From logits z; the largest exponent is 0, so no exponential can overflow:

        h = z − max z,  s = Σ exp h
        values = Σ y log s − Σ y h

    Backward, from probabilities; outside [ε, 1 − ε] a class's logarithm is flat:

        g = −y/c [ε ≤ q ≤ 1 − ε]
        gradient = (g − Σ g q) / s

    and from logits, with p = exp(h) / s the softmax; that is p − y where targets sum to 1:

        gradient = p Σ y − y

    A model that ends in softmax is trained on its logits, whether or not `from_logits` is given.

    Shapes:
        y_true, y_pred: (batch, ..., classes); values: the same without `axis`.

    Arguments:
        from_logits: whether the predictions are logits instead of probabilities.
        label_smoothing: α, a number from 0 to 1: how far targets move towards 1/C.
        axis: the axis of the classes.
        reduction: how values become one number; see `Loss`.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if α is outside [0, 1], or y_true and y_pred differ in shape, as they do
            where y_true holds class numbers.

    Example:
        >>> loss = CategoricalCrossentropy(from_logits=True)
        >>> value, dz = loss.value_and_gradient([[0.0, 1.0]], [[0.0, 0.0]])
        >>> round(value, 6), dz.tolist()
        (0.693147, [[0.5, -0.5]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990; the smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", 2016.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = number("label_smoothing", label_smoothing, self._owner, 0.0, 1.0)
        self.axis = check_axis(axis, self._owner)

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return the values by one of the two formulas."""
        axis = self.axis
        y = smooth_categorical(y_true, self.label_smoothing, axis)
        if self.from_logits:
            h, exponentials, s = shifted_exponentials(y_pred, axis)
            mass = np.add.reduce(y, axis=axis, keepdims=True)
            values = np.squeeze(mass * np.log(s), axis) - dot_over(y, h, axis)
            return values, (y, mass, exponentials, s)
        q, c, s = normalized(y_pred, axis)
        return -dot_over(y, np.log(c), axis), (y, q, c, s)

    def _derivative(self, residuals: Any) -> Array:
        """Return p Σ y − y, or what it is from probabilities."""
        if self.from_logits:
            y, mass, exponentials, s = residuals
            return exponentials * (mass / s) - y
        y, q, c, s = residuals
        g = -y / c * (q == c)
        return (g - np.sum(g * q, axis=self.axis, keepdims=True)) / s

    def on_logits(self, activation: Any) -> Loss | None:
        """Return this loss with `from_logits=True` if `activation` is a softmax along `axis`."""
        fits = type(self) is CategoricalCrossentropy and is_softmax(activation, self.axis)
        return with_logits(self) if fits and not self.from_logits else None

    @property
    def expects(self) -> str:
        """`"logits"` or `"probabilities"`."""
        return "logits" if self.from_logits else "probabilities"

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        check_categorical_shape(self, y_true, pred_shape)


def shifted_exponentials(z: Array, axis: int) -> tuple[Array, Array, Array]:
    """Return h = z − max z, exp h and Σ exp h; the softmax is exp(h) / Σ exp h."""
    h = z - np.maximum.reduce(z, axis=axis, keepdims=True)
    exponentials = np.exp(h)
    return h, exponentials, np.add.reduce(exponentials, axis=axis, keepdims=True)


def normalized(p: Array, axis: int) -> tuple[Array, Array, Array]:
    """Return q = p / s, c = clip(q, ε, 1 − ε) and s = Σ p."""
    s = row_sums(p, axis)
    q = p / s
    return q, np.clip(q, config.epsilon(), 1.0 - config.epsilon()), s


def row_sums(p: Array, axis: int) -> Array:
    """Return s = Σ p, or 1 for a row of zeros, so that 1/(ε s) is finite."""
    s = np.add.reduce(p, axis=axis, keepdims=True)
    smallest = 1e14 * np.finfo(s.dtype).tiny
    return np.where(np.abs(s) < smallest, s.dtype.type(1), s)


def smooth_categorical(y: Array, alpha: float, axis: int) -> Array:
    """Return targets moved towards the uniform distribution: y (1 − α) + α/C."""
    return y * (1.0 - alpha) + alpha / y.shape[axis] if alpha else y


def is_softmax(activation: Any, axis: int) -> bool:
    """Return whether an activation is a softmax along that axis."""
    return type(activation) is activations.Softmax and activation.axis == axis


def check_categorical_shape(loss: Loss, y_true: Array, pred_shape: Shape) -> None:
    """Refuse targets of another shape; say so where they look like class numbers.

    Raises:
        ValueError: with both shapes and the likely remedy.
    """
    if targets.agree(*targets.same_rank(y_true.shape, pred_shape)):
        return
    hint = ""
    if targets.looks_like_labels(y_true.shape, pred_shape, loss.axis):
        hint = (
            "y_true seems to hold class numbers: use sparse_categorical_crossentropy, or make "
            f"rows of them with utils.to_categorical(y_true, {pred_shape[loss.axis]})."
        )
    raise targets.shape_error(y_true.shape, pred_shape, loss._owner, hint)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Return the categorical cross-entropy of each sample; see `CategoricalCrossentropy`."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)
