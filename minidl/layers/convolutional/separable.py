"""Separable convolution: first each channel by itself, then all channels of a place together."""

from __future__ import annotations

from typing import Any

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals
from minidl.layers.convolutional import by_channel, shared
from minidl.layers.convolutional.base import ConvolutionalLayer
from minidl.layers.convolutional.geometry import Sizes, Windows, convolution_windows
from minidl.validation import positive_integer


class SeparableConvolution(ConvolutionalLayer):
    """What SeparableConv1D and SeparableConv2D share.

    Forward, with o a window, s its stride, d the dilation, t a tap of the kernel w, · the product
    channel by channel, and f the activation:

        h[o] = Σₜ x[o s + t d] · w[t]
        z = h V + b
        y = f(z)

    Backward:

        dz = f'(z) dy
        dV = Σₒ h[o]ᵀ dz[o]
        db = Σₒ dz[o]
        dh = dz Vᵀ
        dw[t] = Σₒ x[o s + t d] · dh[o]
        dx[o s + t d] += dh[o] · w[t]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer,
            bias_constraint,
            **kwargs,
        )
        self.filters = positive_integer("filters", filters, self.name)
        self.depth_multiplier = positive_integer("depth_multiplier", depth_multiplier, self.name)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def _filters(self, channels: int | None) -> int:
        return self.filters

    def _add_kernels(self, channels: int) -> int:
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        return self.filters

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(h V + b), with h each channel's own convolution."""
        x = self._channels_last(x)
        h = by_channel.correlate(x, self.depthwise_kernel.value, self._windows(x.shape[1:-1]))
        V, places = self.pointwise_kernel.value, _places(h.shape[1:-1])
        z = shared.correlate(h, V, self._bias_value(), places)
        y, activation_residuals = self._activated(z)
        return y, (x, h, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dw, dV and db; return dx, or None where no one needs it."""
        x, h, activation_residuals = residuals
        dz = self._activated_backward(activation_residuals, dy)
        w, V = self.depthwise_kernel.value, self.pointwise_kernel.value
        windows, places = self._windows(x.shape[1:-1]), _places(h.shape[1:-1])
        if self.pointwise_kernel.trainable:
            self.pointwise_kernel.grad, _ = shared.kernel_gradient(h, dz, V, places)
        self._assign_bias(dz)
        if not (need_dx or self.depthwise_kernel.trainable):
            return None
        dh = shared.input_gradient(dz, V, places)
        if self.depthwise_kernel.trainable:
            self.depthwise_kernel.grad = by_channel.kernel_gradient(x, dh, w, windows)
        if not need_dx:
            return None
        return self._channels_as_given(by_channel.input_gradient(dh, w, windows))


def _places(sizes: Sizes) -> Windows:
    """Return windows that see one place each."""
    ones = (1,) * len(sizes)
    return convolution_windows(sizes, ones, ones, ones, "valid")


class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution over sequences, and then a Dense layer at each step.

    Forward, with s = strides, d = dilation_rate, t the place in the kernel, x padded with zeros
    and f the activation. Channel c m + j of h is kernel j of channel c, of m = depth_multiplier:

        h[n, o, c m + j] = Σₜ x[n, o s + t d, c] w[t, c, j]
        z = h V + b
        y = f(z)

    Backward:

        dz = f'(z) dy
        dV = Σₙₒ h[n, o]ᵀ dz[n, o]
        db = Σₙₒ dz[n, o]
        dh = dz Vᵀ
        dw[t, c, j] = Σₙₒ x[n, o s + t d, c] dh[n, o, c m + j]
        dx[n, o s + t d, c] += Σⱼ dh[n, o, c m + j] w[t, c, j]      for all o, t

    Shapes:
        x: (batch, steps, channels); h: (batch, windows, channels · m); y: (batch, windows,
        filters); depthwise_kernel w: (kernel_size, channels, m); pointwise_kernel V:
        (1, channels · m, filters); bias b: (filters,).
        With channels_first, channels and filters stand behind the batch in x and y.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: how many steps a window sees, a positive integer.
        strides: steps from one window to the next, 1 by default.
        padding: `"valid"` (default) or `"same"`, as in `Conv1D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: steps between two that a window sees, 1 by default.
        depth_multiplier: the number of kernels of each channel, 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        depthwise_initializer, pointwise_initializer, bias_initializer: how w, V and b start,
            Glorot uniform and zeros.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties on w, V and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        depthwise_constraint, pointwise_constraint, bias_constraint: applied to w, V and b after
            each update.

    Raises:
        ValueError: if an argument is not as above, or no window fits into the padded input.

    Example:
        >>> import numpy as np
        >>> SeparableConv1D(3, 4, strides=3, depth_multiplier=2)(np.ones((4, 10, 12))).shape
        (4, 3, 3)

    Source: Sifre, "Rigid-motion scattering for image classification", 2014; Chollet, "Xception:
    deep learning with depthwise separable convolutions", 2017.
    """

    rank = 1


class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution over images, and then a Dense layer at each place.

    It stands in for a `Conv2D` with far fewer weights: k² c + c f instead of k² c f, for a kernel
    of k by k places, c channels and f filters. Forward, with (s, s') the strides, (d, d') the
    dilation, (t, t') the place in the kernel, x padded with zeros and f the activation. Channel
    c m + k of h is kernel k of channel c, of m = depth_multiplier:

        h[n, i, j, c m + k] = Σ x[n, i s + t d, j s' + t' d', c] w[t, t', c, k]
        z = h V + b
        y = f(z)

    Backward:

        dz = f'(z) dy
        dV = Σₙᵢⱼ h[n, i, j]ᵀ dz[n, i, j]
        db = Σₙᵢⱼ dz[n, i, j]
        dh = dz Vᵀ
        dw[t, t', c, k] = Σₙᵢⱼ x[n, i s + t d, j s' + t' d', c] dh[n, i, j, c m + k]
        dx[n, i s + t d, j s' + t' d', c] += Σₖ dh[n, i, j, c m + k] w[t, t', c, k]

    Shapes:
        x: (batch, height, width, channels); h: (batch, rows, columns, channels · m), one place for
        each window; y: (batch, rows, columns, filters); depthwise_kernel w: (*kernel_size,
        channels, m); pointwise_kernel V: (1, 1, channels · m, filters); bias b: (filters,).
        With channels_first, channels and filters stand behind the batch in x and y.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: height and width of a window, a positive integer or two.
        strides: places from one window to the next, an integer or two; 1 by default.
        padding: `"valid"` (default) or `"same"`, as in `Conv2D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: places between two that a window sees, an integer or two; 1 by default.
        depth_multiplier: the number of kernels of each channel, 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        depthwise_initializer, pointwise_initializer, bias_initializer: how w, V and b start,
            Glorot uniform and zeros.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties on w, V and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        depthwise_constraint, pointwise_constraint, bias_constraint: applied to w, V and b after
            each update.

    Raises:
        ValueError: if an argument is not as above, or no window fits into the padded input.

    Example:
        >>> import numpy as np
        >>> layer = SeparableConv2D(16, 3, padding="same")
        >>> layer(np.ones((2, 8, 8, 4))).shape
        (2, 8, 8, 16)
        >>> [w.shape for w in layer.weights]
        [(3, 3, 4, 1), (1, 1, 4, 16), (16,)]

    Source: Sifre, "Rigid-motion scattering for image classification", 2014; Chollet, "Xception:
    deep learning with depthwise separable convolutions", 2017.
    """

    rank = 2
