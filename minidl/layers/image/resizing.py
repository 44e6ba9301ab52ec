"""Images to one size: stretched, or a window cut out of their middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.image.image_layer import ImageLayer, check_name
from minidl.layers.image.steps import (
    Cut,
    Frame,
    Step,
    cut_out,
    run,
    run_back,
    to_aspect_by_cutting,
    to_aspect_by_framing,
    to_size,
    to_window,
)
from minidl.layers.spatial.interpolation import check_interpolation
from minidl.validation import number, positive_integer


class Resizing(ImageLayer):
    """Resizes images to a given height and width.

    Forward, with M and N the matrices of weights for rows and columns
    (`spatial/interpolation.py`), for each sample and channel:

        y = M x Nᵀ

    Backward:

        dx = Mᵀ dy N

    Integers stay integers: they are resized as floats, rounded, and kept within their type.

    Shapes:
        x: (batch, rows, columns, channels), or one image without the batch axis;
        y: (batch, height, width, channels); M: (height, rows); N: (width, columns). With
        channels_first the channels stand before height and width.

    Arguments:
        height, width: the size of y in pixels.
        interpolation: `"bilinear"` (default), `"nearest"`, `"bicubic"`, `"lanczos3"` or
            `"lanczos5"`.
        crop_to_aspect_ratio: whether margins are first cut off, so that nothing is distorted.
        pad_to_aspect_ratio: whether margins are first added instead.
        fill_mode: how the margins are filled; `"constant"` alone.
        fill_value: the value of a pixel in the margins.
        antialias: whether, where the image becomes smaller, each new pixel is a mean over all
            the old ones that it covers.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, images are to be both cut and padded, or the
            input has other than three or four axes or no pixel.

    Example:
        >>> x = np.array([[0.0, 4.0]]).reshape(1, 1, 2, 1)
        >>> Resizing(1, 4)(x).ravel()
        array([0., 1., 3., 4.])
        >>> Resizing(1, 4)(x.astype("uint8")).dtype.name
        'uint8'

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981; Duchon,
    "Lanczos filtering in one and two dimensions", 1979.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.height = positive_integer("height", height, self.name)
        self.width = positive_integer("width", width, self.name)
        self.interpolation = check_interpolation(interpolation, self.name)
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        self.fill_mode = check_name("fill_mode", fill_mode, ("constant",), self.name)
        self.fill_value = number("fill_value", fill_value, self.name)
        self.antialias = bool(antialias)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(
                f"{self.name}: received crop_to_aspect_ratio=True and pad_to_aspect_ratio=True, "
                "expected at most one of them: margins are either cut off or added."
            )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return M x Nᵀ, of x with its margins cut off or added if that was asked for."""
        floats = x if self.interpolation == "nearest" else as_float(x, self.dtype)
        steps = self._steps(x.shape, float_name(x.dtype.name, self.dtype))
        y = run(steps, floats)
        if y.dtype != x.dtype:
            limits = np.iinfo(x.dtype)
            y = np.clip(np.rint(y), limits.min, limits.max).astype(x.dtype)
        return y, steps

    def backward(self, steps: Residuals, dy: Array) -> Array:
        """Return Mᵀ dy N."""
        return run_back(steps, dy)

    def _steps(self, shape: tuple[int, ...], dtype: str) -> list[Step]:
        axes, size = self.axes_of_pixels(shape), (self.height, self.width)
        first: list[Cut | Frame] = []
        if self.crop_to_aspect_ratio:
            first.append(to_aspect_by_cutting(shape, axes, size))
        elif self.pad_to_aspect_ratio:
            first.append(to_aspect_by_framing(shape, axes, size, self.fill_value))
        for step in first:
            shape = step.new_shape(shape)
        stretched = to_size(shape, axes, size, self.interpolation, dtype, self.antialias)
        return [*first, *stretched]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the new height and width."""
        return self.with_size(input_shape, self.height, self.width)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype


class CenterCrop(ImageLayer):
    """Cuts a window of a given size out of the middle of each image.

    Forward, with a and l what is cut off above and on the left, half of what is too much, rounded
    down:

        y[b, h, w, c] = x[b, a + h, l + w, c]

    Backward:

        dx[b, a + h, l + w, c] = dy[b, h, w, c], and 0 elsewhere

    An image that is too small in height or width is resized, bilinearly, after its margins were
    cut off in the other direction so that nothing is distorted.

    Shapes:
        x: (batch, rows, columns, channels), or one image without the batch axis;
        y: (batch, height, width, channels). With channels_first the channels stand before
        height and width.

    Arguments:
        height, width: the size of y in pixels.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> CenterCrop(2, 2)(x)[0, :, :, 0]
        array([[ 5.,  6.],
               [ 9., 10.]])

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.height = positive_integer("height", height, self.name)
        self.width = positive_integer("width", width, self.name)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return the window in the middle of x."""
        x = as_float(x, self.dtype)
        axes, size = self.axes_of_pixels(x.shape), (self.height, self.width)
        top, left = x.shape[axes[0]] - self.height, x.shape[axes[1]] - self.width
        if top >= 0 and left >= 0:
            steps: list[Step] = [cut_out(x.shape, axes, (top // 2, left // 2), size)]
        else:
            steps = to_window(x.shape, axes, size, x.dtype.name)
        return run(steps, x), steps

    def backward(self, steps: Residuals, dy: Array) -> Array:
        """Return dy in its place, and zeros around."""
        return run_back(steps, dy)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the new height and width."""
        return self.with_size(input_shape, self.height, self.width)
