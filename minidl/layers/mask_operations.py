"""Operations that masks are made with, as steps of a graph: Keras's, under Keras's names.

Keras writes a model's masks down as operations of their own (`NotEqual`, `Any`, ...), so they are
what its configurations are read into. They have truth values as outputs, and no derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.concatenate import Concatenate
from minidl.layers.layer import Layer
from minidl.layers.symbolic import is_symbolic


class Operation(Layer):
    """What the operations share: they are told by name and give truth values.

    Arguments:
        name: a unique name, made from the operation's by default.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)

    def forward(self, x: Any, training: bool = False, **options: Any) -> tuple[Array, Residuals]:
        """Return the operation's result."""
        return self._apply(x if isinstance(x, list) else [x], **options), None

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: what is made here is a mask itself."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that the inputs are broadcast to."""
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        rank = max(len(shape) for shape in shapes)
        columns = zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True)
        return tuple(next((n for n in column if n != 1), 1) for column in columns)

    def output_dtype(self, input_dtype: str) -> str:
        """Return bool."""
        return "bool"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments alone: an operation has no dtype and no weights."""
        config = super().get_config()
        drop = ("activity_regularizer", "trainable", "dtype", "autocast")
        return {key: value for key, value in config.items() if key not in drop}


class NotEqual(Operation):
    """y = (x₁ ≠ x₂); x₂ may be a number."""

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Take the second argument for an option where it is a number."""
        x, other = args
        if is_symbolic(other) or np.ndim(other):
            return [x, other], kwargs
        return x, {**kwargs, "other": other}

    def _apply(self, xs: list[Array], other: Any = None, **options: Any) -> Array:
        return np.asarray(np.not_equal(xs[0], xs[1] if other is None else other))


class LogicalOr(Operation):
    """y = x₁ or x₂."""

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.logical_or(*xs)


class LogicalAnd(Operation):
    """y = x₁ and x₂."""

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.logical_and(*xs)


class AnyTrue(Operation):
    """Whether anything along an axis is true.

    Arguments:
        axis: the axis, or None for all of them.
        keepdims: whether the axis stays, with size 1.
        name: a unique name.
    """

    def __init__(
        self, axis: int | None = None, keepdims: bool = False, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.axis = axis
        self.keepdims = keepdims

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.asarray(np.any(xs[0], axis=self.axis, keepdims=self.keepdims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape without the axis."""
        sizes = [1 if size is None else size for size in input_shape]
        kept = np.any(np.zeros(sizes, bool), axis=self.axis, keepdims=self.keepdims)
        if self.axis is None:
            return kept.shape
        shape = list(input_shape)
        if self.keepdims:
            shape[self.axis] = 1
        else:
            del shape[self.axis]
        return tuple(shape)


class ExpandDims(Operation):
    """Gives an axis of size 1.

    Arguments:
        axis: where it is to stand.
        name: a unique name.
    """

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.expand_dims(xs[0], self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with one axis more."""
        shape = list(input_shape)
        shape.insert(self.axis if self.axis >= 0 else len(shape) + 1 + self.axis, 1)
        return tuple(shape)


class ZerosLike(Operation):
    """False in the shape of the input.

    Arguments:
        dtype: Keras's; truth values in any case.
        name: a unique name.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(name=name)

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.zeros(xs[0].shape, bool)

    def get_config(self) -> dict[str, Any]:
        """Return the name, and what Keras needs to be told."""
        return {"name": self.name, "dtype": "bool"}


class OnesLike(ZerosLike):
    """True in the shape of the input."""

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.ones(xs[0].shape, bool)


class SideBySide(Operation):
    """The inputs side by side along an axis.

    Arguments:
        axis: the axis.
        name: a unique name.
    """

    def __init__(self, axis: int = 0, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    def _apply(self, xs: list[Array], **options: Any) -> Array:
        return np.concatenate(xs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the inputs side by side."""
        return Concatenate(axis=self.axis).compute_output_shape(input_shape)


MODULE = "keras.src.ops.numpy"
OPERATIONS: dict[str, type[Operation]] = {
    "Any": AnyTrue,
    "Concatenate": SideBySide,
    "ExpandDims": ExpandDims,
    "LogicalAnd": LogicalAnd,
    "LogicalOr": LogicalOr,
    "NotEqual": NotEqual,
    "OnesLike": OnesLike,
    "ZerosLike": ZerosLike,
}
"""By the names that Keras writes down, beside `MODULE`."""


def keras_name(operation: Operation) -> str:
    """Return the name that Keras knows an operation by."""
    return next(name for name, cls in OPERATIONS.items() if cls is type(operation))


def not_equal(x: Any, value: float) -> Any:
    """Return where x ≠ value, for an array or a symbolic tensor."""
    return NotEqual()(x, value) if is_symbolic(x) else np.not_equal(x, value)


def any_feature(x: Any) -> Any:
    """Return whether anything along the last axis is true, for an array or a symbolic tensor."""
    return AnyTrue(axis=-1)(x) if is_symbolic(x) else np.any(x, axis=-1)
