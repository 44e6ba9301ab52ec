"""How heads stand in arrays: last but one where features are made, in front where they attend.

        (batch, time, heads, size)  ──split──►  (batch, heads, time, size)

`split` gives views, and products are written where they belong, so that nothing is copied.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from minidl._typing import Array


class Heads(Protocol):
    """The way from (batch, ..., heads, size) to arrays whose last two axes attend, and back."""

    def split(self, x: Array) -> Array:
        """Return x as (..., attended, size)."""
        ...

    def product(self, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        """Return a b, for a and b as `split` gives them, in the `shape` that x had."""
        ...


class HeadsOverAxes:
    """Heads that attend over one axis of x, or over several as if they were one.

    Arguments:
        axes: the axes of x that attend; the other axes but the last two are free.
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def split(self, x: Array) -> Array:
        """Return x as (batch, free axes, heads, attended, size)."""
        moved = self._moved(x)
        lead = moved.shape[: x.ndim - len(self.axes) - 1]
        attended = math.prod(x.shape[axis] for axis in self.axes)
        return moved.reshape(*lead, attended, x.shape[-1])

    def product(self, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        """Return a b in the layout of x."""
        result = np.empty(shape, a.dtype)
        view = self.split(result)
        if np.may_share_memory(view, result):
            np.matmul(a, b, out=view)
        else:  # axes that do not lie next to each other
            moved = self._moved(result)
            moved[...] = np.matmul(a, b).reshape(moved.shape)
        return result

    def _moved(self, x: Array) -> Array:
        heads = x.ndim - 2
        free = [axis for axis in range(1, heads) if axis not in self.axes]
        return x.transpose(0, *free, heads, *self.axes, heads + 1)


class GroupedHeads:
    """The heads of queries, in groups that look at the same keys.

    Arguments:
        groups: the number of groups.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def split(self, x: Array) -> Array:
        """Return x as (batch, groups, heads of each, time, size)."""
        batch, time, heads, size = x.shape
        grouped = x.reshape(batch, time, self.groups, heads // self.groups, size)
        return grouped.transpose(0, 2, 3, 1, 4)

    def product(self, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        """Return a b in the layout of x."""
        result = np.empty(shape, a.dtype)
        np.matmul(a, b, out=self.split(result))
        return result


class SharedHeads:
    """The heads of keys and values, each of which a whole group of queries looks at."""

    def split(self, x: Array) -> Array:
        """Return x as (batch, groups, 1, time, size)."""
        return x.transpose(0, 2, 1, 3)[:, :, np.newaxis]

    def product(self, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        """Return a b in the layout of x, added up over the queries of a group."""
        # Queries of a group and their time steps are summed over alike: one longer product.
        batch, groups, each, keys, steps = a.shape
        rows = a.swapaxes(-1, -2).reshape(batch, groups, each * steps, keys)
        columns = b.reshape(batch, groups, each * steps, b.shape[-1])
        result = np.empty(shape, a.dtype)
        np.matmul(rows.swapaxes(-1, -2), columns, out=result.transpose(0, 2, 1, 3))
        return result
