"""Arrays and shapes, named by their axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl._typing import Array

Size: TypeAlias = "int | st.SearchStrategy[int]"
"""A number, or a strategy for one."""

MAX_SIDE = 4


def dtypes() -> st.SearchStrategy[str]:
    """Return a strategy for the two float types, as names."""
    return st.sampled_from(["float64", "float32"])


def sizes(size: Size | None = None, low: int = 1, high: int = MAX_SIDE) -> st.SearchStrategy[int]:
    """Return a strategy for a size: the one given, or from `low` to `high`."""
    if size is None:
        return st.integers(low, high)
    return st.just(size) if isinstance(size, int) else size


def shapes(
    min_rank: int = 1, max_rank: int = 4, min_side: int = 1, max_side: int = MAX_SIDE
) -> st.SearchStrategy[tuple[int, ...]]:
    """Return a strategy for shapes, the batch axis included.

    Arguments:
        min_rank, max_rank: the least and the greatest number of axes.
        min_side, max_side: the least and the greatest size of an axis.
    """
    return hnp.array_shapes(
        min_dims=min_rank, max_dims=max_rank, min_side=min_side, max_side=max_side
    )


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Any,
    low: float = -3.0,
    high: float = 3.0,
    *,
    avoid: float | Sequence[float] = (0.0,),
    margin: float = 0.05,
    unique: bool = False,
    dtype: Any = "float64",
) -> Array:
    """Return a strategy for arrays whose values stay off kinks.

    Some arrays are drawn number by number, and shrink to simple ones; others are random as a
    whole, as real data are.

    Arguments:
        shape: a tuple, or a strategy for one.
        low, high: the range of the values.
        avoid: the kinks: a number or several, more than two margins apart.
        margin: how far values stay off them.
        unique: whether all values differ, by a hundredth of the range over the number of values or
            more: for functions that have a kink where two inputs are equal, as a maximum has.
        dtype: a float type, or a strategy for one.
    """
    shape = draw(shape) if isinstance(shape, st.SearchStrategy) else tuple(shape)
    dtype = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    size = int(np.prod(shape))
    if not unique and size <= 24 and draw(st.booleans()):
        x = draw(hnp.arrays(np.float64, shape, elements=st.floats(low, high)))
    else:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        if unique:
            grid = rng.permutation(size) + rng.uniform(0.0, 0.9, size)
            x = (low + (high - low) * grid / max(size, 1)).reshape(shape)
        else:
            x = rng.uniform(low, high, shape)
    return off_kinks(x, avoid, margin).astype(dtype)


def off_kinks(x: Array, avoid: float | Sequence[float], margin: float) -> Array:
    """Return `x` with values near a kink moved beside it, on the side where they are.

    They end up a little more than `margin` off it, and values that differ go on differing.

    >>> off_kinks(np.array([-0.01, 0.0, 0.5]), 0.0, 0.1).round(4).tolist()
    [-0.1001, 0.1, 0.5]
    """
    for kink in np.atleast_1d(np.asarray(avoid, dtype=np.float64)):
        distance = x - kink
        beside = kink + np.copysign(margin, distance) + 0.01 * distance
        x = np.where(np.abs(distance) < margin, beside, x)
    return x


@st.composite
def batches(
    draw: st.DrawFn, features: Size | None = None, batch: Size | None = None, **options: Any
) -> Array:
    """Return a strategy for arrays (batch, features); the options are those of `arrays`."""
    return draw(arrays((draw(sizes(batch)), draw(sizes(features))), **options))


@st.composite
def sequences(
    draw: st.DrawFn,
    timesteps: Size | None = None,
    features: Size | None = None,
    batch: Size | None = None,
    **options: Any,
) -> Array:
    """Return a strategy for arrays (batch, timesteps, features); options as in `arrays`."""
    shape = draw(sizes(batch)), draw(sizes(timesteps)), draw(sizes(features))
    return draw(arrays(shape, **options))


@st.composite
def images(
    draw: st.DrawFn,
    height: Size | None = None,
    width: Size | None = None,
    channels: Size | None = None,
    batch: Size | None = None,
    **options: Any,
) -> Array:
    """Return a strategy for arrays (batch, height, width, channels); options as in `arrays`."""
    shape = (
        draw(sizes(batch, high=2)),
        draw(sizes(height)),
        draw(sizes(width)),
        draw(sizes(channels, high=3)),
    )
    return draw(arrays(shape, **options))


@st.composite
def layer_inputs(
    draw: st.DrawFn, input_shape: Any, batch: Size | None = None, **options: Any
) -> Any:
    """Return a strategy for what a layer takes: one array, or a list of them.

    Arguments:
        input_shape: with the batch axis, as `build` gets it; None stands for any size, and is the
            same batch in every input on axis 0. A list of shapes gives a list of arrays.
        batch: the size of axis 0, where it is None.
        options: those of `arrays`.
    """
    rows = draw(sizes(batch))

    def one(shape: Sequence[int | None]) -> Array:
        first = [rows if size is None else size for size in shape[:1]]
        rest = [draw(sizes()) if size is None else size for size in shape[1:]]
        return draw(arrays((*first, *rest), **options))

    if isinstance(input_shape, list):
        return [one(shape) for shape in input_shape]
    return one(input_shape)
