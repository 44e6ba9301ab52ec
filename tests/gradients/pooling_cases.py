"""Every pooling layer: window sizes, strides, paddings, data formats."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minidl import layers
from minidl.testing import arrays
from minidl.testing.strategies import sizes

from .trial import Trial, Trials

data_formats = st.sampled_from(["channels_last", "channels_first"])


@st.composite
def space(draw: st.DrawFn, lengths: list[int], data_format: str, unique: bool) -> Any:
    """Arrays with these sizes in space, all numbers different where that matters."""
    batch, channels = draw(sizes(high=2)), draw(sizes(high=2))
    last = data_format == "channels_last"
    shape = (batch, *lengths, channels) if last else (batch, channels, *lengths)
    return draw(arrays(shape, unique=unique))


@st.composite
def windowed(draw: st.DrawFn, cls: type, rank: int, unique: bool) -> Trial:
    """Windows that overlap, tile or leave gaps, and stick out or not; other sizes on each axis."""
    high = {1: 4, 2: 3, 3: 2}[rank]
    per_axis = st.tuples(*[st.integers(1, high)] * rank)
    pool_size, strides = draw(per_axis), draw(st.one_of(st.none(), per_axis))
    padding, data_format = draw(st.sampled_from(["valid", "same"])), draw(data_formats)
    least = pool_size if padding == "valid" else (1,) * rank
    lengths = [draw(st.integers(low, low + high)) for low in least]
    x = draw(space(lengths, data_format, unique))
    return Trial(cls(pool_size, strides, padding, data_format), x)


@st.composite
def everywhere(draw: st.DrawFn, cls: type, rank: int, unique: bool) -> Trial:
    data_format = draw(data_formats)
    lengths = [draw(sizes(high=3)) for _ in range(rank)]
    x = draw(space(lengths, data_format, unique))
    return Trial(cls(data_format=data_format, keepdims=draw(st.booleans())), x)


POOLING: dict[type, Trials] = {
    getattr(layers, f"{kind}Pooling{rank}D"): strategy(
        getattr(layers, f"{kind}Pooling{rank}D"), rank, "Max" in kind
    )
    for kind, strategy in {
        "Average": windowed,
        "GlobalAverage": everywhere,
        "GlobalMax": everywhere,
        "Max": windowed,
    }.items()
    for rank in (1, 2, 3)
}
