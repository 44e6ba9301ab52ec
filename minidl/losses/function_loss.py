"""A plain function as a loss: its gradient is found by `minidl.autodiff`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.losses import targets
from minidl.losses.loss import Loss
from minidl.registry import function_entry


class FunctionLoss(Loss):
    """A function of y_true and y_pred as a loss.

    As in Keras, the targets come in the dtype of the predictions, and with an axis of size 1 at
    the end where one of the two lacks it.

    Arguments:
        function: takes y_true and y_pred, and returns a value a sample, or one number.
        name, reduction, dtype: as of `Loss`; the name is the function's by default.

    Raises:
        TypeError: if `function` is not one.
        NotDifferentiableError: in training, if it does something that has no derivative.

    Example:
        >>> loss = FunctionLoss(lambda y_true, y_pred: np.abs(y_true - y_pred).mean(axis=-1))
        >>> loss.value_and_gradient(np.zeros((1, 2)), np.array([[1.0, -3.0]]))
        (2.0, array([[ 0.5, -0.5]]))
    """

    same_shape = False

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"FunctionLoss received {function!r}, expected a function.")
        known = getattr(function, "__name__", type(function).__name__)
        super().__init__(known if name is None else name, reduction, dtype)
        self.function = function

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return function(y_true, y_pred)."""
        return self.function(y_true, y_pred)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return both as arrays of one float type and, where it is only that, of one rank."""
        y_pred = targets.as_floats(y_pred, self.dtype, self._owner)
        y_true = np.asarray(y_true)
        if y_true.dtype.kind in "fiub":
            y_true = y_true.astype(y_pred.dtype, copy=False)
        if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., None]
        elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
            y_true = y_true[..., 0]
        return y_true, y_pred

    def serialized_name(self) -> Any:
        """Return the function's entry, where it says all; else None."""
        return function_entry(self.function) if self._has_defaults() else None

    def _has_defaults(self) -> bool:
        known = getattr(self.function, "__name__", type(self.function).__name__)
        defaults = (known, "sum_over_batch_size", None)
        return (self.name, self.reduction, self.dtype) == defaults

    def get_config(self) -> dict[str, Any]:
        """Return the function's name: enough to tell it, not to make it again."""
        return {"name": self.name, "reduction": self.reduction, "function": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionLoss:
        """Raise: a name does not say what the function was.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The loss {config.get('function')!r} was a plain function, and a config holds only "
            "its name. Compile with the function itself, or write a minidl.Loss subclass and "
            "register it: losses.registry.register(cls)."
        )
