"""Functions that join arrays, and those that part them: each is the other's way back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from minidl.autodiff.dispatch import RULES, Rule, apply, composite
from minidl.autodiff.rules.indexing import getitem


def _concatenate(*arrays: Any, axis: int = 0) -> Any:
    return np.concatenate(arrays, axis=axis)


def _own_part(position: int, g: Any, y: Any, *arrays: Any, axis: int = 0) -> Any:
    """Return the part of g that stands where the array at `position` stood."""
    start = sum(np.shape(a)[axis] for a in arrays[:position])
    stop = start + np.shape(arrays[position])[axis]
    return g[(slice(None),) * (axis % g.ndim) + (slice(start, stop),)]


_RULE = RULES[_concatenate] = Rule(_concatenate, (), _own_part)


@composite(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """Call the rule with an argument for each array."""
    if axis is None:
        return apply(_RULE, [np.ravel(a) for a in arrays], {"axis": 0})
    return apply(_RULE, list(arrays), {"axis": axis})


@composite(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """Write append as concatenate."""
    return np.concatenate([arr, values], axis=axis)


@composite(np.stack)
def stack(arrays: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Write stack as concatenate along a new axis."""
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@composite(np.vstack)
def vstack(tup: Any, dtype: Any = None) -> Any:
    """Write vstack as concatenate."""
    return np.concatenate([np.atleast_2d(a) for a in tup], axis=0)


@composite(np.hstack)
def hstack(tup: Any, dtype: Any = None) -> Any:
    """Write hstack as concatenate."""
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


@composite(np.dstack)
def dstack(tup: Any) -> Any:
    """Write dstack as concatenate."""
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composite(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Write column_stack as concatenate."""
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], axis=1)


@composite(np.block)
def block(arrays: Any) -> Any:
    """Write block as concatenate in concatenate, the innermost lists along the last axis."""
    depth = _depth(arrays)
    rank = max(depth, _rank(arrays))

    def build(item: Any, level: int) -> Any:
        if level == depth:
            return np.reshape(item, (1,) * (rank - np.ndim(item)) + np.shape(item))
        return np.concatenate([build(i, level + 1) for i in item], axis=level - depth)

    return build(arrays, 0)


def _depth(item: Any) -> int:
    return 1 + _depth(item[0]) if isinstance(item, list) else 0


def _rank(item: Any) -> int:
    return max(map(_rank, item)) if isinstance(item, list) else np.ndim(item)


@composite(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Write a split as one index for each part."""
    size = np.shape(ary)[axis]
    if np.ndim(indices_or_sections):
        cuts = [0, *(int(i) for i in indices_or_sections), size]
        bounds = list(pairwise(cuts))
    else:
        parts = [len(p) for p in np.array_split(np.empty(size), indices_or_sections)]
        ends = np.cumsum(parts)
        bounds = [(int(e) - n, int(e)) for e, n in zip(ends, parts, strict=True)]
    before = (slice(None),) * (axis % np.ndim(ary))
    return [getitem(ary, (*before, slice(start, stop))) for start, stop in bounds]


@composite(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Write a split into equal parts as one index for each."""
    size = np.shape(ary)[axis]
    if not np.ndim(indices_or_sections) and size % indices_or_sections:
        raise ValueError(
            f"np.split: an axis of size {size} does not split into {indices_or_sections} equal "
            "parts."
        )
    return array_split(ary, indices_or_sections, axis)


@composite(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Write hsplit as split."""
    return split(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


@composite(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Write vsplit as split."""
    return split(ary, indices_or_sections, 0)


@composite(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Write dsplit as split."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, axis: int = 0) -> Any:
    """Write unstack as one index for each part."""
    before = (slice(None),) * (axis % np.ndim(x))
    return tuple(getitem(x, (*before, i)) for i in range(np.shape(x)[axis]))


if hasattr(np, "unstack"):  # NumPy 2.1
    composite(np.unstack)(unstack)
