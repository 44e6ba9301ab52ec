"""Every convolutional layer: ranks, strides, dilation, groups, paddings, data formats."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minidl import layers
from minidl.testing import arrays
from minidl.testing.strategies import sizes

from .trial import Trial, Trials

HIGH = {1: 4, 2: 3, 3: 2}  # the largest kernel, stride and dilation by rank
data_formats = st.sampled_from(["channels_last", "channels_first"])
smooth = st.sampled_from(["linear", "tanh"])
flags = st.booleans()


@st.composite
def strides_and_dilation(draw: st.DrawFn, rank: int, both: bool) -> dict[str, Any]:
    """Other numbers on each axis; strides and dilation together only where they may be."""
    per_axis = st.tuples(*[st.integers(1, HIGH[rank])] * rank)
    ones = (1,) * rank
    strides, dilation = draw(per_axis), draw(per_axis)
    if not both and draw(flags):
        strides = ones
    elif not both:
        dilation = ones
    return {"strides": strides, "dilation_rate": dilation}


@st.composite
def common(
    draw: st.DrawFn, rank: int, paddings: list[str], both: bool
) -> tuple[dict[str, Any], list[int]]:
    """Arguments that all layers have, and sizes of an input that is large enough for them."""
    kernel = draw(st.tuples(*[st.integers(1, HIGH[rank])] * rank))
    arguments = {
        "kernel_size": kernel,
        **draw(strides_and_dilation(rank, both)),
        "padding": draw(st.sampled_from(paddings)),
        "data_format": draw(data_formats),
        "activation": draw(smooth),
        "use_bias": draw(flags),
        "bias_initializer": "glorot_uniform" if rank > 1 else "ones",
    }
    least = (1,) * rank
    if arguments["padding"] == "valid":
        pairs = zip(kernel, arguments["dilation_rate"], strict=True)
        least = tuple((k - 1) * d + 1 for k, d in pairs)
    lengths = [draw(st.integers(low, low + HIGH[rank])) for low in least]
    return arguments, lengths


@st.composite
def space(draw: st.DrawFn, lengths: list[int], channels: int, data_format: str) -> Any:
    batch = draw(sizes(high=2))
    last = data_format == "channels_last"
    shape = (batch, *lengths, channels) if last else (batch, channels, *lengths)
    return draw(arrays(shape))


@st.composite
def convolution(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    paddings = ["valid", "same", *(["causal"] if rank == 1 else [])]
    arguments, lengths = draw(common(rank, paddings, both=False))
    # Up to four channels take one way through memory, more of them and groups another.
    groups, inside, outside = draw(
        st.sampled_from([(1, 1, 2), (1, 3, 1), (1, 6, 2), (2, 1, 1), (2, 3, 2), (3, 1, 2)])
    )
    x = draw(space(lengths, groups * inside, arguments["data_format"]))
    return Trial(cls(groups * outside, groups=groups, **arguments), x)


@st.composite
def transposed(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    arguments, _ = draw(common(rank, ["valid", "same"], both=False))
    lengths = [draw(st.integers(2, 2 + HIGH[rank])) for _ in range(rank)]
    extra = [st.integers(0, stride - 1) for stride in arguments["strides"]]
    arguments["output_padding"] = draw(st.one_of(st.none(), st.tuples(*extra)))
    filters, channels = draw(st.sampled_from([(1, 2), (3, 1), (6, 2)]))
    x = draw(space(lengths, channels, arguments["data_format"]))
    return Trial(cls(filters, **arguments), x)


@st.composite
def depthwise(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    arguments, lengths = draw(common(rank, ["valid", "same"], both=True))
    multiplier = draw(st.integers(1, 3))
    x = draw(space(lengths, draw(sizes(high=3)), arguments["data_format"]))
    return Trial(cls(depth_multiplier=multiplier, **arguments), x)


@st.composite
def separable(draw: st.DrawFn, cls: type, rank: int) -> Trial:
    arguments, lengths = draw(common(rank, ["valid", "same"], both=True))
    multiplier, filters = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    x = draw(space(lengths, draw(sizes(high=3)), arguments["data_format"]))
    return Trial(cls(filters, depth_multiplier=multiplier, **arguments), x)


CONVOLUTION: dict[type, Trials] = {
    layers.Conv1D: convolution(layers.Conv1D, 1),
    layers.Conv1DTranspose: transposed(layers.Conv1DTranspose, 1),
    layers.Conv2D: convolution(layers.Conv2D, 2),
    layers.Conv2DTranspose: transposed(layers.Conv2DTranspose, 2),
    layers.Conv3D: convolution(layers.Conv3D, 3),
    layers.Conv3DTranspose: transposed(layers.Conv3DTranspose, 3),
    layers.DepthwiseConv1D: depthwise(layers.DepthwiseConv1D, 1),
    layers.DepthwiseConv2D: depthwise(layers.DepthwiseConv2D, 2),
    layers.SeparableConv1D: separable(layers.SeparableConv1D, 1),
    layers.SeparableConv2D: separable(layers.SeparableConv2D, 2),
}
