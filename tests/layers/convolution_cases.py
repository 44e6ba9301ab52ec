"""Convolutional layers for the property tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from minidl import layers

from .case import Case


def case(name: str, suffix: str, shape: Any, *args: Any, **arguments: Any) -> dict[str, Case]:
    return {f"{name}-{suffix}": Case(partial(getattr(layers, name), *args, **arguments), shape)}


CONVOLUTION: dict[str, Case] = (
    case("Conv1D", "plain", (2, 5, 3), 2, 3)
    | case("Conv1D", "causal", (2, 5, 6), 2, 2, padding="causal", dilation_rate=2)
    | case("Conv1D", "whole", (2, 3, 2), 4, 3)
    | case("Conv1D", "first", (2, 4, 5), 4, 2, data_format="channels_first", groups=2)
    | case("Conv2D", "few", (2, 4, 5, 2), 3, 2, activation="tanh")
    | case("Conv2D", "many", (2, 4, 5, 6), 3, (2, 3), padding="same")
    | case("Conv2D", "strided", (2, 5, 4, 5), 2, 3, (2, 1), "same")
    | case("Conv2D", "strided-few", (2, 5, 4, 1), 2, 3, 2, "same", use_bias=False)
    | case("Conv2D", "dilated", (1, 5, 4, 5), 2, 2, dilation_rate=(2, 1))
    | case("Conv2D", "groups", (2, 3, 3, 4), 6, 2, groups=2)
    | case("Conv2D", "pointwise", (2, 3, 2, 5), 3, 1)
    | case("Conv2D", "pointwise-few", (2, 3, 2, 2), 3, 1)
    | case("Conv2D", "pointwise-strided", (2, 3, 4, 5), 3, 1, 2)
    | case("Conv2D", "first", (2, 5, 3, 4), 2, 2, data_format="channels_first", activation="tanh")
    | case("Conv2D", "glu", (2, 3, 3, 2), 4, 2, activation="glu")
    | case("Conv3D", "plain", (1, 3, 2, 3, 2), 2, 2)
    | case("Conv3D", "same", (1, 2, 2, 3, 5), 2, (2, 1, 2), (1, 2, 1), "same")
    | case("Conv1DTranspose", "plain", (2, 3, 2), 6, 3, 2)
    | case("Conv1DTranspose", "gaps", (2, 3, 2), 2, 2, 3, "same")
    | case("Conv1DTranspose", "extra", (2, 3, 2), 2, 3, 3, "same", output_padding=2)
    | case("Conv2DTranspose", "plain", (2, 2, 3, 2), 5, 3, 2, activation="tanh")
    | case("Conv2DTranspose", "few", (2, 2, 3, 2), 1, 3, 2, "same")
    | case("Conv2DTranspose", "same", (2, 3, 2, 3), 5, (3, 2), (2, 1), "same")
    | case("Conv2DTranspose", "dilated", (1, 2, 2, 3), 2, 2, dilation_rate=2, use_bias=False)
    | case("Conv2DTranspose", "pointwise", (2, 2, 3, 3), 2, 1)
    | case("Conv2DTranspose", "first", (2, 3, 2, 2), 2, 2, 2, data_format="channels_first")
    | case("Conv3DTranspose", "plain", (1, 2, 1, 2, 2), 2, 2, 2)
    | case("DepthwiseConv1D", "plain", (2, 5, 3), 3)
    | case("DepthwiseConv1D", "double", (2, 5, 2), 2, 2, "same", 2)
    | case("DepthwiseConv2D", "plain", (2, 4, 4, 3), 2, activation="tanh")
    | case("DepthwiseConv2D", "same", (2, 4, 5, 3), 3, 2, "same", use_bias=False)
    | case("DepthwiseConv2D", "first", (2, 2, 4, 3), 2, 1, "valid", 2, "channels_first")
    | case("DepthwiseConv2D", "both", (1, 5, 4, 2), 2, (2, 1), dilation_rate=(1, 2))
    | case("SeparableConv1D", "plain", (2, 5, 3), 2, 3)
    | case("SeparableConv2D", "plain", (2, 4, 4, 2), 3, 2, depth_multiplier=2, activation="tanh")
    | case("SeparableConv2D", "first", (2, 5, 3, 4), 3, 2, 1, "same", "channels_first")
)
