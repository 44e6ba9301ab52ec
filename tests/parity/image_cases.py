"""Image layers as they are compared with Keras; the random ones where they change nothing."""

from __future__ import annotations

from .case import Case

FIRST = {"data_format": "channels_first"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
WIDE = (-100, 100)

IMAGES = [
    *(
        Case("Resizing", {"interpolation": name, **arguments}, shape)
        for name in INTERPOLATIONS
        for arguments, shape in (
            ({"height": 9, "width": 4}, (2, 5, 6, 3)),
            ({"height": 3, "width": 2, "antialias": True}, (2, 7, 9, 3)),
            ({"height": 3, "width": 8, **FIRST}, (2, 3, 7, 5)),
        )
    ),
    Case("Resizing", {"height": 4, "width": 4}, (5, 6, 3)),
    Case("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True}, (2, 9, 6, 3)),
    Case("Resizing", {"height": 3, "width": 7, "crop_to_aspect_ratio": True}, (2, 8, 9, 3)),
    Case("Resizing", {"height": 4, "width": 4, "pad_to_aspect_ratio": True}, (2, 9, 6, 3)),
    Case(
        "Resizing",
        {"height": 3, "width": 7, "pad_to_aspect_ratio": True, "fill_value": 2.0},
        (2, 8, 9, 3),
    ),
    Case("CenterCrop", {"height": 3, "width": 4}, (2, 6, 7, 3)),
    Case("CenterCrop", {"height": 3, "width": 4, **FIRST}, (2, 3, 7, 7)),
    Case("CenterCrop", {"height": 3, "width": 4}, (6, 7, 3)),
    Case("CenterCrop", {"height": 5, "width": 4}, (2, 3, 9, 3)),
    Case("RandomRotation", {"factor": 0.0, "seed": 1}, (2, 5, 4, 3)),
    Case("RandomZoom", {"height_factor": 0.0, "seed": 1}, (2, 5, 4, 3)),
    Case("RandomZoom", {"height_factor": (0.0, 0.0), "width_factor": 0.0, **FIRST}, (2, 3, 5, 4)),
    Case(
        "RandomTranslation",
        {"height_factor": 0.0, "width_factor": (0.0, 0.0), "fill_mode": "constant"},
        (2, 5, 4, 3),
    ),
    Case("RandomContrast", {"factor": 0.0, "value_range": WIDE}, (2, 5, 4, 3)),
    Case("RandomBrightness", {"factor": 0.0, "value_range": WIDE, "seed": 1}, (2, 5, 4, 3)),
]
