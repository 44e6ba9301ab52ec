"""Zeros around a sequence, an image or a volume."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals
from minidl.layers.axes import check_data_format
from minidl.layers.spatial.spatial import Margins, SpatialLayer, check_margins, crop, pad


class ZeroPadding(SpatialLayer):
    """What the three paddings share: everything but the number of axes."""

    _margins: Margins

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x with zeros around."""
        return pad(x, self._axes, self._margins), None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy where x stood."""
        return crop(dy, self._axes, self._margins)

    def resized(self, i: int, length: int) -> int:
        """Return the length with both margins."""
        return length + sum(self._margins[i])


class ZeroPadding1D(ZeroPadding):
    """Adds zeros before and after a sequence.

    Forward and backward, with a the number of zeros before:

        y[b, a + t, c] = x[b, t, c], and 0 elsewhere
        dx[b, t, c] = dy[b, a + t, c]

    Shapes:
        x: (batch, steps, channels); y: (batch, before + steps + after, channels). With
        channels_first the steps are axis 2.

    Arguments:
        padding: how many zeros before and after: one number for both, or a pair.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than three axes.

    Example:
        >>> import numpy as np
        >>> ZeroPadding1D((2, 1))(np.ones((1, 2, 1))).ravel()
        array([0., 0., 1., 1., 0.])

    Source: LeCun, Boser, Denker and others, "Backpropagation applied to handwritten zip code
    recognition", 1989.
    """

    _rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self._margins = check_margins("padding", padding, 1, self.name)
        self.padding = self._margins[0]


class ZeroPadding2D(ZeroPadding):
    """Adds zeros around an image.

    Forward and backward, with a and l the number of zeros above and on the left:

        y[b, a + h, l + w, c] = x[b, h, w, c], and 0 elsewhere
        dx[b, h, w, c] = dy[b, a + h, l + w, c]

    Shapes:
        x: (batch, height, width, channels); y: the same with the margins added. With
        channels_first the channels are axis 1.

    Arguments:
        padding: one number for all four sides; or two, for above and below, left and right; or
            ((above, below), (left, right)).
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than four axes.

    Example:
        >>> import numpy as np
        >>> ZeroPadding2D(((1, 0), (0, 2)))(np.ones((1, 1, 2, 1)))[0, :, :, 0]
        array([[0., 0., 0., 0.],
               [1., 1., 0., 0.]])

    Source: LeCun, Boser, Denker and others, "Backpropagation applied to handwritten zip code
    recognition", 1989.
    """

    _rank = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.padding = self._margins = check_margins("padding", padding, 2, self.name)


class ZeroPadding3D(ZeroPadding):
    """Adds zeros around a volume.

    Forward and backward are those of `ZeroPadding2D` with one more axis.

    Shapes:
        x: (batch, depth, height, width, channels); y: the same with the margins added. With
        channels_first the channels are axis 1.

    Arguments:
        padding: one number for all six sides; or one for each axis; or a pair for each.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, or the input has other than five axes.

    Example:
        >>> import numpy as np
        >>> ZeroPadding3D((0, 1, 2))(np.ones((1, 3, 3, 3, 1))).shape
        (1, 3, 5, 7, 1)
    """

    _rank = 3

    def __init__(
        self,
        padding: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.padding = self._margins = check_margins("padding", padding, 3, self.name)
