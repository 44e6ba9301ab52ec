"""Cutting, framing and resizing of images, as steps that are run one after the other.

Each step is linear (but for the frame's colour) and knows its `adjoint`, so whatever is made of
them has its gradient: the adjoints in the opposite order.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from minidl._typing import Array
from minidl.layers.spatial.interpolation import Interpolation, Selection, resizing
from minidl.layers.spatial.spatial import Margins, crop, pad

Axes = tuple[int, int]
Size = tuple[int, int]


class Step(Protocol):
    """What is done to images, and what that needs backwards."""

    def apply(self, x: Array) -> Array: ...

    def adjoint(self, dy: Array) -> Array: ...


class Cut(NamedTuple):
    """Margins cut off."""

    axes: Axes
    margins: Margins

    def apply(self, x: Array) -> Array:
        return crop(x, self.axes, self.margins)

    def adjoint(self, dy: Array) -> Array:
        return pad(dy, self.axes, self.margins)

    def new_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _with_margins(shape, self.axes, self.margins, -1)


class Frame(NamedTuple):
    """Margins added, all of one value."""

    axes: Axes
    margins: Margins
    value: float

    def apply(self, x: Array) -> Array:
        return pad(x, self.axes, self.margins, self.value)

    def adjoint(self, dy: Array) -> Array:
        return crop(dy, self.axes, self.margins)

    def new_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _with_margins(shape, self.axes, self.margins, 1)


class Resize(NamedTuple):
    """One axis resized."""

    axis: int
    resizing: Interpolation | Selection

    def apply(self, x: Array) -> Array:
        return self.resizing.apply(x, self.axis)

    def adjoint(self, dy: Array) -> Array:
        return self.resizing.adjoint(dy, self.axis)


def run(steps: list[Step], x: Array) -> Array:
    """Return x after all steps."""
    for step in steps:
        x = step.apply(x)
    return x


def run_back(steps: list[Step], dy: Array) -> Array:
    """Return dx: the adjoints in the opposite order."""
    for step in reversed(steps):
        dy = step.adjoint(dy)
    return dy


def cut_out(shape: tuple[int, ...], axes: Axes, start: Size, size: Size) -> Cut:
    """Return the step that cuts a window of `size` out of images, with its corner at `start`."""
    (h, w), (top, left), (height, width) = axes, start, size
    vertical = top, shape[h] - top - height
    horizontal = left, shape[w] - left - width
    return Cut(axes, (vertical, horizontal))


def to_size(
    shape: tuple[int, ...], axes: Axes, size: Size, interpolation: str, dtype: str, antialias: bool
) -> list[Step]:
    """Return the steps that stretch images to `size`."""
    return [
        Resize(axis, resizing(shape[axis], new, interpolation, dtype, antialias))
        for axis, new in zip(axes, size, strict=True)
        if shape[axis] != new
    ]


def to_aspect_by_cutting(shape: tuple[int, ...], axes: Axes, size: Size) -> Cut:
    """Return the step that cuts out the largest central window of the proportions of `size`."""
    (height, width), (new_height, new_width) = (shape[axes[0]], shape[axes[1]]), size
    kept_height = max(min(height, width * new_height // new_width), 1)
    kept_width = max(min(width, height * new_width // new_height), 1)
    start = (height - kept_height) // 2, (width - kept_width) // 2
    return cut_out(shape, axes, start, (kept_height, kept_width))


def to_aspect_by_framing(shape: tuple[int, ...], axes: Axes, size: Size, value: float) -> Frame:
    """Return the step that frames images to the proportions of `size`.

    Both sides get the same: for an odd difference the frame stays one row short, as in Keras.
    """
    (height, width), (new_height, new_width) = (shape[axes[0]], shape[axes[1]]), size
    vertical = (max(height, width * new_height // new_width) - height) // 2
    horizontal = (max(width, height * new_width // new_height) - width) // 2
    if vertical > 0:
        horizontal = 0
    return Frame(axes, ((vertical, vertical), (horizontal, horizontal)), value)


def to_window(shape: tuple[int, ...], axes: Axes, size: Size, dtype: str) -> list[Step]:
    """Return the steps to the largest central window of the proportions of `size`, in that size."""
    cut = to_aspect_by_cutting(shape, axes, size)
    return [cut, *to_size(cut.new_shape(shape), axes, size, "bilinear", dtype, antialias=False)]


def _with_margins(
    shape: tuple[int, ...], axes: Axes, margins: Margins, sign: int
) -> tuple[int, ...]:
    new = list(shape)
    for axis, margin in zip(axes, margins, strict=True):
        new[axis] += sign * sum(margin)
    return tuple(new)
