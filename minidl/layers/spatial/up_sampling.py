"""More places: each repeated, or new ones between the old.

To repeat is the counterpart of summing: what `UpSampling` spreads forwards, it gathers backwards,
as a pooling layer does it the other way about.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.axes import check_data_format
from minidl.layers.convolutional.geometry import check_sizes
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.pooling.windows import Windows, sums
from minidl.layers.spatial.interpolation import check_interpolation, resizing
from minidl.layers.spatial.spatial import SpatialLayer


class UpSampling(SpatialLayer):
    """What the three upsamplings share: repeating along each axis, and summing backwards."""

    _factors: tuple[int, ...]

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x with each place repeated."""
        for axis, factor in zip(self._axes, self._factors, strict=True):
            if factor > 1:
                x = np.repeat(x, factor, axis=axis)
        return x, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return for each place the sum of dy over its copies."""
        for axis, factor in zip(self._axes, self._factors, strict=True):
            if factor > 1:
                copies = Windows.along(dy.shape[axis], factor, factor, "valid")
                dy = sums(dy, axis, copies)
        return dy

    def resized(self, i: int, length: int) -> int:
        """Return the length times the factor."""
        return length * self._factors[i]


class UpSampling1D(UpSampling):
    """Repeats each step of a sequence.

    Forward and backward, with s the size and k = 0 … s − 1:

        y[b, s t + k, c] = x[b, t, c]
        dx[b, t, c] = Σₖ dy[b, s t + k, c]

    Shapes:
        x: (batch, steps, channels); y: (batch, size · steps, channels).

    Arguments:
        size: how often each step stands in y.

    Raises:
        ValueError: if `size` is not a positive integer, or the input has other than three axes.

    Example:
        >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).ravel()
        array([1., 1., 2., 2.])
    """

    _rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._factors = check_sizes("size", size, 1, self.name)
        self.size = self._factors[0]


class UpSampling2D(UpSampling):
    """Makes images larger by a whole factor.

    Forward and backward with `"nearest"`, (s, t) being the size, k = 0 … s − 1, l = 0 … t − 1:

        y[b, s h + k, t w + l, c] = x[b, h, w, c]
        dx[b, h, w, c] = Σₖₗ dy[b, s h + k, t w + l, c]

    With another interpolation each axis is multiplied by a matrix of weights, M for the rows and
    N for the columns (`spatial/interpolation.py`), and for each sample and channel:

        y = M x Nᵀ
        dx = Mᵀ dy N

    Shapes:
        x: (batch, height, width, channels); y: (batch, s · height, t · width, channels). With
        channels_first the channels are axis 1. Integers become floats, but for `"nearest"`.

    Arguments:
        size: factors for height and width, or one for both.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than four axes.

    Example:
        >>> x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
        >>> UpSampling2D((1, 2))(x).ravel()
        array([0., 0., 4., 4.])
        >>> UpSampling2D((1, 2), interpolation="bilinear")(x).ravel()
        array([0., 1., 3., 4.])

    Source: Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", 2016.
    """

    _rank = 2

    def __init__(
        self,
        size: int | tuple[int, ...] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.size = self._factors = check_sizes("size", size, 2, self.name)
        self.interpolation = check_interpolation(interpolation, self.name)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return each place repeated, or M x Nᵀ."""
        if self.interpolation == "nearest":
            return super().forward(x, training)
        x = as_float(x, self.dtype)
        steps = []
        for axis, factor in zip(self._axes, self.size, strict=True):
            if factor > 1:
                length = x.shape[axis]
                step = resizing(length, factor * length, self.interpolation, x.dtype)
                x = step.apply(x, axis)
                steps.append((step, axis))
        return x, steps

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return the sums over the copies, or Mᵀ dy N."""
        if self.interpolation == "nearest":
            return super().backward(residuals, dy)
        for step, axis in reversed(residuals):
            dy = step.adjoint(dy, axis)
        return dy

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype; between integers there are floats."""
        nearest = self.interpolation == "nearest"
        return input_dtype if nearest else float_name(input_dtype, self.dtype)


class UpSampling3D(UpSampling):
    """Repeats each place of a volume.

    Forward and backward are those of `UpSampling2D` with `"nearest"` and one more axis.

    Shapes:
        x: (batch, depth, height, width, channels); y: the same with each axis of space as often
        as long as `size` says. With channels_first the channels are axis 1.

    Arguments:
        size: factors for depth, height and width, or one for all.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than five axes.

    Example:
        >>> UpSampling3D((1, 2, 3))(np.ones((2, 4, 4, 4, 1))).shape
        (2, 4, 8, 12, 1)
    """

    _rank = 3

    def __init__(
        self,
        size: int | tuple[int, ...] = (2, 2, 2),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.size = self._factors = check_sizes("size", size, 3, self.name)
