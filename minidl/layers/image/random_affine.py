"""Images rotated, zoomed and moved at random: three ways to draw the matrix of `affine`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.image.affine import FILL_MODES, INTERPOLATIONS, sample, sample_adjoint
from minidl.layers.image.image_layer import Range, check_factor, check_name
from minidl.layers.image.random_layer import RandomImageLayer
from minidl.layers.spatial.interpolation import check_interpolation
from minidl.validation import number


class RandomAffine(RandomImageLayer):
    """What the three share: sampling at the places that the drawn matrices tell."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.fill_mode = check_name("fill_mode", fill_mode, FILL_MODES, self.name)
        self.interpolation = check_interpolation(interpolation, self.name, INTERPOLATIONS)
        self.fill_value = number("fill_value", fill_value, self.name)

    def _uniform(self, bounds: Range, count: int) -> Array:
        return self.seed_generator.generator.uniform(*bounds, count)

    def _height_and_width(self, shape: tuple[int, ...]) -> tuple[int, int]:
        vertical, horizontal = self.axes(len(shape))
        return shape[vertical], shape[horizontal]

    def apply(self, x: Array, drawn: Array) -> tuple[Array, Residuals]:
        """Return the images, sampled where the matrices tell."""
        y = sample(
            self._channels_first(x), drawn, self.interpolation, self.fill_mode, self.fill_value
        )
        return self._put_back(y), drawn

    def apply_backward(self, drawn: Residuals, dy: Array) -> Array:
        """Return dx: what was read from a pixel comes back to it."""
        dy = self._channels_first(dy)
        return self._put_back(sample_adjoint(dy, drawn, self.interpolation, self.fill_mode))

    def _channels_first(self, x: Array) -> Array:
        first = x if self.data_format == "channels_first" else np.moveaxis(x, -1, 1)
        return np.ascontiguousarray(first)

    def _put_back(self, y: Array) -> Array:
        back = y if self.data_format == "channels_first" else np.moveaxis(y, 1, -1)
        return np.ascontiguousarray(back)


class RandomRotation(RandomAffine):
    """Rotates each image about its centre by a random angle in training.

    Forward in training, with the angle θ drawn evenly from 2π · factor, and (u, v) a place as
    seen from the centre, across and down:

        y at (u, v) = x at (u cos θ − v sin θ, u sin θ + v cos θ)

    so that for θ > 0 the image turns counter-clockwise. x is interpolated between pixels, and
    beyond the borders it is what `fill_mode` says. At inference y = x. Backward: each pixel of dy
    is shared among the pixels that it was interpolated from, with the same weights (`affine.py`).

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis.

    Arguments:
        factor: the least and the greatest angle in full turns, from −1 to 1; a number f is
            (−f, f).
        fill_mode: what is beyond the borders, as in `(… | a b c d | …)`: `"reflect"` (default)
            d c b a | a b c d | d c b a, `"nearest"` a a a a | a b c d | d d d d, `"wrap"`
            a b c d | a b c d | a b c d, `"constant"` `fill_value` everywhere.
        interpolation: `"bilinear"` (default) or `"nearest"`.
        seed: a non-negative integer; None takes the next child of the root seed.
        fill_value: with `"constant"`, the value of a pixel beyond the borders.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
        >>> quarter = RandomRotation((0.25, 0.25))
        >>> quarter(x, training=True)[0, :, :, 0].round(6)
        array([[2., 4.],
               [1., 3.]])

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = check_factor("factor", factor, self.name, low=-1.0, high=1.0)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return a matrix for each image."""
        turns = self._uniform(self.factor, shape[0])
        return self.matrices(2 * math.pi * turns, *self._height_and_width(shape))

    @staticmethod
    def matrices(theta: Array, height: int, width: int) -> Array:
        """Return the matrices that rotate by the angles `theta`, in radians."""
        cos, sin = np.cos(theta), np.sin(theta)
        u, v = (width - 1) / 2, (height - 1) / 2
        right, down = u - u * cos + v * sin, v - u * sin - v * cos
        return np.stack([cos, -sin, right, sin, cos, down], axis=1)


class RandomZoom(RandomAffine):
    """Zooms each image in or out by a random factor in training, its centre staying where it is.

    Forward in training, with 1 + r drawn for the height and 1 + s for the width, and (u, v) a
    place as seen from the centre, across and down:

        y at (u, v) = x at ((1 + s) u, (1 + r) v)

    so that a positive factor shows more of the image, smaller. At inference y = x. Backward: as
    in `RandomRotation`.

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis.

    Arguments:
        height_factor: the least and the greatest r, above −1 and up to 1; a number f is (−f, f).
        width_factor: the same for s; None takes s = r, so that nothing is distorted.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> out = RandomZoom((1.0, 1.0), fill_mode="constant", fill_value=9.0)
        >>> out(x, training=True)[0, :, :, 0]
        array([[ 9. ,  9. ,  9. ,  9. ],
               [ 9. ,  2.5,  4.5,  9. ],
               [ 9. , 10.5, 12.5,  9. ],
               [ 9. ,  9. ,  9. ,  9. ]])

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height_range = self._check("height_factor", height_factor)
        self._width_range = (
            None if width_factor is None else self._check("width_factor", width_factor)
        )

    def _check(self, name: str, factor: Any) -> Range:
        low, high = check_factor(name, factor, self.name, low=-1.0, high=1.0)
        if low == -1:
            raise ValueError(
                f"{self.name}: received {name}={factor!r}, expected factors above -1: at -1 the "
                "whole image would be one point."
            )
        return low, high

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return a matrix for each image."""
        r = self._uniform(self._height_range, shape[0])
        s = r if self._width_range is None else self._uniform(self._width_range, shape[0])
        return self.matrices(1 + r, 1 + s, *self._height_and_width(shape))

    @staticmethod
    def matrices(down: Array, across: Array, height: int, width: int) -> Array:
        """Return the matrices that take steps of `down` and `across` pixels in the old image."""
        u, v, zero = (width - 1) / 2, (height - 1) / 2, np.zeros_like(down)
        return np.stack([across, zero, u * (1 - across), zero, down, v * (1 - down)], axis=1)


class RandomTranslation(RandomAffine):
    """Moves each image by a random part of its size in training.

    Forward in training, with p drawn for the height and q for the width:

        y[b, h, w, c] = x[b] at row h − p · height, column w − q · width

    so that the image moves down for p > 0 and to the right for q > 0. At inference y = x.
    Backward: as in `RandomRotation`.

    Shapes:
        x, y: (batch, height, width, channels), or one image without the batch axis.

    Arguments:
        height_factor: the least and the greatest p, from −1 to 1; a number f is (−f, f).
        width_factor: the same for q.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three or four
            axes.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
        >>> right = RandomTranslation(0.0, (0.25, 0.25), fill_mode="nearest")
        >>> right(x, training=True).ravel()
        array([1., 1., 2., 3.])

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height_range = check_factor("height_factor", height_factor, self.name, -1.0, 1.0)
        self._width_range = check_factor("width_factor", width_factor, self.name, -1.0, 1.0)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return a matrix for each image."""
        height, width = self._height_and_width(shape)
        down = height * self._uniform(self._height_range, shape[0])
        right = width * self._uniform(self._width_range, shape[0])
        return self.matrices(down, right)

    @staticmethod
    def matrices(down: Array, right: Array) -> Array:
        """Return the matrices that move images by so many pixels."""
        one, zero = np.ones_like(down), np.zeros_like(down)
        return np.stack([one, zero, -right, zero, one, -down], axis=1)
