"""Arrays and control flow: shape, cast, scatter, slice, cond, loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl.autodiff import custom_gradient, stop_gradient
from minidl.autodiff.rules.indexing import getitem
from minidl.autodiff.rules.indexing import scatter as _scatter
from minidl.layers.parameter import Parameter
from minidl.tracing import Traced, plain

__all__ = [
    "cast", "cond", "convert_to_numpy", "convert_to_tensor", "custom_gradient", "dtype",
    "fori_loop", "is_tensor", "map", "saturate_cast", "scan", "scatter", "scatter_update", "shape",
    "slice", "slice_update", "stop_gradient", "switch", "unstack", "vectorized_map", "while_loop",
]  # fmt: skip

_builtin_slice, _builtin_map = slice, map


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """Return x as an array; Python floats and lists of them in `config.floatx()`.

    >>> convert_to_tensor([1.0, 2.0]).dtype
    dtype('float32')
    """
    if isinstance(x, Parameter):
        x = x.value
    if isinstance(x, list | tuple) and any(isinstance(item, Traced | Parameter) for item in x):
        x = np.stack([convert_to_tensor(item) for item in x])
    if not isinstance(x, Traced | np.ndarray | np.generic):
        x = np.asarray(x)
        if dtype is None and x.dtype == np.float64:
            dtype = config.floatx()
        elif dtype is None and x.dtype == np.int64:
            dtype = "int32"
    return x if dtype is None or x.dtype == np.dtype(dtype) else x.astype(dtype)


def convert_to_numpy(x: Any) -> Any:
    """Return x as a plain array, which is a constant for gradients."""
    return np.asarray(stop_gradient(x))


def as_float(x: Any) -> Any:
    """Return x as an array of floats; whole numbers become `config.floatx()`."""
    x = convert_to_tensor(x)
    return x if x.dtype.kind == "f" else x.astype(config.floatx())


def cast(x: Any, dtype: Any) -> Any:
    """Return x in another dtype."""
    return convert_to_tensor(x, dtype)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return x in another dtype, with what is out of its range at the range's ends."""
    kind = np.dtype(dtype)
    limits: Any = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    return cast(np.clip(convert_to_tensor(x), limits.min, limits.max), dtype)


def dtype(x: Any) -> str:
    """Return the dtype's name."""
    return convert_to_tensor(x).dtype.name


def shape(x: Any) -> tuple[int, ...]:
    """Return the shape."""
    return tuple(convert_to_tensor(x).shape)


def is_tensor(x: Any) -> bool:
    """Return whether x is an array, traced or not."""
    return isinstance(x, Traced | np.ndarray)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the parts along an axis."""
    x = np.moveaxis(convert_to_tensor(x), axis, 0)
    return [x[i] for i in range(x.shape[0])]


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """Return a block of `shape` from `start_indices` on; -1 goes to the end."""
    x = convert_to_tensor(inputs)
    return x[_block(x, start_indices, shape)]


def _block(x: Any, start: Any, shape: Any) -> tuple[Any, ...]:
    sides = zip(start, shape, x.shape, strict=True)
    return tuple(_builtin_slice(int(a), n if s == -1 else int(a) + int(s)) for a, s, n in sides)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Return inputs with a block replaced."""
    x, updates = convert_to_tensor(inputs), convert_to_tensor(updates)
    block = _block(x, start_indices, updates.shape)
    return _replaced(x, block, updates)


def _replaced(x: Any, index: Any, updates: Any) -> Any:
    kept = np.ones(x.shape, bool)
    kept[index] = False
    return np.where(kept, x, _scatter(updates, index, x.shape))


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Return zeros of `shape` with values added at indices, (count, axes)."""
    index = tuple(np.moveaxis(plain(convert_to_tensor(indices)), -1, 0))
    return _scatter(convert_to_tensor(values), index, tuple(shape))


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """Return inputs with entries at indices, (count, axes), replaced, or added to.

    Raises:
        ValueError: for a reduction other than None and `"add"`.
    """
    x, updates = convert_to_tensor(inputs), convert_to_tensor(updates)
    index = tuple(np.moveaxis(plain(convert_to_tensor(indices)), -1, 0))
    if reduction == "add":
        return x + _scatter(updates, index, x.shape)
    if reduction is not None:
        raise ValueError(f"scatter_update: received reduction={reduction!r}, expected None, 'add'.")
    return _replaced(x, index, updates)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return true_fn() or false_fn()."""
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """Return `branches[index](*operands)`."""
    return branches[min(max(int(plain(index)), 0), len(branches) - 1)](*operands)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:  # fmt: skip
    """Return the variables once cond(*variables) no longer holds."""
    several = isinstance(loop_vars, list | tuple)
    state = tuple(loop_vars) if several else (loop_vars,)
    steps = 0
    while cond(*state) and (maximum_iterations is None or steps < maximum_iterations):
        after = body(*state)
        state = tuple(after) if isinstance(after, list | tuple) else (after,)
        steps += 1
    return state if several else state[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """Return the value after body_fun(i, value) for each i from lower to upper."""
    for i in range(lower, upper):
        init_val = body_fun(i, init_val)
    return init_val


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False, unroll: Any = 1,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the last carry and all outputs of carry, y = f(carry, x), for each x in turn."""
    count = length if xs is None else len(xs)
    order = range(count or 0)
    outputs = []
    for i in reversed(order) if reverse else order:
        init, y = f(init, None if xs is None else xs[i])
        outputs.append(y)
    if reverse:
        outputs.reverse()
    return init, None if outputs and outputs[0] is None else np.stack(outputs)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Return f of each entry along the first axis, stacked."""
    return np.stack([f(x) for x in convert_to_tensor(xs)])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return the same as `map`."""
    if isinstance(elements, list | tuple):
        return np.stack([function(list(items)) for items in zip(*elements, strict=True)])
    return map(function, elements)


def get_item(x: Any, key: Any) -> Any:
    """Return x[key]."""
    return getitem(convert_to_tensor(x), key)
