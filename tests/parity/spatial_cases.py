"""Upsampling, padding and cropping as they are compared with Keras."""

from __future__ import annotations

from .case import Case

FIRST = {"data_format": "channels_first"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")

SPATIAL = [
    Case("UpSampling1D", {}, (2, 5, 3)),
    Case("UpSampling1D", {"size": 3}, (2, 5, 3)),
    Case("UpSampling3D", {"size": (2, 1, 3)}, (2, 3, 4, 2, 3)),
    Case("UpSampling3D", {"size": 2, **FIRST}, (2, 3, 4, 2, 3)),
    Case("ZeroPadding1D", {}, (2, 5, 3)),
    Case("ZeroPadding1D", {"padding": (2, 0), **FIRST}, (2, 5, 3)),
    Case("ZeroPadding2D", {}, (2, 5, 4, 3)),
    Case("ZeroPadding2D", {"padding": 2, **FIRST}, (2, 3, 5, 4)),
    Case("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, (2, 5, 4, 3)),
    Case("ZeroPadding2D", {"padding": (0, (2, 3))}, (2, 5, 4, 3)),
    Case("ZeroPadding3D", {}, (2, 2, 3, 4, 3)),
    Case("ZeroPadding3D", {"padding": ((1, 0), (2, 3), (0, 1)), **FIRST}, (2, 2, 3, 4, 3)),
    Case("Cropping1D", {}, (2, 5, 3)),
    Case("Cropping1D", {"cropping": (0, 3)}, (2, 5, 3)),
    Case("Cropping2D", {}, (2, 5, 4, 3)),
    Case("Cropping2D", {"cropping": 1, **FIRST}, (2, 3, 5, 4)),
    Case("Cropping2D", {"cropping": ((1, 0), (2, 1))}, (2, 5, 4, 3)),
    Case("Cropping3D", {}, (2, 4, 3, 5, 3)),
    Case("Cropping3D", {"cropping": ((1, 0), (2, 1), (0, 1)), **FIRST}, (2, 3, 4, 4, 4)),
    *(
        Case("UpSampling2D", {"interpolation": interpolation, **arguments}, (2, 5, 4, 3))
        for interpolation in INTERPOLATIONS
        for arguments in ({}, {"size": (3, 1)}, {"size": (2, 5), **FIRST})
    ),
]
