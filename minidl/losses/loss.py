"""The contract of a loss: one value a sample, and its exact derivative.

        y_true ─┐
        y_pred ─┴─► call ──────► values ─────────────┐
                └─► gradient ──► ∂values/∂y_pred ──┐ ├─► loss    = scale · Σ weights · values
  sample_weight, mask, reduction ─► weights, scale ┴─┴─► dy_pred = scale · weights · ∂values/∂y_pred

A subclass writes `call` and `gradient`; the base class weighs and reduces both in the same way.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType, Shape
from minidl.losses import targets
from minidl.losses.reductions import (
    MEANS,
    align_mask,
    check_reduction,
    masked_weights,
    total,
    weigh,
)
from minidl.registry import Configurable, snake_case
from minidl.tracing import Traced


class Loss(Configurable):
    """A function that training makes small, and its derivative.

    A subclass writes

        values = call(y_true, y_pred)             one value a sample or time step
        gradient(y_true, y_pred)                  ∂values/∂y_pred, entry by entry

    Without `gradient` it is found by `minidl.autodiff`, from a `call` written in NumPy.

    A sample's value depends on its own predictions alone, so `gradient` has the shape of `y_pred`.
    With w the sample weights and N the number of values, the base class makes of them

        L       = Σᵢ wᵢ valuesᵢ / N               loss(y_true, y_pred, sample_weight)
        dy_pred = wᵢ/N ∂valuesᵢ/∂y_pred           loss.backward(y_true, y_pred, sample_weight)

    or the like for another reduction. A subclass may write `backward` itself instead of `gradient`.

    Shapes:
        y_true, y_pred: (batch, ..., features); values: (batch, ...), without the axis `axis`;
        sample_weight: (batch,), (batch, 1) or the shape of the values;
        mask: the shape of the values, or its leading axes; what it leaves out counts for nothing,
        and not for N either.

    Arguments:
        name: a name for messages and logs; made from the class's name by default.
        reduction: `"sum_over_batch_size"` (the mean over all values; `"mean"` is the same),
            `"sum"`, `"mean_with_sample_weight"` (divides by the sum of the weights) or
            `"none"`/None, which leaves the values as they are.
        dtype: the float type to compute in; that of `y_pred` by default.

    Attributes:
        axis: the axis of `y_pred` that `call` takes away.
        same_shape: whether `y_true` must have the shape of `y_pred`. A subclass whose targets have
            another shape sets it to False and gets `y_true` as it came.
        expects: `"logits"` or `"probabilities"` where the predictions must be one or the other.

    Raises:
        ValueError: if there is no such reduction or float type.

    Example:
        >>> class Quartic(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ((y_pred - y_true) ** 4).mean(axis=-1)
        ...
        ...     def gradient(self, y_true, y_pred):
        ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
        >>> y_true, y_pred = np.zeros((2, 1)), np.array([[1.0], [2.0]])
        >>> Quartic()(y_true, y_pred)
        8.5
        >>> Quartic().backward(y_true, y_pred).tolist()
        [[2.0], [16.0]]
    """

    axis: int = -1
    same_shape: bool = True

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name
        self.reduction = check_reduction(reduction, self._owner)
        self.dtype = None if dtype is None else config.float_dtype(dtype)

    # What a subclass writes

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return one value a sample or time step; the arrays have been aligned and cast."""
        raise NotImplementedError(
            f"{self._owner} has no call. Write call(self, y_true, y_pred) -> values, one value a "
            "sample."
        )

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the derivative of each sample's value, of the shape of `y_pred`.

        A subclass that does not write it gets it by `minidl.autodiff` from its `call`.
        """
        return self._derivative(self._forward(y_true, y_pred)[1])

    def on_logits(self, activation: Any) -> Loss | None:
        """Return this loss as a function of what `activation` gets, where both belong together."""
        return None

    @property
    def expects(self) -> str | None:
        """What the predictions must be: `"logits"`, `"probabilities"`, or None for anything."""
        return None

    # What the base class makes of it

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Any:
        """Return the weighted and reduced loss: a float, or an array without a reduction."""
        if isinstance(y_pred, Traced):
            from minidl.autodiff import pairs

            return pairs.through_loss(self, y_true, y_pred, sample_weight)  # type: ignore[arg-type]
        y_true, y_pred = self.prepare(y_true, y_pred)
        values = np.asarray(self.call(y_true, y_pred))
        weights, scale = self._weigh(values, y_true, sample_weight, mask)
        if self.reduction in ("none", None):
            return values if weights is None else values * weights
        return total(values, weights, scale)

    def backward(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Array:
        """Return the derivative of the loss, or of its sum where there is no reduction."""
        return self._value_and_gradient(y_true, y_pred, sample_weight, mask)[1]

    def value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[float, Array]:
        """Return the loss as a float (the sum where there is no reduction), and its derivative."""
        if not self._is_own():
            return self._value_and_gradient(y_true, y_pred, sample_weight, mask)
        return self._ask_both(y_true, y_pred, *self.weights_and_mask(sample_weight, mask))

    def weights_and_mask(self, sample_weight: Any, mask: Any) -> tuple[Any, ...]:
        """Return what follows y_true and y_pred in a call: the sample weights, and the mask if any.

        A subclass with a `__call__` or `backward` of its own gets the mask among the weights.
        """
        if mask is None:
            return (sample_weight,)
        if self._is_own():
            return (masked_weights(sample_weight, mask, self.reduction, self._owner),)
        return (sample_weight, mask)

    def _is_own(self) -> bool:
        cls = type(self)
        return cls.backward is not Loss.backward or cls.__call__ is not Loss.__call__

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return one value a sample or time step, neither weighted nor reduced."""
        if isinstance(y_pred, Traced):
            twin = copy.copy(self)
            twin.reduction = None
            return twin(y_true, y_pred)
        return np.asarray(self.call(*self.prepare(y_true, y_pred)))

    def check_targets(self, y_true: Any, y_pred_shape: Shape) -> None:
        """Look once at all targets: do they suit predictions of this shape?

        Arguments:
            y_true: the targets, a batch or all of them; a memory-mapped array is read in parts.
            y_pred_shape: the predictions' shape; None stands for a size that is not known.

        Raises:
            ValueError: with the first row that does not, and how to fix it.
        """
        y_true = np.asarray(y_true)
        targets.check_numeric(y_true, "y_true", self._owner)
        self._check_shape(y_true, y_pred_shape)
        targets.check_finite(y_true, self._owner)
        self._check_values(y_true, y_pred_shape)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return both as arrays of the same shape and float type, as `call` gets them.

        Raises:
            ValueError: if the shapes differ, or something is not a number.
        """
        if self.dtype is not None or getattr(y_pred, "dtype", None) not in targets.FLOATS:
            y_pred = targets.as_floats(y_pred, self.dtype, self._owner)
        y_pred, y_true = np.asarray(y_pred), np.asarray(y_true)
        if not self.same_shape:
            return y_true, y_pred
        if y_true.shape != y_pred.shape:
            self._check_shape(y_true, y_pred.shape)
            y_true, y_pred = targets.align(y_true, y_pred, self._owner)
        if y_true.dtype != y_pred.dtype:
            targets.check_numeric(y_true, "y_true", self._owner)
            y_true = y_true.astype(y_pred.dtype)
        return y_true, y_pred

    # Hooks of the built-in losses

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return the values and what `_derivative` will need."""
        if type(self).gradient is not Loss.gradient:
            return np.asarray(self.call(y_true, y_pred)), (y_true, y_pred)
        from minidl.autodiff import vjp

        values, pull = vjp(lambda prediction: self.call(y_true, prediction), y_pred)
        values = np.asarray(values)
        return values, lambda: pull(np.ones_like(values, dtype=y_pred.dtype))[0]

    def _derivative(self, residuals: Any) -> Array:
        """Return the derivative of the values that `_forward` returned with `residuals`."""
        return residuals() if callable(residuals) else self.gradient(*residuals)

    def _mask(self, y_true: Array) -> Array | None:
        """Return which values count, or None for all."""
        return None

    def _check_shape(self, y_true: Array, pred_shape: Shape) -> None:
        if self.same_shape and not targets.agree(*targets.same_rank(y_true.shape, pred_shape)):
            raise targets.shape_error(y_true.shape, pred_shape, self._owner)

    def _check_values(self, y_true: Array, pred_shape: Shape) -> None:
        """Refuse targets that this loss has no use for."""

    # Weights and reduction

    def _weigh(
        self, values: Array, y_true: Array, sample_weight: Any, given: Any = None
    ) -> tuple[Array | None, float]:
        mask = self._mask(y_true)
        if given is not None:
            given = align_mask(given, values, self._owner)
            mask = given if mask is None else mask & given
        if sample_weight is None and mask is None and self.reduction in MEANS and values.size:
            return None, 1.0 / values.size
        return weigh(values, sample_weight, mask, self.reduction, self._owner)

    def _value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any = None
    ) -> tuple[float, Array]:
        given = np.asarray(y_pred)
        y_true, y_pred = self.prepare(y_true, given)
        values, residuals = self._forward(y_true, y_pred)
        weights, scale = self._weigh(values, y_true, sample_weight, mask)
        gradient = np.asarray(self._derivative(residuals))
        if gradient.shape != y_pred.shape:
            raise self._gradient_error(gradient.shape, y_pred.shape)
        if weights is not None:
            gradient = gradient * (_beside(weights, values, y_pred, self.axis) * scale)
        elif scale != 1.0:
            gradient = gradient * scale
        return total(values, weights, scale), _like(gradient, given)

    def _ask_both(self, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[float, Array]:
        """The pair for a subclass with a `backward` or `__call__` of its own."""
        given = np.asarray(y_pred)
        y_true, y_pred = self.prepare(y_true, given)
        if sample_weight is None:
            value, gradient = self(y_true, y_pred), self.backward(y_true, y_pred)
        elif not _takes_weights(type(self).backward):
            raise TypeError(
                f"{self._owner} received sample weights, but its backward takes none. Write "
                "backward(self, y_true, y_pred, sample_weight=None), or write gradient(self, "
                "y_true, y_pred) instead, which is weighted and reduced for you."
            )
        else:
            value = self(y_true, y_pred, sample_weight=sample_weight)
            gradient = self.backward(y_true, y_pred, sample_weight=sample_weight)
        gradient = np.asarray(gradient)
        if gradient.shape != y_pred.shape:
            raise self._gradient_error(gradient.shape, y_pred.shape)
        return float(np.sum(value)), _like(gradient, given)

    def _gradient_error(self, received: Shape, expected: Shape) -> ValueError:
        return ValueError(
            f"{self._owner} returned a gradient of shape {received} for y_pred of shape "
            f"{expected}, expected the same shape: the derivative with respect to each prediction."
        )

    @property
    def _owner(self) -> str:
        name = vars(self).get("name")
        return f"Loss {name!r}" if name else type(self).__name__

    def __getattr__(self, name: str) -> Any:
        # Reached only where the attribute is missing, so it costs the hot loop nothing.
        message = f"{type(self).__name__} has no attribute {name!r}."
        if "reduction" not in vars(self):
            message += " Call super().__init__() first in __init__."
        raise AttributeError(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} reduction={self.reduction}>"


class PairedLoss(Loss):
    """A loss whose value and derivative share work: `_forward` and `_derivative` in one go.

    It writes that pair instead of `call` and `gradient`, which follow from it.
    """

    def _forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        raise NotImplementedError

    def _derivative(self, residuals: Any) -> Array:
        raise NotImplementedError

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return one value a sample or time step."""
        return self._forward(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the derivative of each sample's value, of the shape of `y_pred`."""
        return self._derivative(self._forward(y_true, y_pred)[1])


def check_axis(axis: Any, owner: str) -> int:
    """Return `axis` as an int.

    Raises:
        ValueError: if it is not an integer.
    """
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise ValueError(f"{owner} received axis={axis!r}, expected an integer such as -1.")
    return int(axis)


def mean_over(x: Array, axis: int) -> Array:
    """Return the mean along an axis; without the overhead of `np.mean` on small batches."""
    return np.add.reduce(x, axis=axis) / x.shape[axis]


def dot_over(x: Array, y: Array, axis: int) -> Array:
    """Return Σ x y along an axis."""
    return _vecdot(x, y, axis=axis)


_vecdot: Any = np.vecdot  # its stub lacks `axis`


def _takes_weights(backward: Any) -> bool:
    import inspect

    parameters = inspect.signature(backward).parameters
    return "sample_weight" in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def _beside(weights: Array, values: Array, y_pred: Array, axis: int) -> Array:
    """Return weights of the values with the axes that the predictions have besides."""
    if weights.ndim == 0 or values.ndim == y_pred.ndim:
        return weights
    if values.ndim == y_pred.ndim - 1:
        return np.expand_dims(weights, axis)
    return weights.reshape(weights.shape + (1,) * (y_pred.ndim - values.ndim))


def _like(gradient: Array, y_pred: Array) -> Array:
    """Return the gradient in the shape and float type that the predictions came in."""
    if y_pred.dtype.kind == "f" and gradient.dtype != y_pred.dtype:
        gradient = gradient.astype(y_pred.dtype)
    return gradient.reshape(y_pred.shape)
