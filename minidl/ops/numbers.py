"""What NumPy has too, with Keras's names, argument order and dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl.ops.core import as_float, convert_to_tensor

# Functions of one array, entry by entry: those of the second group give floats for whole numbers.

_PLAIN = [
    "abs",
    "absolute",
    "ceil",
    "conjugate",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "logical_not",
    "negative",
    "real",
    "sign",
    "square",
    "trunc",
]
_FLOATING = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "rad2deg",
    "reciprocal",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]
_TWO = [
    "add",
    "arctan2",
    "divide",
    "equal",
    "floor_divide",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "kron",
    "less",
    "less_equal",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_or",
    "logical_xor",
    "matmul",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "not_equal",
    "outer",
    "power",
    "subtract",
    "true_divide",
    "inner",
    "dot",
]
_AXIS_KEEPDIMS = ["all", "any", "max", "min", "prod", "sum", "amax", "amin"]
_AXIS_KEEPDIMS_FLOAT = ["mean", "median", "std", "var"]
_OTHERS = [
    "append", "arange", "argmax", "argmin", "argpartition", "argsort", "array", "array_split",
    "average", "bincount", "broadcast_to", "clip", "concatenate", "copy", "correlate",
    "count_nonzero", "cross", "cumprod", "cumsum", "diag", "diagonal", "diff", "digitize",
    "dstack", "einsum", "empty", "expand_dims", "eye", "flip", "full", "full_like", "hstack",
    "identity", "isclose", "linspace", "logspace", "meshgrid", "moveaxis", "nan_to_num", "ndim",
    "nonzero", "ones", "ones_like", "pad", "ptp", "quantile", "ravel", "repeat", "reshape", "roll",
    "rot90", "round", "searchsorted", "select", "size", "sort", "split", "squeeze", "stack",
    "swapaxes", "take", "take_along_axis", "tensordot", "tile", "trace", "transpose", "tri",
    "tril", "triu", "vdot", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip

__all__ = [
    *_PLAIN, *_FLOATING, *_TWO, *_AXIS_KEEPDIMS, *_AXIS_KEEPDIMS_FLOAT, *_OTHERS,
]  # fmt: skip


def _unary(name: str, to_array: Callable[[Any], Any]) -> Callable[..., Any]:
    function = getattr(np, name)

    def op(x: Any) -> Any:
        return function(to_array(x))

    return _named(op, name, f"Return `np.{name}` of x, entry by entry.")


def _binary(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def op(x1: Any, x2: Any) -> Any:
        return function(_operand(x1), _operand(x2))

    return _named(op, name, f"Return `np.{name}` of both.")


def _operand(x: Any) -> Any:
    """Return an array; a number stays one, so that it takes the other operand's dtype."""
    return x if isinstance(x, int | float) else convert_to_tensor(x)


