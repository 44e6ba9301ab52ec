"""A traced array: looks and computes like an ndarray, and every step of it goes on a tape.

NumPy itself hands the calls over: `np.exp(x)` asks `x.__array_ufunc__`, `np.sum(x)` asks
`x.__array_function__`. Operators and methods call the same functions. What would take the numbers
out of the trace, or change them in place, raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.autodiff import dispatch
from minidl.autodiff import rules as _rules  # noqa: F401  fills the tables
from minidl.autodiff.errors import InPlaceError, NotDifferentiableError
from minidl.autodiff.rules.indexing import getitem
from minidl.autodiff.rules.shaping import astype
from minidl.tracing import Traced, plain

if TYPE_CHECKING:
    from minidl.autodiff.tape import Tape


class TracedArray(Traced):
    """An array that a tape follows.

    Attributes:
        inner: the array.
        tape: the tape.
        index: its number on the tape.
    """

    __slots__ = ("index", "tape")

    __array_priority__ = 1000.0

    def __init__(self, inner: Any, tape: Tape, index: int) -> None:
        self.inner = inner
        self.tape = tape
        self.index = index

    # What NumPy asks

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return dispatch.call_ufunc(ufunc, method, args, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return dispatch.call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        value = self._leave(
            "np.array or np.asarray",
            "it would leave the trace and count as a constant. It is an array already, so leave "
            "the call out; arrays of arrays are made by np.stack or np.concatenate",
        )
        return np.array(value, dtype=dtype, copy=copy)

    # What an array tells of itself

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.inner.shape

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.inner.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.inner.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.inner.size

    @property
    def itemsize(self) -> int:
        """The size of an element in bytes."""
        return self.inner.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self.inner.nbytes

    def __len__(self) -> int:
        return len(self.inner)

    def __repr__(self) -> str:
        return f"<traced {plain(self)!r}>"

    def __str__(self) -> str:
        return str(plain(self))

    def __format__(self, spec: str) -> str:
        return format(plain(self), spec)

    __hash__ = object.__hash__  # == is elementwise, but a traced array is one thing

    # Parts

    def __getitem__(self, index: Any) -> Any:
        return getitem(self, index)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    @property
    def T(self) -> Any:  # noqa: N802
        """The array with its axes in reverse order."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802
        """The array with its last two axes swapped."""
        return np.swapaxes(self, -1, -2)

    @property
    def real(self) -> Any:
        """The array itself: only real arrays are traced."""
        return self

    @property
    def flat(self) -> Iterator[Any]:
        """The elements one by one."""
        return iter(np.ravel(self))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """Return the array in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes in another order."""
        if not axes or axes == (None,):
            return np.transpose(self)
        return np.transpose(self, axes[0] if isinstance(axes[0], tuple | list) else axes)

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        """Return the array in another float type; as a constant in a type without fractions."""
        if np.dtype(dtype).kind == "f":
            return astype(self, dtype)
        return plain(self).astype(dtype, **options)

    def copy(self, order: str = "C") -> Any:
        """Return a copy."""
        return np.copy(self)

    def flatten(self, order: str = "C") -> Any:
        """Return the array with one axis."""
        return np.ravel(self, order=order)  # type: ignore[call-overload]

    # Operators. A comparison is piecewise constant, so it gives a plain array.

    def __neg__(self) -> Any:
        return dispatch.apply(dispatch.RULES[np.negative], (self,), {})

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __bool__(self) -> bool:
        return bool(
            self._leave("bool", "whether it is 0 has no gradient. Write x != 0, or x is not None")
        )

    def __contains__(self, item: Any) -> bool:
        return plain(item) in plain(self)

    # What would take numbers out of the trace

    def _leave(self, function: str, message: str) -> Any:
        """Return the plain array if no tape listens any more.

        Raises:
            NotDifferentiableError: if one does.
        """
        item: Any = self
        while isinstance(item, TracedArray):
            if item.tape.recording:
                raise NotDifferentiableError(
                    function,
                    f"received a traced array: {message}. minidl.autodiff.stop_gradient(x) makes "
                    "a constant of it on purpose.",
                )
            item = item.inner
        return item

    def __float__(self) -> float:
        return float(
            self._leave("float", "its gradient would be lost. Keep it an array, use np for math")
        )

    def __int__(self) -> int:
        return int(self._leave("int", "its gradient would be lost"))

    def __index__(self) -> int:
        return int(self._leave("an index", "a float is no index"))

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def item(self, *args: int) -> Any:
        """Return the one element as a number, once the tape has ended."""
        return self._leave("item", "its gradient would be lost. x.reshape(()) stays in").item(*args)

    def tolist(self) -> Any:
        """Return the array as a list of numbers, once the tape has ended."""
        return self._leave("tolist", "its gradient would be lost").tolist()

    def numpy(self) -> Any:
        """Return the plain array, once the tape has ended."""
        return self._leave("numpy", "its gradient would be lost")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return np.copy(self)

    def __copy__(self) -> Any:
        return self

    # What would change numbers in place

    def __setitem__(self, index: Any, value: Any) -> None:
        raise InPlaceError(
            "x[...] = ...", "np.where(mask, new, x), np.concatenate or np.stack of the parts"
        )

    def __delitem__(self, index: Any) -> None:
        raise InPlaceError("del x[...]", "np.delete(x, ...)")

    def __getattr__(self, name: str) -> Any:
        # Reached only for what an ndarray has and a traced one lacks.
        if name in _CHANGE_IN_PLACE:
            raise InPlaceError(f"x.{name}", _CHANGE_IN_PLACE[name])
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"A traced array has no attribute {name!r}.")
        raise NotDifferentiableError(
            f"x.{name}", "it is not covered for traced arrays. Use a function of np in its place"
        )


