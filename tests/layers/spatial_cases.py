"""Upsampling, padding and cropping for the property tests."""

from __future__ import annotations

from typing import Any

from minidl import layers

from .case import Case

FIRST = {"data_format": "channels_first"}


def case(cls: Any, shape: Any, *args: Any, **arguments: Any) -> Case:
    return Case(lambda **k: cls(*args, **arguments, **k), shape)


SPATIAL: dict[str, Case] = {
    "UpSampling1D": case(layers.UpSampling1D, (2, 3, 2), 3),
    "UpSampling2D-nearest": case(layers.UpSampling2D, (2, 2, 3, 2), (2, 3)),
    "UpSampling2D-nearest-first": case(layers.UpSampling2D, (2, 2, 2, 3), (2, 1), **FIRST),
    "UpSampling3D": case(layers.UpSampling3D, (1, 2, 2, 3, 2), (2, 1, 3)),
    "ZeroPadding1D": case(layers.ZeroPadding1D, (2, 3, 2), (2, 1)),
    "ZeroPadding1D-first": case(layers.ZeroPadding1D, (2, 2, 3), 1, **FIRST),
    "ZeroPadding2D": case(layers.ZeroPadding2D, (2, 2, 3, 2), ((1, 0), (2, 3))),
    "ZeroPadding2D-first": case(layers.ZeroPadding2D, (2, 2, 2, 3), (1, 2), **FIRST),
    "ZeroPadding3D": case(layers.ZeroPadding3D, (1, 2, 1, 2, 2), ((1, 0), (0, 0), (1, 2))),
    "Cropping1D": case(layers.Cropping1D, (2, 5, 2), (2, 1)),
    "Cropping2D": case(layers.Cropping2D, (2, 3, 4, 2), ((1, 0), (1, 2))),
    "Cropping2D-first": case(layers.Cropping2D, (2, 2, 3, 4), (1, 0), **FIRST),
    "Cropping3D": case(layers.Cropping3D, (1, 3, 2, 4, 2), ((1, 1), (0, 0), (1, 2))),
    **{
        f"UpSampling2D-{name}": case(layers.UpSampling2D, (2, 2, 3, 2), interpolation=name)
        for name in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    },
    "UpSampling2D-bilinear-first": case(
        layers.UpSampling2D, (2, 2, 2, 3), (2, 3), interpolation="bilinear", **FIRST
    ),
}
