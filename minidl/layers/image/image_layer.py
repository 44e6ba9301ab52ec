"""What the image layers share: one image or a batch of them, data formats, and their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Shape
from minidl.layers.axes import check_data_format
from minidl.layers.dtypes import float_name
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.registry import nearest
from minidl.validation import number

Range = tuple[float, float]


class ImageLayer(Layer):
    """A layer that takes (batch, height, width, channels), or one image without the batch axis."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)

    def axes(self, rank: int) -> tuple[int, int]:
        """Return the axes of height and width in an array of `rank` axes."""
        height = rank - 3 if self.data_format == "channels_last" else rank - 2
        return height, height + 1

    def axes_of_pixels(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the axes of height and width, of images that have at least one pixel.

        Raises:
            ValueError: if they have none.
        """
        height, width = self.axes(len(shape))
        if 0 in (shape[height], shape[width]):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received images of shape {shape}, "
                "which have no pixel. Feed images of at least one row and one column."
            )
        return height, width

    def with_size(self, shape: Shape, height: int, width: int) -> Shape:
        """Return `shape` with another height and width."""
        new = list(shape)
        for axis, size in zip(self.axes(len(shape)), (height, width), strict=True):
            new[axis] = size
        return tuple(new)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


def check_factor(name: str, factor: Any, owner: str, low: float, high: float) -> Range:
    """Return the range that a factor stands for: f means from -f to f, cut off at `low`.

    Arguments:
        low, high: between which the factors must lie.

    Raises:
        ValueError: if `factor` is neither a number nor a pair, or lies outside.
    """
    if isinstance(factor, list | tuple) and len(factor) == 2:
        a, b = (number(name, value, owner, low=low, high=high) for value in factor)
        return (a, b) if a <= b else (b, a)
    if isinstance(factor, int | float | np.number) and not isinstance(factor, bool):
        # Keras takes the size of a single number alone.
        size = number(name, abs(factor), owner, low=0.0, high=high)
        return max(-size, low), size
    raise ValueError(
        f"{owner}: received {name}={factor!r}, expected a number such as 0.2, or a pair (least, "
        f"greatest), between {low:g} and {high:g}."
    )


def check_value_range(value_range: Any, owner: str) -> Range:
    """Return the least and the greatest value that a pixel can have.

    Raises:
        ValueError: if `value_range` is not a pair of numbers that differ.
    """
    if isinstance(value_range, list | tuple) and len(value_range) == 2:
        low, high = sorted(number("value_range", value, owner) for value in value_range)
        if low < high:
            return low, high
    raise ValueError(
        f"{owner}: received value_range={value_range!r}, expected the least and the greatest "
        "value of a pixel, such as (0, 255) or (0, 1)."
    )


def check_name(name: str, value: Any, known: tuple[str, ...], owner: str) -> str:
    """Return `value`.

    Raises:
        ValueError: if it is not among `known`; the message has the nearest one.
    """
    if value not in known:
        raise ValueError(f"{owner}: received {name}={value!r}. {nearest(str(value), list(known))}")
    return str(value)
