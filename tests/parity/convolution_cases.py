"""Convolutional layers as they are compared with Keras."""

from __future__ import annotations

from typing import Any

from .case import Case

SPACE = (9, 8, 5)


def convolution(name: str, channels: int, **arguments: Any) -> Case:
    rank = next(int(letter) for letter in name if letter.isdigit())
    space = SPACE[:rank]
    if arguments.get("data_format") == "channels_first":
        return Case(name, arguments, (2, channels, *space))
    return Case(name, arguments, (2, *space, channels))


FIRST = {"data_format": "channels_first"}

PLAIN = [
    convolution(f"Conv{rank}D", channels, filters=6, **arguments)
    for rank in (1, 2, 3)
    for channels, arguments in (
        (1, {"kernel_size": 3}),
        (3, {"kernel_size": 2, "padding": "same", "activation": "tanh"}),
        (6, {"kernel_size": 3, "strides": 2, "padding": "same"}),
        (6, {"kernel_size": 2, "strides": 3, "use_bias": False}),
        (5, {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
        (6, {"kernel_size": 2, "groups": 3}),
        (6, {"kernel_size": 3, "groups": 6, "padding": "same"}),
        (5, {"kernel_size": 1}),
        (4, {"kernel_size": 2, **FIRST}),
        (6, {"kernel_size": 3, "padding": "same", "strides": 2, "groups": 2, **FIRST}),
    )[:: 1 if rank < 3 else 3]
]
CAUSAL = [
    convolution("Conv1D", 5, filters=3, kernel_size=3, padding="causal", **arguments)
    for arguments in ({}, {"dilation_rate": 2}, {"strides": 2}, FIRST)
]
UNEVEN = [
    convolution("Conv2D", 5, filters=4, kernel_size=(3, 2), strides=(1, 2), padding="same"),
    convolution("Conv2D", 2, filters=4, kernel_size=(1, 5), padding="same"),
    convolution("Conv2D", 2, filters=4, kernel_size=(2, 3), dilation_rate=(3, 1)),
    convolution("Conv2D", 3, filters=4, kernel_size=(9, 8)),
]
TRANSPOSED = [
    convolution(f"Conv{rank}DTranspose", channels, filters=filters, **arguments)
    for rank in (1, 2, 3)
    for channels, filters, arguments in (
        (3, 5, {"kernel_size": 3}),
        (3, 1, {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"}),
        (3, 5, {"kernel_size": 2, "strides": 2, "padding": "same"}),
        (2, 5, {"kernel_size": 3, "strides": 2, "output_padding": 1, "padding": "same"}),
        (2, 5, {"kernel_size": 3, "strides": 3, "output_padding": 2}),
        (2, 2, {"kernel_size": 2, "strides": 3, "padding": "same"}),
        (2, 5, {"kernel_size": 1, "strides": 2, "use_bias": False}),
        (2, 5, {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
        (3, 5, {"kernel_size": 3, "strides": 2, "padding": "same", **FIRST}),
    )[:: 1 if rank < 3 else 3]
]
DEPTHWISE = [
    convolution(f"DepthwiseConv{rank}D", 3, **arguments)
    for rank in (1, 2)
    for arguments in (
        {"kernel_size": 3},
        {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"},
        {"kernel_size": 2, "depth_multiplier": 3, "use_bias": False},
        {"kernel_size": 3, "dilation_rate": 2, "depth_multiplier": 2, "padding": "same"},
        {"kernel_size": 2, "depth_multiplier": 2, **FIRST},
    )
]
SEPARABLE = [
    convolution(f"SeparableConv{rank}D", 3, filters=5, **arguments)
    for rank in (1, 2)
    for arguments in (
        {"kernel_size": 3},
        {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"},
        {"kernel_size": 2, "depth_multiplier": 3, "use_bias": False},
        {"kernel_size": 3, "dilation_rate": 2, "padding": "same", **FIRST},
    )
]
CONVOLUTION = [*PLAIN, *CAUSAL, *UNEVEN, *TRANSPOSED, *DEPTHWISE, *SEPARABLE]
