"""Global pooling: all of space becomes one number a channel, its mean or its maximum.

Space is first seen as one axis of places, whatever its rank.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_data_format
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.layers.masks import leads


class GlobalPooling(Layer):
    """What the global poolings share: arguments, shapes, and how space becomes one axis."""

    _rank: int  # how many axes of space there are

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    @property
    def _channels_last(self) -> bool:
        return self.data_format == "channels_last"

    @property
    def _places_axis(self) -> int:
        return 1 if self._channels_last else 2

    def _batch_and_channels(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return shape[0], shape[-1 if self._channels_last else 1]

    def _places(self, x: Array) -> Array:
        """Return x in floats, with one axis for all of space."""
        self.compute_output_shape(x.shape)
        first = self._places_axis
        space = math.prod(x.shape[first : first + self._rank])
        shape = (*x.shape[:first], space, *x.shape[first + self._rank :])
        return as_float(x, self.dtype).reshape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, channels); with `keepdims` also an axis of size 1 for each of space."""
        first = self._places_axis
        space = input_shape[first : first + self._rank]
        if 0 in space:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received an input of shape "
                f"{tuple(input_shape)}, whose sizes in space are {space}: nothing is there to be "
                "pooled. Feed inputs of at least one place on each axis."
            )
        ones = (1,) * self._rank if self.keepdims else ()
        return (*input_shape[:first], *ones, *input_shape[first + self._rank :])

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


