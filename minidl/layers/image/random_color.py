"""Contrast and brightness changed at random, within the range that pixels can have."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.image.image_layer import check_factor, check_value_range
from minidl.layers.image.random_layer import RandomImageLayer


class RandomContrast(RandomImageLayer):
    """Scales the distance of each pixel from its channel's mean by a random factor in training.

    Forward in training, with f[b] drawn for each image and m[b, c] the mean over its pixels:

        z = m + f (x − m)
        y = z, cut off at both ends of the value range

    At inference y = x. Backward, with g = dy where z was not cut off, else 0, and g's mean over
    the pixels of a channel:

        dx = f g + (1 − f) mean(g)

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis;
        m: (batch, channels); f: (batch,).

    Arguments:
        factor: (lower, upper), each from 0 to 1: f lies between 1 − lower and 1 + upper. A single
            number u is (0, u), as in Keras 3: contrast only grows. Write (u, u) for both ways;
            a pair is put in order.
        value_range: the least and the greatest value of a pixel.
        seed: a non-negative integer; None takes the next child of the root seed.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.array([90.0, 110.0, 250.0, 150.0]).reshape(1, 2, 2, 1)
        >>> RandomContrast((1.0, 1.0), seed=1)(x, training=True).ravel().round(1)
        array([117.5, 128.3, 204.2, 150. ])

    Source: Howard, "Some improvements on deep convolutional neural network based image
    classification", 2013.
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = check_factor("factor", factor, self.name, low=0.0, high=1.0)
        self.value_range = check_value_range(value_range, self.name)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return a factor for each image."""
        low, high = 1 - self.factor[0], 1 + self.factor[1]
        return self.seed_generator.generator.uniform(low, high, (shape[0], 1, 1, 1))

    def apply(self, x: Array, drawn: Array) -> tuple[Array, Residuals]:
        """Return m + f (x − m), within the value range."""
        f = drawn.astype(x.dtype)
        m = x.mean(axis=self.axes(x.ndim), keepdims=True)
        z = x - m
        z *= f
        z += m
        y = np.clip(z, *self.value_range)
        return y, (f, y == z)

    def apply_backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return f g + (1 − f) mean(g)."""
        f, kept = residuals
        g = dy * kept
        return f * g + (1 - f) * g.mean(axis=self.axes(dy.ndim), keepdims=True)


class RandomBrightness(RandomImageLayer):
    """Makes images brighter or darker by a random amount in training.

    Forward in training, with f[b] drawn for each image and (low, high) the value range:

        z = x + f (high − low)
        y = z, cut off at both ends of the value range

    At inference y = x. Backward:

        dx = dy where z was not cut off, else 0

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis; f: (batch,).

    Arguments:
        factor: the least and the greatest f, from −1 (black) to 1 (white); a number u is (−u, u).
        value_range: the least and the greatest value of a pixel.
        seed: a non-negative integer; None takes the next child of the root seed.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.array([0.0, 0.5, 0.9]).reshape(1, 1, 3, 1)
        >>> brighter = RandomBrightness((0.2, 0.2), value_range=(0, 1))
        >>> brighter(x, training=True).ravel()
        array([0.2, 0.7, 1. ])

    Source: Howard, "Some improvements on deep convolutional neural network based image
    classification", 2013.
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = check_factor("factor", factor, self.name, low=-1.0, high=1.0)
        self.value_range = check_value_range(value_range, self.name)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return for each image what is added to it."""
        f = self.seed_generator.generator.uniform(*self.factor, (shape[0], 1, 1, 1))
        return f * (self.value_range[1] - self.value_range[0])

    def apply(self, x: Array, drawn: Array) -> tuple[Array, Residuals]:
        """Return x and what was drawn, within the value range."""
        z = x + drawn.astype(x.dtype)
        y = np.clip(z, *self.value_range)
        return y, y == z

    def apply_backward(self, kept: Residuals, dy: Array) -> Array:
        """Return dy where nothing was cut off."""
        return dy * kept
