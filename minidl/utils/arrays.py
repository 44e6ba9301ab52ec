"""Two transformations of arrays: class numbers to one-hot rows, and vectors to unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.validation import positive_integer


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Return class numbers as one-hot vectors, in `config.floatx()`.

    Arguments:
        x: whole numbers from 0 to `num_classes - 1`, an array of any shape or a list. A last axis
            of length 1 is dropped: labels (batch, 1) are taken as (batch,).
        num_classes: the number of classes; the largest number plus 1 by default.

    Returns:
        An array of zeros and ones with the shape of `x` and an axis of length `num_classes`
        behind it.

    Raises:
        ValueError: if `x` has a number that is not whole, negative or too large, or is empty and
            `num_classes` is not given.
        TypeError: if `x` is not numeric.

    Example:
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]], dtype=float32)
    """
    labels = np.asarray(x)
    if labels.size and labels.dtype.kind not in "biuf":
        raise TypeError(
            f"to_categorical: received labels of dtype {labels.dtype}, expected whole numbers. "
            "Number the classes first: classes, y = np.unique(labels, return_inverse=True)."
        )
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is not None:
        num_classes = positive_integer("num_classes", num_classes, "to_categorical")
    elif labels.size == 0:
        raise ValueError(
            "to_categorical: received no labels, so the number of classes cannot be told. Pass "
            "num_classes."
        )
    _check_labels(labels, num_classes)
    numbers = labels.astype(np.intp).reshape(-1)
    classes = int(numbers.max()) + 1 if num_classes is None else num_classes
    one_hot = np.zeros((len(numbers), classes), config.floatx())
    one_hot[np.arange(len(numbers)), numbers] = 1
    return one_hot.reshape(*labels.shape, classes)


def _check_labels(labels: Array, num_classes: int | None) -> None:
    """Raise a ValueError at the first label that is not a class number."""
    bad = labels < 0
    if num_classes is not None:
        bad |= labels >= num_classes
    if labels.dtype.kind == "f":
        bad |= ~np.isfinite(labels) | (np.floor(labels) != labels)
    if bad.any():
        position = tuple(int(i) for i in np.argwhere(bad)[0])
        most = "" if num_classes is None else f" to {num_classes - 1}"
        raise ValueError(
            f"to_categorical: received the label {labels[position]} at index {list(position)} "
            f"({int(bad.sum())} such labels), expected whole numbers from 0{most}."
        )


def normalize(x: Any, axis: int = -1, order: float = 2) -> Array:
    """Return `x` scaled to vectors of norm 1 along an axis; zero vectors stay zero.

        y = x / ‖x‖ₚ,    ‖x‖ₚ = (Σ |x|ᵖ)^(1/p)

    Arguments:
        x: an array, or what becomes one. float32 and float64 keep their type, everything else
            becomes `config.floatx()`.
        axis: the axis that the vectors lie along.
        order: p, a positive number or `np.inf` (the largest absolute value).

    Raises:
        ValueError: if `order` is not positive, or `x` has no such axis.

    Example:
        >>> normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """
    if isinstance(order, bool) or not isinstance(order, int | float) or not order > 0:
        raise ValueError(
            f"normalize: received order={order!r}, expected a positive number such as 1 or 2, or "
            "np.inf."
        )
    is_float = isinstance(x, np.ndarray | np.generic) and x.dtype.name in ("float32", "float64")
    array = np.asarray(x) if is_float else np.asarray(x, config.floatx())
    if not (isinstance(axis, int | np.integer) and -array.ndim <= axis < array.ndim):
        raise ValueError(
            f"normalize: received axis={axis!r} for an array of shape {array.shape}, expected an "
            f"integer from {-array.ndim} to {array.ndim - 1}."
        )
    # By the largest entry first: squares of large or small numbers leave the range of floats.
    magnitude = np.abs(array)
    largest = magnitude.max(axis=axis, keepdims=True, initial=0)
    largest[largest == 0] = 1
    scaled = array / largest
    if order == np.inf:
        return np.asarray(scaled)
    powers = (magnitude / largest) ** order
    norm = powers.sum(axis=axis, keepdims=True, dtype=array.dtype) ** (1 / order)
    norm[norm == 0] = 1
    return np.asarray(scaled / norm)