class GlobalAveragePooling(GlobalPooling):
    """What the three global averages share: a mean is a product with weights that sum to 1."""

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return the mean over space."""
        places = self._places(x)
        count = places.shape[self._places_axis]
        return self._average(places, np.full((1, count), 1 / count, places.dtype), x.shape)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return w dy for each place."""
        w, shape = residuals
        dy = dy.reshape(self._batch_and_channels(shape))
        dx = w[:, :, None] * dy[:, None, :] if self._channels_last else dy[:, :, None] * w[:, None]
        return dx.reshape(shape)

    def _average(self, places: Array, w: Array, shape: tuple[int, ...]) -> tuple[Array, Residuals]:
        """Return Σ w x over the places, where `w` has a row for each sample, or one for all."""
        y = np.zeros(self._batch_and_channels(shape), places.dtype)
        for start in range(0, w.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            if self._channels_last:
                y += np.matmul(w[:, None, block], places[:, block])[:, 0, :]
            else:
                y += np.matmul(places[:, :, block], w[:, block, None])[:, :, 0]
        return y.reshape(self.compute_output_shape(shape)), (w, shape)


_BLOCK = 1024  # places that one product sums: few enough for float32 to keep its digits


class GlobalAveragePooling1D(GlobalAveragePooling):
    """Takes the mean over all steps of a sequence, those alone that a mask marks.

    Forward, with m the mask (1 everywhere without one) and t running over the steps:

        w[b, t] = m[b, t] / Σₜ m[b, t]
        y[b, c] = Σₜ w[b, t] x[b, t, c]

    Backward:

        dx[b, t, c] = w[b, t] dy[b, c]

    The mask ends here: the output has none. A sample whose steps are all masked gives zeros,
    where Keras divides zero by zero.

    Shapes:
        x: (batch, steps, channels), or (batch, channels, steps) with channels_first;
        m: (batch, steps); y: (batch, channels), with `keepdims` as x with one step.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axis of steps stays, with size 1.

    Raises:
        ValueError: if `data_format` is neither, the input has other than three axes or no step,
            or a mask has another shape.

    Example:
        >>> x = np.array([[[1.0], [3.0], [8.0]]])
        >>> GlobalAveragePooling1D()(x)
        array([[4.]])
        >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
        array([[2.]])

    Source: Lin, Chen, Yan, "Network in network", 2013.
    """

    _rank = 1
    supports_masking = True

    def forward(
        self, x: Array, training: bool = False, mask: Array | None = None
    ) -> tuple[Array, Residuals]:
        """Return the mean over the steps that count."""
        if mask is None:
            return super().forward(x, training)
        places = self._places(x)
        m = np.asarray(mask, dtype=bool)
        if m.shape != (len(x), x.shape[self._places_axis]):
            raise ValueError(
                f"Layer {self.name!r} (GlobalAveragePooling1D) received a mask of shape {m.shape} "
                f"for an input of shape {x.shape}, expected (batch, steps) = "
                f"{(len(x), x.shape[self._places_axis])}."
            )
        w = m.astype(places.dtype)
        w /= np.maximum(w.sum(axis=1, keepdims=True), 1)
        # What is masked may be anything, NaN too, and a product with 0 would not hide that.
        places = np.where(np.expand_dims(m, 3 - self._places_axis), places, 0)
        return self._average(places, w, x.shape)

    def mask_fits(self, mask_shape: Shape, input_shape: Shape) -> bool:
        """Return whether a mask has a truth value for each step, wherever the steps' axis is."""
        return leads(mask_shape, (input_shape[0], input_shape[self._places_axis]))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: there are no steps left to be masked."""


class GlobalAveragePooling2D(GlobalAveragePooling):
    """Takes the mean over all of an image, channel by channel.

    Forward and backward, with n = height · width:

        y[b, c] = Σₕᵥ x[b, h, v, c] / n
        dx[b, h, v, c] = dy[b, c] / n

    Shapes:
        x: (batch, height, width, channels), or (batch, channels, height, width);
        y: (batch, channels), with `keepdims` as x with height and width 1.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axes of space stay, with size 1.

    Raises:
        ValueError: if `data_format` is neither, or the input has other than four axes, or an axis
            of space has size 0.

    Example:
        >>> GlobalAveragePooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
        array([[3., 4.]])

    Source: Lin, Chen, Yan, "Network in network", 2013.
    """

    _rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    """Takes the mean over all of a volume, channel by channel.

    Forward and backward are those of `GlobalAveragePooling2D`, with n = depth · height · width.

    Shapes:
        x: (batch, depth, height, width, channels), or (batch, channels, depth, height, width);
        y: (batch, channels), with `keepdims` as x with one place.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axes of space stay, with size 1.

    Raises:
        ValueError: if `data_format` is neither, or the input has other than five axes, or an axis
            of space has size 0.

    Example:
        >>> GlobalAveragePooling3D(keepdims=True)(np.ones((2, 3, 4, 5, 6))).shape
        (2, 1, 1, 1, 6)

    Source: Lin, Chen, Yan, "Network in network", 2013.
    """

    _rank = 3


class GlobalMaxPooling(GlobalPooling):
    """What the three global maxima share. Equal maxima share the gradient, as in Keras."""

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return the maximum over space."""
        places = self._places(x)
        y = places.max(axis=self._places_axis, keepdims=True)
        return y.reshape(self.compute_output_shape(x.shape)), (places, y, x.shape)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy where the maxima stood, divided by how many they are."""
        places, y, shape = residuals
        is_max = places == y
        n = np.count_nonzero(is_max, axis=self._places_axis, keepdims=True)
        share = dy.reshape(y.shape) / np.maximum(n, 1).astype(dy.dtype)
        return (is_max * share).reshape(shape)


class GlobalMaxPooling1D(GlobalMaxPooling):
    """Takes the maximum over all steps of a sequence, channel by channel.

    Forward, with t running over the steps:

        y[b, c] = maxₜ x[b, t, c]

    Backward, with n[b, c] the number of steps that hold the maximum, usually 1:

        dx[b, t, c] = dy[b, c] / n[b, c]   where x[b, t, c] = y[b, c], else 0

    Shapes:
        x: (batch, steps, channels), or (batch, channels, steps) with channels_first;
        y: (batch, channels), with `keepdims` as x with one step.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axis of steps stays, with size 1.

    Raises:
        ValueError: if `data_format` is neither, or the input has other than three axes or no step.

    Example:
        >>> GlobalMaxPooling1D()(np.array([[[1.0, 7.0], [3.0, 2.0]]]))
        array([[3., 7.]])

    Source: Collobert, Weston, Bottou and others, "Natural language processing (almost) from
    scratch", 2011.
    """

    _rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """Takes the maximum over all of an image, channel by channel.

    Forward and backward, with n[b, c] the number of places that hold the maximum, usually 1:

        y[b, c] = maxₕᵥ x[b, h, v, c]
        dx[b, h, v, c] = dy[b, c] / n[b, c]   where x[b, h, v, c] = y[b, c], else 0

    Shapes:
        x: (batch, height, width, channels), or (batch, channels, height, width);
        y: (batch, channels), with `keepdims` as x with height and width 1.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axes of space stay, with size 1.

    Raises:
        ValueError: if `data_format` is neither, or the input has other than four axes, or an axis
            of space has size 0.

    Example:
        >>> GlobalMaxPooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
        array([[6., 7.]])

    Source: Oquab, Bottou, Laptev, Sivic, "Is object localization for free?", 2015.
    """

    _rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    """Takes the maximum over all of a volume, channel by channel.

    Forward and backward are those of `GlobalMaxPooling2D` with one more axis.

    Shapes:
        x: (batch, depth, height, width, channels), or (batch, channels, depth, height, width);
        y: (batch, channels), with `keepdims` as x with one place.

    Arguments:
        data_format: `"channels_last"` (default) or `"channels_first"`.
        keepdims: whether the axes of space stay, with size 1.

    Raises:
        ValueError: if `data_format` is neither, or the input has other than five axes, or an axis
            of space has size 0.

    Example:
        >>> GlobalMaxPooling3D(keepdims=True)(np.ones((2, 3, 4, 5, 6))).shape
        (2, 1, 1, 1, 6)

    Source: Oquab, Bottou, Laptev, Sivic, "Is object localization for free?", 2015.
    """

    _rank = 3
