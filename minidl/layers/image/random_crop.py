"""Windows cut out of images at random places."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.dtypes import as_float
from minidl.layers.image.random_layer import RandomImageLayer
from minidl.layers.image.steps import Size, Step, cut_out, run, run_back, to_window
from minidl.validation import positive_integer


class RandomCrop(RandomImageLayer):
    """Cuts a window out of the images of a batch, at one random place for all, in training.

    Forward in training, with the corner (a, l) drawn evenly from all places where the window fits:

        y[b, h, w, c] = x[b, a + h, l + w, c]

    Backward:

        dx[b, a + h, l + w, c] = dy[b, h, w, c], and 0 elsewhere

    At inference, and where images are too small, y is the largest central window of the same
    proportions, resized bilinearly. (Keras 3 says so too, and returns the images as they are.)

    Shapes:
        x: (batch, rows, columns, channels), or one image without the batch axis;
        y: (batch, height, width, channels).

    Arguments:
        height, width: the size of y in pixels.
        seed: a non-negative integer; None takes the next child of the root seed.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes or no pixel.

    Example:
        >>> import numpy as np
        >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
        >>> RandomCrop(1, 2, seed=3)(x, training=True).ravel()
        array([2., 3.])

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.height = positive_integer("height", height, self.name)
        self.width = positive_integer("width", width, self.name)

    def draw(self, shape: tuple[int, ...]) -> Size:
        """Return the corner of the window, for images that are large enough."""
        rows, columns = (shape[axis] for axis in self.axes(len(shape)))
        generator = self.seed_generator.generator
        top = generator.integers(rows - self.height, endpoint=True)
        left = generator.integers(columns - self.width, endpoint=True)
        return int(top), int(left)

    def apply(self, x: Array, drawn: Size) -> tuple[Array, Residuals]:
        """Return the window whose corner was drawn."""
        size = self.height, self.width
        steps: list[Step] = [cut_out(x.shape, self.axes(x.ndim), drawn, size)]
        return run(steps, x), steps

    def apply_backward(self, steps: Residuals, dy: Array) -> Array:
        """Return dy in its place, and zeros around."""
        return run_back(steps, dy)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return a random window in training, else the central one."""
        x = as_float(x, self.dtype)
        axes, size = self.axes_of_pixels(x.shape), (self.height, self.width)
        fits = x.shape[axes[0]] >= self.height and x.shape[axes[1]] >= self.width
        if training and fits:
            return self.apply(x, self.draw(x.shape))
        steps = to_window(x.shape, axes, size, x.dtype.name)
        return run(steps, x), steps

    def backward(self, steps: Residuals, dy: Array) -> Array:
        """Return dx, whichever window it was."""
        return run_back(steps, dy)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the new height and width."""
        return self.with_size(input_shape, self.height, self.width)
