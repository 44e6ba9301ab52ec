"""Upsampling, padding and cropping: factors, margins, interpolations, data formats."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minidl import layers
from minidl.testing import arrays
from minidl.testing.strategies import sizes

from .trial import Trial, Trials

INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
data_formats = st.sampled_from(["channels_last", "channels_first"])


@st.composite
def inputs(draw: st.DrawFn, lengths: list[int], data_format: str) -> Any:
    batch, channels = draw(sizes(high=2)), draw(sizes(high=2))
    last = data_format == "channels_last"
    return draw(arrays((batch, *lengths, channels) if last else (batch, channels, *lengths)))


@st.composite
def margins(draw: st.DrawFn, rank: int) -> Any:
    """Margins in the three ways they can be written."""
    kind = draw(st.sampled_from(["one", "each", "pairs"]))
    if kind == "one":
        return draw(st.integers(0, 2))
    one = st.integers(0, 2) if kind == "each" and rank > 1 else st.tuples(*[st.integers(0, 2)] * 2)
    return draw(one) if rank == 1 else tuple(draw(one) for _ in range(rank))


@st.composite
def with_margins(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    data_format = draw(data_formats) if cls is not layers.Cropping1D else "channels_last"
    arguments = {} if cls is layers.Cropping1D else {"data_format": data_format}
    low = 5 if "Cropping" in cls.__name__ else 1  # more than two margins
    lengths = [draw(st.integers(low, low + 1)) for _ in range(rank)]
    return Trial(cls(draw(margins(rank)), **arguments), draw(inputs(lengths, data_format)))


@st.composite
def upsampling(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    data_format = draw(data_formats) if rank > 1 else "channels_last"
    lengths = [draw(sizes(high=3)) for _ in range(rank)]
    x = draw(inputs(lengths, data_format))
    if rank == 1:
        return Trial(cls(draw(st.integers(1, 3))), x)
    arguments = {"interpolation": draw(st.sampled_from(INTERPOLATIONS))} if rank == 2 else {}
    factors = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    return Trial(cls(factors, data_format, **arguments), x)


SPATIAL: dict[type, Trials] = {
    getattr(layers, f"{kind}{rank}D"): strategy(getattr(layers, f"{kind}{rank}D"), rank)
    for kind, strategy in {
        "Cropping": with_margins,
        "UpSampling": upsampling,
        "ZeroPadding": with_margins,
    }.items()
    for rank in (1, 2, 3)
}
