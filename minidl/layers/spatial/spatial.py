"""What layers share that change the axes of space: which axes these are, and margins on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl._typing import Array, Shape
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer

Margins = tuple[tuple[int, int], ...]
"""How many places there are before and after, for each axis of space."""


class SpatialLayer(Layer):
    """A layer that changes the sizes of the axes of space. Integers stay integers."""

    _rank: int  # how many axes of space there are

    data_format = "channels_last"  # where a layer does not let its user choose

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    @property
    def _axes(self) -> range:
        """The axes of space."""
        first = 1 if self.data_format == "channels_last" else 2
        return range(first, first + self._rank)

    def resized(self, i: int, length: int) -> int:
        """Return how long the i-th axis of space becomes; 0 or less if nothing is left."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with other sizes in space; None stays None."""
        shape = list(input_shape)
        for i, axis in enumerate(self._axes):
            length = input_shape[axis]
            if length is not None:
                shape[axis] = self.resized(i, length)
        return tuple(shape)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype


def check_margins(name: str, value: Any, rank: int, owner: str) -> Margins:
    """Return margins as a pair for each axis: from a number, one for each axis, or pairs.

    Raises:
        ValueError: if `value` is none of these, or a margin is negative or no integer.
    """
    if rank == 1 and _is_pair(value):
        value = (value,)
    items = [value] * rank if _is_margin(value) else value
    if isinstance(items, list | tuple) and len(items) == rank:
        pairs = tuple((m, m) if _is_margin(m) else m for m in items)
        if all(_is_pair(pair) for pair in pairs):
            return tuple((int(before), int(after)) for before, after in pairs)
    forms = "an integer or a pair (before, after)"
    if rank > 1:
        forms = f"an integer, {rank} integers, or {rank} pairs (before, after)"
    raise ValueError(
        f"{owner}: received {name}={value!r}, expected {forms}, none of them negative."
    )


def _is_margin(value: Any) -> bool:
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_integer and int(value) >= 0


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_margin, value))


def crop(x: Array, axes: Sequence[int], margins: Margins) -> Array:
    """Return a view of x without the margins.

    >>> crop(np.arange(5), range(0, 1), ((1, 2),))
    array([1, 2])
    """
    inner = [slice(None)] * x.ndim
    for axis, (before, after) in zip(axes, margins, strict=True):
        inner[axis] = slice(before, x.shape[axis] - after)
    return x[tuple(inner)]


def pad(x: Array, axes: Sequence[int], margins: Margins, value: float = 0.0) -> Array:
    """Return x with margins of zeros, or of another value; `crop` undoes it.

    >>> pad(np.arange(1, 3), range(0, 1), ((1, 2),))
    array([0, 1, 2, 0, 0])
    """
    shape = list(x.shape)
    for axis, margin in zip(axes, margins, strict=True):
        shape[axis] += sum(margin)
    y = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    crop(y, axes, margins)[...] = x
    return y
