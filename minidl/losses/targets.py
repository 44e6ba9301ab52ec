"""What targets must look like beside predictions: ranks, shapes and values.

Shapes are compared before anything can broadcast: (8, 4) against (8, 1) is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType, Shape

FLOATS = (np.dtype("float32"), np.dtype("float64"))
_CHUNK = 1 << 20  # entries looked at in one go, so that a memory-mapped array is never copied whole


def as_floats(y_pred: Any, dtype: DType | None, owner: str) -> Array:
    """Return predictions as an array of `dtype`, by default of their own float type."""
    y_pred = np.asarray(y_pred)
    if dtype is None and y_pred.dtype in FLOATS:
        return y_pred
    check_numeric(y_pred, "y_pred", owner)
    return y_pred.astype(dtype or config.floatx(), copy=False)


def same_rank(true_shape: Shape, pred_shape: Shape) -> tuple[Shape, Shape]:
    """Return both shapes with a trailing axis of size 1 added or dropped, where one has it more.

    As in Keras, (n,) beside (n, 1) becomes (n, 1), and (n, t) beside (n, t, 1) stays (n, t).

    >>> same_rank((8,), (8, 1)), same_rank((8, 5), (8, 5, 1))
    (((8, 1), (8, 1)), ((8, 5), (8, 5)))
    """
    if len(true_shape) == len(pred_shape) + 1 and true_shape[-1] == 1:
        if len(pred_shape) == 1:
            return true_shape, (*pred_shape, 1)
        return true_shape[:-1], pred_shape
    if len(pred_shape) == len(true_shape) + 1 and pred_shape[-1] == 1:
        if len(true_shape) == 1:
            return (*true_shape, 1), pred_shape
        return true_shape, pred_shape[:-1]
    return true_shape, pred_shape


def agree(true_shape: Shape, pred_shape: Shape) -> bool:
    """Return whether two shapes are the same; None stands for any size."""
    return len(true_shape) == len(pred_shape) and all(
        a == b or a is None or b is None for a, b in zip(true_shape, pred_shape, strict=True)
    )


def without_axis(shape: Shape, axis: int) -> Shape:
    """Return a shape without one of its axes."""
    axis %= max(1, len(shape))
    return (*shape[:axis], *shape[axis + 1 :])


def looks_like_labels(true_shape: Shape, pred_shape: Shape, axis: int) -> bool:
    """Return whether targets seem to hold class numbers where rows of classes are expected."""
    if not pred_shape or pred_shape[axis] == 1:
        return False
    shape = without_axis(pred_shape, axis)
    return agree(true_shape, shape) or agree(true_shape, (*shape, 1))


def align(y_true: Array, y_pred: Array, owner: str) -> tuple[Array, Array]:
    """Return both arrays in the same shape.

    Raises:
        ValueError: if a trailing axis of size 1 is not all that they differ in.
    """
    if y_true.shape != y_pred.shape:
        true_shape, pred_shape = same_rank(y_true.shape, y_pred.shape)
        if true_shape != pred_shape:
            raise shape_error(y_true.shape, y_pred.shape, owner)
        y_true, y_pred = y_true.reshape(true_shape), y_pred.reshape(pred_shape)
    return y_true, y_pred


def shape_error(true_shape: Shape, pred_shape: Shape, owner: str, hint: str = "") -> ValueError:
    """Return the error that says what two shapes are, and how to make them one."""
    if not hint:
        hint = "They are never broadcast. "
        if len(true_shape) == len(pred_shape) and true_shape[:-1] == pred_shape[:-1]:
            hint += f"Give the last layer {true_shape[-1]} units, or reshape y_true."
        else:
            hint += "Reshape y_true, or change the model's last layer."
    return ValueError(
        f"{owner} received y_true of shape {_show(true_shape)} and y_pred of shape "
        f"{_show(pred_shape)}, expected the same shape. {hint}"
    )


def _show(shape: Shape) -> str:
    return str(tuple(shape))


def check_numeric(y: Array, role: str, owner: str) -> None:
    """Refuse text, objects and complex numbers.

    Raises:
        ValueError: if the dtype of `y` is neither float, integer nor bool.
    """
    if y.dtype.kind not in "fiub":
        raise ValueError(
            f"{owner} received {role} of dtype {y.dtype}, expected numbers. Encode names as "
            "integers first, for example names, y = np.unique(y, return_inverse=True)."
        )


def first_offence(y: Array, offends: Callable[[Array], Array]) -> tuple[str, Any] | None:
    """Return where the first entry stands for which `offends` holds, and the entry; or None."""
    if y.ndim == 0:
        y = y.reshape(1)
    rows = max(1, _CHUNK // max(1, y[:1].size))
    for start in range(0, len(y), rows):
        part = y[start : start + rows]
        found = offends(part)
        if found.any():
            row, *rest = (int(i) for i in np.unravel_index(int(found.argmax()), found.shape))
            place = f"row {start + row}" + (f", position {tuple(rest)}" if any(rest) else "")
            return place, part[(row, *rest)].item()
    return None


def check_finite(y: Array, owner: str) -> None:
    """Refuse NaN and infinity, unless `config.set_check_finite(False)` allowed them.

    Raises:
        ValueError: with the first row that has one.
    """
    if y.dtype.kind != "f" or not config.check_finite():
        return
    if (offence := first_offence(y, lambda part: ~np.isfinite(part))) is not None:
        place, value = offence
        raise ValueError(
            f"{owner} received y_true with {value} in {place}, expected finite numbers. Remove or "
            "fill in such rows first."
        )
