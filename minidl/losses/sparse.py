"""Cross-entropy of one choice among classes, with targets as class numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType, Shape
from minidl.kernels import empty_like
from minidl.kernels.entropy import entropy_of_labels
from minidl.losses import targets
from minidl.losses.binary import with_logits
from minidl.losses.categorical import is_softmax, row_sums, shifted_exponentials
from minidl.losses.loss import Loss, PairedLoss, check_axis
from minidl.losses.reductions import MEANS


class SparseCategoricalCrossentropy(PairedLoss):
    """The cross-entropy of a class number and predicted probabilities, or their logits.

    It is `CategoricalCrossentropy` for the one-hot row of the number k, without making that row.

    Forward, from probabilities p, with ε = `config.epsilon()` and the sum along the classes:

        s = Σ p,  q = p_k / s,  c = clip(q, ε, 1 − ε)
        values = −log c

    From logits z:

        h = z − max z,  s = Σ exp h
        values = log s − h_k

    Backward, from probabilities, and from logits, with p = exp(h) / s the softmax; j runs over the
    classes:

        gradient_j = (1/s − [j = k] / p_k) [ε ≤ q ≤ 1 − ε]
        gradient_j = p_j − [j = k]

    A model that ends in softmax is trained on its logits, whether or not `from_logits` is given.

    Shapes:
        y_true: (batch, ...) or (batch, ..., 1), integers from 0; y_pred: (batch, ..., classes);
        values: (batch, ...).

    Arguments:
        from_logits: whether the predictions are logits instead of probabilities.
        ignore_class: a class number whose samples do not count, such as −1 for "unknown"; means
            are then over the others.
        reduction: how values become one number; see `Loss`.
        axis: the axis of the classes.
        name: a name for messages and logs.
        dtype: the float type to compute in; that of `y_pred` by default.

    Raises:
        ValueError: if a target is not an integer from 0 to classes − 1, or `y_true` has not the
            shape of `y_pred` without its classes, as it is where it holds one-hot rows.

    Example:
        >>> loss = SparseCategoricalCrossentropy(from_logits=True)
        >>> value, dz = loss.value_and_gradient([1], [[0.0, 0.0]])
        >>> round(value, 6), dz.tolist()
        (0.693147, [[0.5, -0.5]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """

    same_shape = False

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = bool(from_logits)
        self.ignore_class = (
            None if ignore_class is None else _class_number(ignore_class, self._owner)
        )
        self.axis = check_axis(axis, self._owner)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return class numbers as integers, and predictions as floats.

        Raises:
            ValueError: if a class number is out of range or not an integer, or shapes do not fit.
        """
        y_pred = targets.as_floats(y_pred, self.dtype, self._owner)
        y_true = np.asarray(y_true)
        shape = targets.without_axis(y_pred.shape, self.axis)
        if y_true.shape != shape:
            self._check_shape(y_true, y_pred.shape)
            y_true = y_true.reshape(shape)
        targets.check_numeric(y_true, "y_true", self._owner)
        with np.errstate(invalid="ignore"):  # NaN becomes some integer, and is found below
            labels = y_true.astype(np.intp, copy=False)
        # A negative number is a huge unsigned one, so one look finds both ends of the range.
        counted = self._counted(labels).view(np.uintp)
        inside = not counted.size or counted.max() < y_pred.shape[self.axis]
        if not inside or (y_true.dtype.kind == "f" and (labels != y_true).any()):
            self._check_values(y_true, y_pred.shape)
        return labels, y_pred

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return the values by one of the two formulas."""
        axis = self.axis
        at_k = entries_at(self._counted(y_true), axis)
        if self.from_logits:
            h, exponentials, s = shifted_exponentials(y_pred, axis)
            values = np.log(s.squeeze(axis)) - h[at_k]
            return self._valid(values, y_true), (y_true, at_k, exponentials, s)
        s = row_sums(y_pred, axis)
        q = y_pred[at_k] / s.squeeze(axis)
        c = np.clip(q, config.epsilon(), 1.0 - config.epsilon())
        return self._valid(-np.log(c), y_true), (y_true, at_k, (y_pred, q, c), s)

    def _value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any = None
    ) -> tuple[float, Array]:
        """Return both from one pass over the logits, where nothing but their mean is asked for."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        plain = (
            self.from_logits
            and sample_weight is None
            and mask is None
            and self.ignore_class is None
            and self.dtype is None
            and self.reduction in MEANS
            and y_pred.ndim == 2
            and y_pred.dtype.kind == "f"
            and self.axis in (-1, 1)
            and np.size(y_true) == len(y_pred)
            and y_true.dtype.kind in "iu"
        )
        if not plain:
            return super()._value_and_gradient(y_true, y_pred, sample_weight, mask)
        labels = np.ascontiguousarray(y_true.reshape(-1), dtype=np.intp)
        values, dz, scale = np.empty(len(labels), y_pred.dtype), empty_like(y_pred), 1 / len(labels)
        if not entropy_of_labels(y_pred, labels, scale, values, dz):
            self._check_values(y_true, y_pred.shape)
        return float(np.add.reduce(values)) * scale, dz

    def _derivative(self, residuals: Any) -> Array:
        """Return p_j − [j = k], or what it is from probabilities."""
        y_true, at_k, rest, s = residuals
        if self.from_logits:
            gradient = rest / s
            gradient[at_k] -= 1.0
        else:
            p, q, c = rest
            inside = np.expand_dims(q == c, self.axis)
            gradient = np.broadcast_to(inside / s, p.shape).copy()
            gradient[at_k] -= (q == c) / (c * s.squeeze(self.axis))
        if self.ignore_class is not None:
            gradient *= np.expand_dims(y_true != self.ignore_class, self.axis)
        return gradient

    def on_logits(self, activation: Any) -> Loss | None:
        """Return this loss with `from_logits=True` if `activation` is a softmax along `axis`."""
        fits = type(self) is SparseCategoricalCrossentropy and is_softmax(activation, self.axis)
        return with_logits(self) if fits and not self.from_logits else None

    @property
    def expects(self) -> str:
        """`"logits"` or `"probabilities"`."""
        return "logits" if self.from_logits else "probabilities"

    def _mask(self, y_true: Array) -> Array | None:
        return None if self.ignore_class is None else y_true != self.ignore_class

    def _valid(self, values: Array, y_true: Array) -> Array:
        """Return the values with 0 for samples that are ignored."""
        if self.ignore_class is None:
            return values
        return np.where(y_true != self.ignore_class, values, values.dtype.type(0))

    def _counted(self, labels: Array) -> Array:
        """Return class numbers with 0 in place of the one that is ignored."""
        if self.ignore_class is None:
            return labels
        return np.where(labels == self.ignore_class, 0, labels)

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        expected = targets.without_axis(pred_shape, self.axis)
        classes_at = self.axis % max(1, len(pred_shape))
        with_axis = (*pred_shape[:classes_at], 1, *pred_shape[classes_at + 1 :])
        if targets.agree(y_true.shape, expected) or targets.agree(y_true.shape, with_axis):
            return
        hint = "Give one class number for each row of predictions."
        if targets.agree(y_true.shape, pred_shape):
            hint = (
                "y_true seems to hold one-hot rows: use categorical_crossentropy, or make class "
                f"numbers of them with y_true.argmax(axis={self.axis})."
            )
        raise ValueError(
            f"{self._owner} received y_true of shape {y_true.shape} and y_pred of shape "
            f"{tuple(pred_shape)}, expected y_true of shape {expected}: integers. {hint}"
        )

    def _check_values(self, y_true: Array, pred_shape: Shape) -> None:
        """Refuse what is no class number, or one that the model has no output for."""
        classes = pred_shape[self.axis]

        def offends(part: Array) -> Array:
            bad = part < 0
            if classes is not None:
                bad |= part >= classes
            if part.dtype.kind == "f":
                bad |= ~(np.floor(part) == part)
            return bad if self.ignore_class is None else bad & (part != self.ignore_class)

        offence = targets.first_offence(y_true, offends)
        if offence is not None:
            place, value = offence
            last = "the number of classes" if classes is None else f"{classes - 1}"
            raise ValueError(
                f"{self._owner} received y_true with {value} in {place}, expected class numbers: "
                f"integers from 0 to {last}. {self._remedy(y_true, value, classes)}"
            )

    def _remedy(self, y_true: Array, value: float, classes: int | None) -> str:
        if value != value or value != int(value):
            return (
                "If y_true holds probabilities, use categorical_crossentropy; for measured "
                "numbers, a loss such as mean_squared_error."
            )
        if value < 0:
            return f"ignore_class={int(value)} leaves such samples out."
        if value == classes and y_true.min() >= 1:
            return "Classes seem to be counted from 1: subtract 1."
        return f"There are {classes} outputs: give the last layer more units, or correct y_true."


def entries_at(labels: Array, axis: int) -> tuple[Array, ...]:
    """Return the index of each row's entry at its class number, with the classes along `axis`."""
    index: list[Array] = list(np.indices(labels.shape, sparse=True))
    index.insert(axis % (labels.ndim + 1), labels)
    return tuple(index)


def _class_number(value: Any, owner: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(
            f"{owner} received ignore_class={value!r}, expected an integer such as -1, or None."
        )
    return int(value)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """Return the cross-entropy of each sample; see `SparseCategoricalCrossentropy`."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.values(y_true, y_pred)
