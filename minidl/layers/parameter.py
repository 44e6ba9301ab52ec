"""A parameter: an array that a layer owns, and its gradient.

Value and gradient are ordinary arrays. An optimizer may move both into flat buffers that hold all
parameters of a model end to end; `value` and `grad` are then views into them, and nothing else
changes. So write into them (`kernel.grad[...] = g`, `out=kernel.grad`) or assign to the
attributes (`kernel.grad = g` copies in); do not keep references across training steps.

A parameter stands for its value in NumPy expressions: `x @ kernel + bias` works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import tracing
from minidl._typing import Array
from minidl.kernels.products import add_product, product

if TYPE_CHECKING:
    from minidl.constraints import Constraint
    from minidl.regularizers import Regularizer


class Parameter(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that a layer owns, with its gradient.

    Arguments:
        value: the first value. The parameter keeps a copy.
        name: a short name such as `"kernel"`.
        trainable: False for state that no optimizer touches, such as a moving mean.
        regularizer: adds a penalty on the value to the loss.
        constraint: is applied to the value after each update.

    Attributes:
        path: the name with the layer's in front, such as `"dense/kernel"`.
        gradient_is_product: whether its layer assigns the gradient by `take_gradient_product`.
        descent: the rate at which that method moves the value, set for one backward pass at a
            time; None outside.
        keeps_gradient: whether someone may read the gradient after such a pass.

    Example:
        >>> kernel = Parameter(np.ones((2, 3)), name="kernel")
        >>> kernel.grad = np.full((2, 3), 0.5)
        >>> kernel.value -= 0.1 * kernel.grad
        >>> kernel.shape, float(kernel.value[0, 0])
        ((2, 3), 0.95)
    """

    __slots__ = (
        "__weakref__",
        "_grad",
        "_value",
        "constraint",
        "descent",
        "gradient_is_product",
        "home",
        "keeps_gradient",
        "name",
        "path",
        "regularizer",
        "trainable",
    )

    def __init__(
        self,
        value: Array,
        name: str = "parameter",
        trainable: bool = True,
        regularizer: Regularizer | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        self._value: Array = np.array(value)
        self._grad: Array | None = None
        self.name = name
        self.path = name
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        self.home: Any = None  # the flat buffers that value and grad are views of, if any
        self.gradient_is_product = False
        self.descent: float | None = None
        self.keeps_gradient = True

    @property
    def value(self) -> Array:
        """The array. Assigning to it copies into the array that is there.

        While a tape records, the array comes traced, so that nothing computed from it is lost.
        """
        return tracing.read(self) if tracing.listening else self._value

    @value.setter
    def value(self, new: Array) -> None:
        if new is not self._value:  # `p.value -= step` has already happened in place
            self.assign(new)

    @property
    def grad(self) -> Array:
        """The gradient of the loss, of the value's shape; zeros until a backward pass wrote it."""
        if self._grad is None:
            self._grad = np.zeros_like(self._value)
        return self._grad

    @grad.setter
    def grad(self, new: Array) -> None:
        if new is self._grad:
            return
        new = np.asarray(new)
        if new.shape != self._value.shape:
            raise ValueError(
                f"Received a gradient of shape {new.shape} for parameter {self.path!r}, expected "
                f"{self._value.shape}, the shape of its value. Look for a missing transpose, or a "
                "missing sum over the batch axis."
            )
        self.grad[...] = new

    def take_gradient_product(self, left: Array, right: Array) -> None:
        """Assign grad = left @ right.

        While `descent` is set, the value moves by −descent · left @ right at once, in one pass and,
        unless someone may read it, without a gradient: how plain gradient descent saves half of
        its memory traffic. So a layer that sets `gradient_is_product` promises to call this once
        in each backward pass, after the last use of the value.
        """
        if self.descent is None or self.keeps_gradient:
            product(left, right, self.grad)
        if self.descent is not None:
            add_product(left, right, -self.descent, self._value)

    def assign(self, value: Any) -> None:
        """Copy `value` into the parameter.

        Raises:
            ValueError: if the shapes differ.
        """
        value = np.asarray(tracing.plain(value) if not self.trainable else value)
        if value.shape != self._value.shape:
            raise ValueError(
                f"Received a value of shape {value.shape} for parameter {self.path!r}, expected "
                f"{self._value.shape}."
            )
        self._value[...] = value

    def assign_add(self, value: Any) -> None:
        """Add `value` to the parameter, in place."""
        self._value += value

    def assign_sub(self, value: Any) -> None:
        """Subtract `value` from the parameter, in place."""
        self._value -= value

    def move(self, value: Array, grad: Array | None, home: Any) -> None:
        """Make `value` and `grad` (views of the flat buffers `home`) the parameter's storage.

        Both must be in C order, without gaps.
        """
        value[...] = self._value
        if grad is not None and self._grad is not None:
            grad[...] = self._grad
        self._value, self._grad, self.home = value, grad, home

    def numpy(self) -> Array:
        """Return a copy of the value."""
        return np.array(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self._value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self._value.dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(_value_of(item) for item in out)
        result = getattr(ufunc, method)(*map(_value_of, inputs), **kwargs)
        return out[0] if out is not None and isinstance(out[0], Parameter) else result

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return function(*_values_in(args), **_values_in(kwargs))

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __len__(self) -> int:
        return len(self._value)

    def __float__(self) -> float:
        return float(self.value)

    __hash__ = object.__hash__  # the mixin's == is elementwise, but a parameter is one thing

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        new = Parameter(self._value, self.name, self.trainable, self.regularizer, self.constraint)
        new.path = self.path
        new.gradient_is_product = self.gradient_is_product
        memo[id(self)] = new
        return new

    def __getstate__(self) -> dict[str, Any]:
        names = (
            "name", "path", "trainable", "regularizer", "constraint", "gradient_is_product"
        )  # fmt: skip
        return {"value": self._value.copy(), **{name: getattr(self, name) for name in names}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._value, self._grad, self.home = state.pop("value"), None, None
        self.descent, self.keeps_gradient = None, True
        for name, value in state.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return (
            f"<Parameter {self.path} shape={self.shape} dtype={self.dtype} "
            f"trainable={self.trainable}>"
        )


def _value_of(item: Any) -> Any:
    return item.value if isinstance(item, Parameter) else item


def _values_in(item: Any) -> Any:
    """Return a structure of arguments with values in place of parameters."""
    if isinstance(item, Parameter):
        return item.value
    if type(item) in (list, tuple):
        return type(item)(map(_values_in, item))
    if type(item) is dict:
        return {key: _values_in(value) for key, value in item.items()}
    return item
