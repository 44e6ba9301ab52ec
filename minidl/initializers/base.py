"""The contract of an initializer: a shape and a dtype in, an array out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.registry import Configurable, function_entry


class Initializer(Configurable):
    """How a parameter starts.

    A subclass writes `__call__`. An argument of its constructor that stands in the attribute of
    the same name becomes part of its config.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 0.5, dtype)
        >>> Halves()((2,), dtype="float32")
        array([0.5, 0.5], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return a new array of that shape; its dtype is `config.floatx()` by default."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __call__. Write __call__(self, shape, dtype=None) -> "
            "array."
        )

    def clone(self) -> Initializer:
        """Return another initializer with the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class FunctionInitializer(Initializer):
    """A plain function as an initializer.

    Arguments:
        function: is called as `function(shape, dtype=dtype)` and returns an array of that shape.

    Example:
        >>> FunctionInitializer(lambda shape, dtype=None: np.arange(6.0).reshape(shape))((2, 3))
        array([[0., 1., 2.],
               [3., 4., 5.]], dtype=float32)
    """

    def __init__(self, function: Callable[..., Array]) -> None:
        self.function = function

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return function(shape, dtype), as an array of that dtype.

        Raises:
            ValueError: if the function returns another shape.
        """
        shape, dtype = check_shape(shape, self.name), any_dtype(dtype)
        return _of_shape(np.array(self.function(shape, dtype=dtype), dtype), shape, self.name)

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def serialized_name(self) -> Any:
        """Return the function's entry."""
        return function_entry(self.function)

    def get_config(self) -> dict[str, Any]:
        """Return the function's name: enough to tell it, not to make it again."""
        return {"function": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionInitializer:
        """Raise: a name does not say what the function was.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The initializer {config.get('function')!r} was a plain function, and a config holds "
            "only its name. Make the layer with the function itself, or write an "
            "initializers.Initializer subclass and register it: "
            "initializers.registry.register(cls)."
        )


class ArrayInitializer(Initializer):
    """Given values, for a parameter of the same shape.

    Arguments:
        value: an array, of which a copy is kept.

    Example:
        >>> ArrayInitializer(np.eye(2))((2, 2), dtype="float32")
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """

    def __init__(self, value: Any) -> None:
        self.value = np.array(value)

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return a copy of the values.

        Raises:
            ValueError: if `shape` is not theirs.
        """
        shape = check_shape(shape, "ArrayInitializer")
        return _of_shape(self.value.astype(any_dtype(dtype)), shape, "ArrayInitializer")


def any_dtype(dtype: DType | None) -> np.dtype[Any]:
    """Return `dtype`, or `config.floatx()` for None."""
    return np.dtype(config.floatx() if dtype is None else dtype)


def check_shape(shape: Any, owner: str) -> tuple[int, ...]:
    """Return `shape` as a tuple; a number is the size of a single axis.

    Raises:
        ValueError: if a size is not a known non-negative integer.
    """
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if any(isinstance(s, bool) or not isinstance(s, int | np.integer) or s < 0 for s in sizes):
        raise ValueError(
            f"{owner}: received shape={shape!r}, expected known, non-negative integers such as "
            "(784, 10)."
        )
    return tuple(int(s) for s in sizes)


def _of_shape(value: Array, shape: tuple[int, ...], owner: str) -> Array:
    if value.shape != shape:
        raise ValueError(
            f"The initializer {owner} gave values of shape {value.shape}, expected {shape}, the "
            "shape of the parameter."
        )
    return value
