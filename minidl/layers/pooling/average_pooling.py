"""Average pooling: of each window, the mean. Its gradient is shared among the window's numbers."""

from __future__ import annotations

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.axes import along
from minidl.layers.pooling.pooling import Pooling
from minidl.layers.pooling.windows import Windows, spread, sums


class AveragePooling(Pooling):
    """What the three average poolings share: everything but the number of axes."""

    def pool(self, x: Array, axis: int, windows: Windows) -> tuple[Array, Residuals]:
        """Return the windows' means along one axis."""
        y = sums(x, axis, windows)
        y *= _shares(windows, axis, x)
        return y, None

    def unpool(self, residuals: Residuals, dy: Array, axis: int, windows: Windows) -> Array:
        """Return for each number its share in the windows that hold it."""
        return spread(dy * _shares(windows, axis, dy), axis, windows)


def _shares(windows: Windows, axis: int, like: Array) -> Array:
    """Return 1 / (how many numbers of the axis a window holds), ready to broadcast."""
    if windows.inside:
        return np.asarray(1 / windows.size, like.dtype)
    shares = 1 / np.array(windows.numbers(), like.dtype)
    return along(shares, [axis], like.ndim)


class AveragePooling1D(AveragePooling):
    """Takes the mean of each window of a sequence.

    Forward, with s the stride, k running over those places of window o that lie within x, and
    nₒ how many these are:

        y[b, o, c] = Σₖ x[b, o s + k, c] / nₒ

    Backward, over the same places:

        dx[b, o s + k, c] += dy[b, o, c] / nₒ           for every o and k

    Shapes:
        x: (batch, steps, channels); y: (batch, windows, channels). With `"valid"` padding
        windows = (steps − pool_size) // strides + 1, with `"same"` it is steps / strides, rounded
        up. With channels_first, (batch, channels, steps) and (batch, channels, windows).

    Arguments:
        pool_size: how many steps a window has.
        strides: how far each window stands from the one before; None is `pool_size`.
        padding: `"valid"`: windows lie within x. `"same"`: they may stick out by equal amounts
            at both ends, by one more at the end if it is odd; what they hold out there does not
            count, in nₒ neither.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than three axes, or no
            window fits into it.

    Example:
        >>> x = np.array([1.0, 5.0, 2.0, 4.0, 3.0]).reshape(1, 5, 1)
        >>> AveragePooling1D(2)(x).ravel(), AveragePooling1D(2, padding="same")(x).ravel()
        (array([3., 3.]), array([3., 3., 3.]))

    Source: LeCun, Boser, Denker and others, "Handwritten digit recognition with a
    back-propagation network", 1990.
    """

    _rank = 1


class AveragePooling2D(AveragePooling):
    """Takes the mean of each window of an image.

    Forward, with s the strides, (k, l) running over those places of window (o, p) that lie within
    x, and n how many these are:

        y[b, o, p, c] = Σₖₗ x[b, o s₀ + k, p s₁ + l, c] / n[o, p]

    Backward, over the same places:

        dx[b, o s₀ + k, p s₁ + l, c] += dy[b, o, p, c] / n[o, p]        for all o, p, k, l

    Shapes:
        x: (batch, height, width, channels); y: (batch, rows, columns, channels), with as many
        rows and columns as `AveragePooling1D` has windows. With channels_first the channels are
        axis 1.

    Arguments:
        pool_size: height and width of a window, or one number for both.
        strides: how far apart windows are, down and across; None is `pool_size`.
        padding: `"valid"` or `"same"`, as in `AveragePooling1D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than four axes, or no
            window fits into it.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> AveragePooling2D(2)(x)[0, :, :, 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]])

    Source: LeCun, Boser, Denker and others, "Handwritten digit recognition with a
    back-propagation network", 1990.
    """

    _rank = 2


class AveragePooling3D(AveragePooling):
    """Takes the mean of each window of a volume.

    Forward and backward are those of `AveragePooling2D` with one more axis.

    Shapes:
        x: (batch, depth, height, width, channels); y: the same with as many places on each axis
        of space as `AveragePooling1D` has windows. With channels_first the channels are axis 1.

    Arguments:
        pool_size: depth, height and width of a window, or one number for all.
        strides: how far apart windows are on each axis; None is `pool_size`.
        padding: `"valid"` or `"same"`, as in `AveragePooling1D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than five axes, or no
            window fits into it.

    Example:
        >>> AveragePooling3D((1, 2, 2))(np.zeros((2, 3, 8, 8, 5))).shape
        (2, 3, 4, 4, 5)

    Source: LeCun, Boser, Denker and others, "Handwritten digit recognition with a
    back-propagation network", 1990.
    """

    _rank = 3
