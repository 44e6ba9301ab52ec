"""Pooling layers as they are compared with Keras; integers make ties of maxima."""

from __future__ import annotations

from typing import Any

from .case import Case

SPACE = (9, 8, 5)


def pooling(name: str, ints: bool = False, first: bool = False, **arguments: Any) -> Case:
    space = SPACE[: int(name[-2])]
    if first:
        return Case(name, {**arguments, "data_format": "channels_first"}, (2, 3, *space), ints)
    return Case(name, arguments, (2, *space, 3), ints)


WINDOWED = [
    pooling(f"{kind}Pooling{rank}D", ints, **arguments)
    for kind, ints in (("Average", False), ("Max", False), ("Max", True))
    for rank in (1, 2, 3)
    for arguments in (
        {"pool_size": 2},
        {"pool_size": 2, "first": True},
        {"pool_size": 3, "strides": 2},
        {"pool_size": 2, "strides": 3},
        {"pool_size": 3, "strides": 1, "padding": "same"},
        {"pool_size": 2, "strides": 2, "padding": "same", "first": True},
        {"pool_size": 4, "strides": 3, "padding": "same"},
    )
]
UNEVEN = [
    pooling("MaxPooling2D", ints=True, pool_size=(3, 1), strides=(2, 1), padding="same"),
    pooling("MaxPooling2D"),
    pooling("AveragePooling2D", pool_size=(1, 4), padding="same"),
    pooling("AveragePooling3D", pool_size=(2, 1, 3), strides=(1, 2, 1), first=True),
]
GLOBAL = [
    pooling(f"Global{kind}Pooling{rank}D", ints, first, keepdims=keepdims)
    for kind, ints in (("Average", False), ("Max", False), ("Max", True))
    for rank in (1, 2, 3)
    for first, keepdims in ((False, False), (True, False), (False, True), (True, True))
]
POOLING = [*WINDOWED, *UNEVEN, *GLOBAL]
