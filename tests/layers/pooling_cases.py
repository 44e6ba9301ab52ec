"""Pooling layers for the property tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from minidl import layers

from .case import Case

GLOBAL = {
    f"Global{kind}Pooling{rank}D{suffix}": Case(
        partial(getattr(layers, f"Global{kind}Pooling{rank}D"), **arguments),
        (2, *(3, 2, 4)[:rank], 3),
    )
    for kind in ("Average", "Max")
    for rank in (1, 2, 3)
    for suffix, arguments in {
        "": {},
        "-kept": {"keepdims": True, "data_format": "channels_first"},
    }.items()
}


def windowed(name: str, suffix: str, shape: Any, *args: Any, **arguments: Any) -> dict[str, Case]:
    cls = getattr(layers, name)
    return {f"{name}-{suffix}": Case(partial(cls, *args, **arguments), shape)}


POOLING: dict[str, Case] = GLOBAL
for _kind in ("Average", "Max"):
    POOLING |= (
        windowed(f"{_kind}Pooling1D", "halves", (2, 6, 3), 2)
        | windowed(f"{_kind}Pooling1D", "same", (2, 5, 2), 3, padding="same")
        | windowed(f"{_kind}Pooling1D", "first", (2, 3, 5), 2, 1, data_format="channels_first")
        | windowed(f"{_kind}Pooling1D", "gaps", (2, 7, 2), 2, 3)
        | windowed(f"{_kind}Pooling2D", "halves", (2, 4, 6, 3), 2)
        | windowed(f"{_kind}Pooling2D", "remainder", (2, 5, 5, 2), (2, 3))
        | windowed(f"{_kind}Pooling2D", "overlap", (2, 5, 4, 2), 3, (2, 1))
        | windowed(f"{_kind}Pooling2D", "same", (2, 5, 4, 2), 3, 2, padding="same")
        | windowed(f"{_kind}Pooling2D", "first", (2, 2, 4, 5), 2, data_format="channels_first")
        | windowed(f"{_kind}Pooling2D", "rows", (2, 4, 4, 2), (2, 1))
        | windowed(f"{_kind}Pooling2D", "trivial", (2, 3, 2, 2), 1)
        | windowed(f"{_kind}Pooling3D", "halves", (1, 2, 4, 3, 2), (2, 2, 1))
        | windowed(f"{_kind}Pooling3D", "same", (1, 3, 4, 3, 2), 2, padding="same")
    )