_CHANGE_IN_PLACE = {
    "fill": "np.full_like(x, value)",
    "itemset": "np.where",
    "partition": "np.sort(x)",
    "put": "np.where",
    "resize": "np.reshape(x, shape)",
    "setfield": "np.where",
    "sort": "np.sort(x)",
}


# Operators and methods that are the function of the same name

_OPERATORS = {
    "add": np.add,
    "floordiv": np.floor_divide,
    "matmul": np.matmul,
    "mod": np.remainder,
    "mul": np.multiply,
    "pow": np.power,
    "sub": np.subtract,
    "truediv": np.divide,
}
_COMPARISONS = {
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "ne": np.not_equal,
}
_METHODS = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "clip", "cumprod", "cumsum",
    "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "round",
    "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
)  # fmt: skip


def _operator(name: str, ufunc: np.ufunc) -> tuple[Callable[..., Any], ...]:
    """Return x ∘ other, other ∘ x, and x ∘= other, which raises."""
    own = dispatch.RULES.get(ufunc)  # None for what is piecewise constant

    def forward(self: Any, other: Any) -> Any:
        if hasattr(other, "__array_ufunc__") and other.__array_ufunc__ is None:
            return NotImplemented
        if own is None:
            return ufunc(self, other)
        return dispatch.apply(own, (self, _operand(other)), {})

    def reflected(self: Any, other: Any) -> Any:
        if own is None:
            return ufunc(other, self)
        return dispatch.apply(own, (_operand(other), self), {})

    def in_place(self: Any, other: Any) -> Any:
        sign = _SIGNS[name]
        raise InPlaceError(f"x {sign}= ...", f"x = x {sign} ...")

    return forward, reflected, in_place


_SIGNS = {
    "add": "+", "floordiv": "//", "matmul": "@", "mod": "%", "mul": "*", "pow": "**", "sub": "-",
    "truediv": "/",
}  # fmt: skip


def _operand(other: Any) -> Any:
    return np.asarray(other) if isinstance(other, list | tuple) else other


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"Return `np.{name}` of the array."
    return method


def _comparison(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        return ufunc(plain(self), plain(other))

    return compare


for _name, _ufunc in _OPERATORS.items():
    _forward, _reflected, _in_place = _operator(_name, _ufunc)
    setattr(TracedArray, f"__{_name}__", _forward)
    setattr(TracedArray, f"__r{_name}__", _reflected)
    setattr(TracedArray, f"__i{_name}__", _in_place)
for _name, _ufunc in _COMPARISONS.items():
    setattr(TracedArray, f"__{_name}__", _comparison(_ufunc))
for _name in _METHODS:
    setattr(TracedArray, _name, _method(_name))
