"""The margins of a sequence, an image or a volume, cut off."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_data_format
from minidl.layers.spatial.spatial import Margins, SpatialLayer, check_margins, crop, pad


class Cropping(SpatialLayer):
    """What the three croppings share: everything but the number of axes."""

    _margins: Margins

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x without its margins."""
        self.compute_output_shape(x.shape)
        return crop(x, self._axes, self._margins), None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy with zeros where x was cut off."""
        return pad(dy, self._axes, self._margins)

    def resized(self, i: int, length: int) -> int:
        """Return the length without both margins."""
        return length - sum(self._margins[i])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape without the margins."""
        shape = super().compute_output_shape(input_shape)
        if any(size is not None and size < 1 for size in (shape[a] for a in self._axes)):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received an input of shape "
                f"{tuple(input_shape)}, of which cropping={self.cropping} leaves nothing "
                f"(data_format={self.data_format!r}). Cut off less, or feed larger inputs."
            )
        return shape


class Cropping1D(Cropping):
    """Cuts off the first and the last steps of a sequence.

    Forward and backward, with a the number of steps cut off in front:

        y[b, t, c] = x[b, a + t, c]
        dx[b, a + t, c] = dy[b, t, c], and 0 elsewhere

    Shapes:
        x: (batch, steps, channels); y: (batch, steps − before − after, channels).

    Arguments:
        cropping: how many steps in front and at the end: one number for both, or a pair.

    Raises:
        ValueError: if `cropping` is not as above, the input has other than three axes, or
            nothing is left of it.

    Example:
        >>> import numpy as np
        >>> Cropping1D((1, 2))(np.arange(5.0).reshape(1, 5, 1)).ravel()
        array([1., 2.])
    """

    _rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._margins = check_margins("cropping", cropping, 1, self.name)
        self.cropping = self._margins[0]


class Cropping2D(Cropping):
    """Cuts off the margins of an image.

    Forward and backward, with a and l the number of rows above and of columns on the left:

        y[b, h, w, c] = x[b, a + h, l + w, c]
        dx[b, a + h, l + w, c] = dy[b, h, w, c], and 0 elsewhere

    Shapes:
        x: (batch, height, width, channels); y: the same without the margins. With
        channels_first the channels are axis 1.

    Arguments:
        cropping: one number for all four sides; or two, for above and below, left and right; or
            ((above, below), (left, right)).
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than four axes, or
            nothing is left of it.

    Example:
        >>> import numpy as np
        >>> Cropping2D(((1, 0), (0, 2)))(np.arange(8.0).reshape(1, 2, 4, 1)).ravel()
        array([4., 5.])

    Source: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image
    segmentation", 2015.
    """

    _rank = 2

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.cropping = self._margins = check_margins("cropping", cropping, 2, self.name)


class Cropping3D(Cropping):
    """Cuts off the margins of a volume.

    Forward and backward are those of `Cropping2D` with one more axis.

    Shapes:
        x: (batch, depth, height, width, channels); y: the same without the margins. With
        channels_first the channels are axis 1.

    Arguments:
        cropping: one number for all six sides; or one for each axis; or a pair for each.
        data_format: `"channels_last"` (default) or `"channels_first"`.

    Raises:
        ValueError: if an argument is not as above, the input has other than five axes, or
            nothing is left of it.

    Example:
        >>> import numpy as np
        >>> Cropping3D((0, 1, 2))(np.ones((1, 3, 5, 7, 1))).shape
        (1, 3, 3, 3, 1)
    """

    _rank = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.cropping = self._margins = check_margins("cropping", cropping, 3, self.name)
