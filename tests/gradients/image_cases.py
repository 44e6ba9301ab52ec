"""Image layers: sizes, interpolations, fill modes, factors, data formats, one image or a batch."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minidl import layers
from minidl.testing import arrays
from minidl.testing.strategies import sizes

from .trial import Trial, Trials

WIDE = (-1000.0, 1000.0)  # no pixel comes near the ends, where there is a kink
data_formats = st.sampled_from(["channels_last", "channels_first"])
interpolations = st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
seeds = st.integers(0, 1000)
fills = st.sampled_from(["constant", "nearest", "reflect", "wrap"])
samplings = st.sampled_from(["bilinear", "nearest"])
parts = st.floats(-0.7, 0.7)
factors = st.one_of(parts, st.tuples(parts, parts))


@st.composite
def pictures(draw: st.DrawFn, data_format: str) -> Any:
    """A batch of images, or one image."""
    height, width, channels = draw(sizes()), draw(sizes()), draw(sizes(high=2))
    last = data_format == "channels_last"
    shape = (height, width, channels) if last else (channels, height, width)
    return draw(arrays((draw(sizes(high=3)), *shape) if draw(st.booleans()) else shape))


@st.composite
def resizing(draw: st.DrawFn) -> Trial:
    aspect = draw(st.sampled_from([{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": 1}]))
    data_format = draw(data_formats)
    layer = layers.Resizing(
        draw(st.integers(1, 6)),
        draw(st.integers(1, 6)),
        draw(interpolations),
        **aspect,
        fill_value=draw(st.floats(-1, 1)),
        antialias=draw(st.booleans()),
        data_format=data_format,
    )
    return Trial(layer, draw(pictures(data_format)))


@st.composite
def made(draw: st.DrawFn, cls: type, *arguments: Any, **options: Any) -> Trial:
    data_format = draw(data_formats)
    drawn = [draw(argument) for argument in arguments]
    named = {name: draw(option) for name, option in options.items()}
    return Trial(cls(*drawn, data_format=data_format, **named), draw(pictures(data_format)))


def affine(cls: type, *arguments: Any, **options: Any) -> Trials:
    return made(
        cls,
        *arguments,
        fill_mode=fills,
        interpolation=samplings,
        seed=seeds,
        fill_value=st.floats(-2, 2),
        **options,
    )


IMAGES: dict[type, Trials] = {
    layers.CenterCrop: made(layers.CenterCrop, st.integers(1, 5), st.integers(1, 5)),
    layers.RandomBrightness: made(
        layers.RandomBrightness, factors, value_range=st.just(WIDE), seed=seeds
    ),
    layers.RandomContrast: made(
        layers.RandomContrast,
        st.one_of(st.floats(0, 1), st.tuples(st.floats(0, 1), st.floats(0, 1))),
        value_range=st.just(WIDE),
        seed=seeds,
    ),
    layers.RandomCrop: made(layers.RandomCrop, st.integers(1, 5), st.integers(1, 5), seed=seeds),
    layers.RandomFlip: made(
        layers.RandomFlip,
        st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"]),
        seed=seeds,
    ),
    layers.RandomRotation: affine(layers.RandomRotation, factors),
    layers.RandomTranslation: affine(layers.RandomTranslation, factors, factors),
    layers.RandomZoom: affine(
        layers.RandomZoom, factors, width_factor=st.one_of(st.none(), factors)
    ),
    layers.Resizing: resizing(),
}