def _reduction(name: str, to_array: Callable[[Any], Any]) -> Callable[..., Any]:
    function = getattr(np, name)

    def op(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return function(to_array(x), axis=_axes(axis), keepdims=keepdims)

    return _named(op, name, f"Return `np.{name}` along `axis`, which stays where `keepdims`.")


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _named(op: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    op.__name__ = op.__qualname__ = name
    op.__doc__ = doc
    return op


for _name in _PLAIN:
    globals()[_name] = _unary(_name, convert_to_tensor)
for _name in _FLOATING:
    globals()[_name] = _unary(_name, as_float)
for _name in _TWO:
    globals()[_name] = _binary(_name)
for _name in _AXIS_KEEPDIMS:
    globals()[_name] = _reduction(_name, convert_to_tensor)
for _name in _AXIS_KEEPDIMS_FLOAT:
    globals()[_name] = _reduction(_name, as_float)


def _first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy's function of a first array, with its other arguments as they are."""

    def op(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(convert_to_tensor(x), *args, **kwargs)

    name = function.__name__
    return _named(op, name, f"Return `np.{name}`, whose other arguments it takes.")


for _name in [
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "average",
    "bincount",
    "broadcast_to",
    "copy",
    "correlate",
    "count_nonzero",
    "cross",
    "cumprod",
    "cumsum",
    "diag",
    "diagonal",
    "diff",
    "digitize",
    "expand_dims",
    "flip",
    "isclose",
    "moveaxis",
    "nan_to_num",
    "ptp",
    "quantile",
    "ravel",
    "repeat",
    "roll",
    "rot90",
    "round",
    "searchsorted",
    "sort",
    "squeeze",
    "swapaxes",
    "tensordot",
    "trace",
    "tril",
    "triu",
    "vdot",
]:
    globals()[_name] = _first(getattr(np, _name))


def _joining(function: Callable[..., Any]) -> Callable[..., Any]:
    def op(xs: Any, *args: Any, **kwargs: Any) -> Any:
        return function([convert_to_tensor(x) for x in xs], *args, **kwargs)

    name = function.__name__
    return _named(op, name, f"Return `np.{name}` of a list of arrays.")


for _name in ("concatenate", "dstack", "hstack", "stack", "vstack"):
    globals()[_name] = _joining(getattr(np, _name))


def array(x: Any, dtype: Any = None) -> Any:
    """Return x as an array."""
    return convert_to_tensor(x, dtype)


def append(x1: Any, x2: Any, axis: Any = None) -> Any:
    """Return both joined along an axis, or in one row."""
    return np.append(convert_to_tensor(x1), convert_to_tensor(x2), axis=axis)


def reshape(x: Any, newshape: Any) -> Any:
    """Return x in another shape."""
    return np.reshape(convert_to_tensor(x), newshape)


def transpose(x: Any, axes: Any = None) -> Any:
    """Return x with its axes in another order, reversed by default."""
    return np.transpose(convert_to_tensor(x), axes)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    """Return the entries of x at indices along an axis."""
    return np.take(convert_to_tensor(x), np.asarray(indices), axis=axis)


def take_along_axis(x: Any, indices: Any, axis: Any = None) -> Any:
    """Return the entries of x at indices, row by row along an axis."""
    return np.take_along_axis(convert_to_tensor(x), np.asarray(indices), axis)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Return x with what is out of the range at the range's ends."""
    return np.clip(convert_to_tensor(x), x_min, x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return x1 where the condition holds, x2 elsewhere; alone, the places where it holds."""
    if x1 is None and x2 is None:
        return np.nonzero(convert_to_tensor(condition))
    return np.where(np.asarray(condition, bool), _operand(x1), _operand(x2))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Return for each entry the choice of the first condition that holds."""
    return np.select([np.asarray(c, bool) for c in condlist], choicelist, default)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Return the sum of products that the subscripts tell."""
    return np.einsum(subscripts, *(convert_to_tensor(x) for x in operands), **kwargs)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Return x with a margin."""
    options = {} if constant_values is None else {"constant_values": constant_values}
    return np.pad(convert_to_tensor(x), pad_width, mode=mode, **options)  # type: ignore[call-overload]


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return equal parts along an axis, or those between indices."""
    return np.split(convert_to_tensor(x), indices_or_sections, axis=axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return parts along an axis that differ by 1 at most."""
    return np.array_split(convert_to_tensor(x), indices_or_sections, axis=axis)


def tile(x: Any, repeats: Any) -> Any:
    """Return x, repeated."""
    return np.tile(convert_to_tensor(x), repeats)


def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Return the coordinates of a grid."""
    return list(np.meshgrid(*(convert_to_tensor(item) for item in x), indexing=indexing))  # type: ignore[call-overload]


def nonzero(x: Any) -> Any:
    """Return the places of entries that are not 0."""
    return np.nonzero(convert_to_tensor(x))


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return convert_to_tensor(x).ndim


def size(x: Any) -> int:
    """Return the number of entries."""
    return convert_to_tensor(x).size


# New arrays: floats in config.floatx(), where no dtype is given


def _made(x: Any, dtype: Any) -> Any:
    if dtype is None and x.dtype == np.float64:
        dtype = config.floatx()
    elif dtype is None and x.dtype == np.int64:
        dtype = "int32"
    return x if dtype is None else x.astype(dtype)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros."""
    return np.zeros(shape, dtype or config.floatx())


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones."""
    return np.ones(shape, dtype or config.floatx())


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return an array whose numbers are not set."""
    return np.empty(shape, dtype or config.floatx())


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return an array of one number."""
    value = convert_to_tensor(fill_value, dtype)
    return np.broadcast_to(value, shape) + np.zeros((), value.dtype)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Return zeros in the shape of x."""
    return np.zeros_like(convert_to_tensor(x), dtype=dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Return ones in the shape of x."""
    return np.ones_like(convert_to_tensor(x), dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return an array of one number in the shape of x."""
    return np.full_like(convert_to_tensor(x), fill_value, dtype=dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return ones on a diagonal, and zeros elsewhere."""
    return np.eye(N, M, k, dtype=dtype or config.floatx())


def identity(n: int, dtype: Any = None) -> Any:
    """Return the identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return ones on and below a diagonal, and zeros elsewhere."""
    return np.tri(N, M, k, dtype=dtype or config.floatx())


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return numbers at equal steps."""
    numbers = np.arange(start) if stop is None else np.arange(start, stop, step)
    return _made(numbers, dtype)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Return numbers at equal steps, the last one too."""
    make: Any = np.linspace
    found = make(start, stop, num, endpoint, retstep, axis=axis)
    return (_made(found[0], dtype), found[1]) if retstep else _made(found, dtype)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Return numbers at equal ratios."""
    return _made(np.logspace(start, stop, num, endpoint, base, axis=axis), dtype)
