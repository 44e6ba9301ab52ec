"""Images mirrored at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.image.image_layer import check_name
from minidl.layers.image.random_layer import RandomImageLayer

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """Mirrors each image with probability ½ in training.

    Forward in training, with f[b] drawn for each image, and P the flip (of the columns, of the
    rows, or of both at once, which turns the image upside down):

        y[b] = P x[b]   where f[b], else x[b]

    At inference y = x. Backward, a flip undoing itself:

        dx[b] = P dy[b]   where f[b], else dy[b]

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis.

    Arguments:
        mode: `"horizontal"` (left and right change places), `"vertical"`, or
            `"horizontal_and_vertical"` (default). The last is one draw for both, as in Keras 3.
        seed: a non-negative integer; None takes the next child of the root seed.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1).repeat(4, axis=0)
        >>> RandomFlip("horizontal", seed=3)(x, training=True)[:, 0, :, 0]
        array([[1., 2., 3.],
               [1., 2., 3.],
               [3., 2., 1.],
               [1., 2., 3.]])

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.mode = check_name("mode", mode, MODES, self.name)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return for each image whether it is mirrored."""
        return self.seed_generator.generator.random(shape[0]) <= 0.5

    def apply(self, x: Array, drawn: Array) -> tuple[Array, Residuals]:
        """Return P x for the images that were drawn."""
        vertical, horizontal = self.axes(x.ndim)
        axes = {"vertical": vertical, "horizontal": horizontal}.get(
            self.mode, (vertical, horizontal)
        )
        y = x.copy()
        y[drawn] = np.flip(x[drawn], axis=axes)
        return y, drawn

    def apply_backward(self, drawn: Residuals, dy: Array) -> Array:
        """Return P dy for the images that were drawn: a flip undoes itself."""
        return self.apply(dy, drawn)[0]
