"""Max pooling: of each window, the largest number. Its gradient goes to that number alone."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals
from minidl.layers.dtypes import as_float
from minidl.layers.pooling.pooling import Pooling
from minidl.layers.pooling.windows import (
    Windows,
    are_planes,
    maxima,
    plane_maxima,
    spread_in_planes,
    spread_to_first,
)


class MaxPooling(Pooling):
    """What the three max poolings share: everything but the number of axes."""

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return y: rectangles at once where that is quicker, else one axis after the other."""
        found = self._windows(x.shape)
        if not are_planes(found):
            return super().forward(x, training)
        x = as_float(x, self.dtype)
        y = plane_maxima(x, found)
        return y, (x, y, found)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dx: dy where the maxima stood, and zeros elsewhere."""
        if isinstance(residuals, list):  # an entry for each axis
            return super().backward(residuals, dy)
        x, y, found = residuals
        return spread_in_planes(x, y, dy, found)

    def pool(self, x: Array, axis: int, windows: Windows) -> tuple[Array, Residuals]:
        """Return the windows' maxima along one axis."""
        y = maxima(x, axis, windows)
        return y, (x, y)

    def unpool(self, residuals: Residuals, dy: Array, axis: int, windows: Windows) -> Array:
        """Return dy where the maxima stood, and zeros elsewhere."""
        x, y = residuals
        return spread_to_first(x, y, dy, axis, windows)


class MaxPooling1D(MaxPooling):
    """Takes the maximum of each window of a sequence.

    Forward, with s the stride and k running over the places of a window:

        y[b, o, c] = maxₖ x[b, o s + k, c]

    Backward, with k* the first place of window o that holds its maximum:

        dx[b, o s + k*, c] += dy[b, o, c]           for every o, the rest being zero

    Shapes:
        x: (batch, steps, channels); y: (batch, windows, channels). With `"valid"` padding
        windows = (steps − pool_size) // strides + 1, with `"same"` it is steps / strides, rounded
        up. With channels_first, (batch, channels, steps) and (batch, channels, windows).

    Arguments:
        pool_size: how many steps a window has.
        strides: how far each window stands from the one before; None is `pool_size`.
        padding: `"valid"`: windows lie within x. `"same"`: they may stick out by equal amounts
            at both ends, by one more at the end if it is odd; what they hold out there does not
            count.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than three axes, or no
            window fits into it.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 5.0, 2.0, 4.0, 3.0]).reshape(1, 5, 1)
        >>> MaxPooling1D(2)(x).ravel(), MaxPooling1D(2, padding="same")(x).ravel()
        (array([5., 4.]), array([5., 4., 3.]))

    Source: Zhou, Chellappa, "Computation of optical flow using a neural network", 1988.
    """

    _rank = 1

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = 2,
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling2D(MaxPooling):
    """Takes the maximum of each window of an image.

    Forward, with s the strides and (k, l) running over the places of a window:

        y[b, o, p, c] = maxₖₗ x[b, o s₀ + k, p s₁ + l, c]

    Backward, with (k*, l*) the first place of window (o, p), row by row, that holds its maximum:

        dx[b, o s₀ + k*, p s₁ + l*, c] += dy[b, o, p, c]        for all o, p, the rest being zero

    Shapes:
        x: (batch, height, width, channels); y: (batch, rows, columns, channels), with as many
        rows and columns as `MaxPooling1D` has windows. With channels_first the channels are
        axis 1.

    Arguments:
        pool_size: height and width of a window, or one number for both.
        strides: how far apart windows are, down and across; None is `pool_size`.
        padding: `"valid"` or `"same"`, as in `MaxPooling1D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than four axes, or no
            window fits into it.

    Example:
        >>> import numpy as np
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> MaxPooling2D()(x)[0, :, :, 0]
        array([[ 5.,  7.],
               [13., 15.]])

    Source: Zhou, Chellappa, "Computation of optical flow using a neural network", 1988; Scherer,
    Müller, Behnke, "Evaluation of pooling operations in convolutional architectures", 2010.
    """

    _rank = 2

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = (2, 2),
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling3D(MaxPooling):
    """Takes the maximum of each window of a volume.

    Forward and backward are those of `MaxPooling2D` with one more axis; the first maximum is the
    first in the order of depth, height, width.

    Shapes:
        x: (batch, depth, height, width, channels); y: the same with as many places on each axis
        of space as `MaxPooling1D` has windows. With channels_first the channels are axis 1.

    Arguments:
        pool_size: depth, height and width of a window, or one number for all.
        strides: how far apart windows are on each axis; None is `pool_size`.
        padding: `"valid"` or `"same"`, as in `MaxPooling1D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than five axes, or no
            window fits into it.

    Example:
        >>> import numpy as np
        >>> MaxPooling3D((1, 2, 2))(np.zeros((2, 3, 8, 8, 5))).shape
        (2, 3, 4, 4, 5)

    Source: Ji, Xu, Yang, Yu, "3D convolutional neural networks for human action recognition",
    2013.
    """

    _rank = 3

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = (2, 2, 2),
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
