"""Image layers for the property tests; the random ones with seeds."""

from __future__ import annotations

from typing import Any

from minidl import layers

from .case import Case

FIRST = {"data_format": "channels_first"}
WIDE = (-1e38, 1e38)  # no pixel is cut off


def case(cls: Any, shape: Any, *args: Any, **arguments: Any) -> Case:
    return Case(lambda **k: cls(*args, **arguments, **k), shape)


IMAGES: dict[str, Case] = {
    "Resizing": case(layers.Resizing, (2, 3, 4, 2), 5, 3),
    "Resizing-nearest": case(layers.Resizing, (2, 3, 4, 2), 2, 7, "nearest"),
    "Resizing-smooth": case(layers.Resizing, (2, 5, 6, 2), 2, 3, "bicubic", antialias=True),
    "Resizing-lanczos": case(layers.Resizing, (2, 2, 4, 3), 3, 5, "lanczos3", **FIRST),
    "Resizing-cropped": case(layers.Resizing, (2, 3, 6, 2), 4, 4, crop_to_aspect_ratio=True),
    "Resizing-padded": case(
        layers.Resizing, (2, 2, 6, 2), 4, 4, pad_to_aspect_ratio=True, fill_value=2.0
    ),
    "CenterCrop": case(layers.CenterCrop, (2, 5, 4, 2), 2, 3),
    "CenterCrop-first": case(layers.CenterCrop, (2, 2, 5, 4), 3, 2, **FIRST),
    "CenterCrop-small": case(layers.CenterCrop, (2, 2, 5, 2), 3, 4),
    "RandomFlip": case(layers.RandomFlip, (4, 3, 2, 2), seed=5),
    "RandomFlip-first": case(layers.RandomFlip, (4, 2, 3, 2), "horizontal", 5, **FIRST),
    "RandomFlip-one": case(layers.RandomFlip, (3, 2, 2), "vertical", seed=2),
    "RandomRotation": case(layers.RandomRotation, (2, 4, 3, 2), 0.4, seed=5),
    "RandomRotation-first": case(
        layers.RandomRotation, (2, 2, 4, 3), 0.4, "constant", seed=5, fill_value=3.0, **FIRST
    ),
    "RandomRotation-one": case(layers.RandomRotation, (3, 4, 2), 0.4, "wrap", "nearest", seed=5),
    "RandomZoom": case(layers.RandomZoom, (2, 4, 3, 2), 0.5, seed=5),
    "RandomZoom-both": case(
        layers.RandomZoom, (2, 4, 3, 2), (0.2, 0.6), (-0.5, 0.0), "nearest", seed=5
    ),
    "RandomTranslation": case(layers.RandomTranslation, (2, 4, 3, 2), 0.5, 0.3, seed=5),
    "RandomTranslation-constant": case(
        layers.RandomTranslation, (2, 2, 4, 3), (0.1, 0.6), 0.3, "constant", seed=5, **FIRST
    ),
    "RandomCrop": case(layers.RandomCrop, (2, 5, 4, 2), 3, 2, seed=5),
    "RandomCrop-first": case(layers.RandomCrop, (2, 2, 5, 4), 3, 2, seed=5, **FIRST),
    "RandomCrop-small": case(layers.RandomCrop, (2, 2, 5, 2), 3, 4, seed=5),
    "RandomContrast": case(layers.RandomContrast, (2, 3, 2, 2), (0.5, 0.7), WIDE, seed=5),
    "RandomContrast-cut": case(layers.RandomContrast, (2, 3, 2, 2), 0.9, (-1, 1), seed=5),
    "RandomContrast-first": case(
        layers.RandomContrast, (2, 2, 3, 2), 0.9, (-1, 1), seed=5, **FIRST
    ),
    "RandomBrightness": case(layers.RandomBrightness, (2, 3, 2, 2), 0.5, (-9, 9), seed=5),
    "RandomBrightness-cut": case(layers.RandomBrightness, (2, 3, 2, 2), 0.5, (-1, 1), seed=5),
}
