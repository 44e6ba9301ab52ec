"""Depthwise convolution: each channel has kernels of its own and sees no other channel."""

from __future__ import annotations

from typing import Any

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals
from minidl.layers.convolutional import by_channel
from minidl.layers.convolutional.base import ConvolutionalLayer
from minidl.validation import positive_integer


class DepthwiseConvolution(ConvolutionalLayer):
    """What DepthwiseConv1D and DepthwiseConv2D share.

    Forward, with o a window, s its stride, d the dilation, t a tap of the kernel, · the product
    channel by channel, and f the activation:

        z[o] = b + Σₜ x[o s + t d] · w[t]
        y = f(z)

    Backward:

        dz = f'(z) dy
        dw[t] = Σₒ x[o s + t d] · dz[o]
        db = Σₒ dz[o]
        dx[o s + t d] += dz[o] · w[t]
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
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
        self.depth_multiplier = positive_integer("depth_multiplier", depth_multiplier, self.name)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def _filters(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def _add_kernels(self, channels: int) -> int:
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        return channels * self.depth_multiplier

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(Σ x · w + b)."""
        x = self._channels_last(x)
        z = by_channel.correlate(x, self.kernel.value, self._windows(x.shape[1:-1]))
        if self.bias is not None:
            z += self.bias.value
        y, activation_residuals = self._activated(z)
        return y, (x, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dw and db; return dx, or None where no one needs it."""
        x, activation_residuals = residuals
        dz = self._activated_backward(activation_residuals, dy)
        windows = self._windows(x.shape[1:-1])
        w = self.kernel.value
        if self.kernel.trainable:
            self.kernel.grad = by_channel.kernel_gradient(x, dz, w, windows)
        self._assign_bias(dz)
        if not need_dx:
            return None
        return self._channels_as_given(by_channel.input_gradient(dz, w, windows))


class DepthwiseConv1D(DepthwiseConvolution):
    """A convolution over sequences in which each channel is on its own.

    Forward, with s = strides, d = dilation_rate, t the place in the kernel, x padded with zeros
    and f the activation. Output channel c m + j is kernel j of channel c, of m = depth_multiplier:

        z[n, o, c m + j] = b[c m + j] + Σₜ x[n, o s + t d, c] w[t, c, j]
        y = f(z)

    Backward:

        dz = f'(z) dy
        dw[t, c, j] = Σₙₒ x[n, o s + t d, c] dz[n, o, c m + j]
        db = Σₙₒ dz[n, o]
        dx[n, o s + t d, c] += Σⱼ dz[n, o, c m + j] w[t, c, j]      for all o, t

    Shapes:
        x: (batch, steps, channels); y: (batch, windows, channels · m); kernel w: (kernel_size,
        channels, m); bias b: (channels · m,).
        With channels_first, the channels stand behind the batch in x and y.

    Arguments:
        kernel_size: how many steps a window sees, a positive integer.
        strides: steps from one window to the next, 1 by default.
        padding: `"valid"` (default) or `"same"`, as in `Conv1D`.
        depth_multiplier: the number of kernels of each channel, 1 by default.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: steps between two that a window sees, 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        depthwise_initializer, bias_initializer: how w and b start, Glorot uniform and zeros.
        depthwise_regularizer, bias_regularizer: penalties on w and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        depthwise_constraint, bias_constraint: applied to w and b after each update.

    Raises:
        ValueError: if an argument is not as above, or no window fits into the padded input.

    Example:
        >>> import numpy as np
        >>> x = np.arange(6.0).reshape(1, 3, 2)
        >>> DepthwiseConv1D(2, depthwise_initializer="ones")(x)[0].tolist()
        [[2.0, 4.0], [6.0, 8.0]]

    Source: Sifre, "Rigid-motion scattering for image classification", 2014; Howard et al.,
    "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017.
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """A convolution over images in which each channel is on its own.

    Forward, with (s, s') the strides, (d, d') the dilation, (t, t') the place in the kernel, x
    padded with zeros and f the activation. Output channel c m + k is kernel k of channel c, of
    m = depth_multiplier:

        z[n, i, j, c m + k] = b[c m + k] + Σ x[n, i s + t d, j s' + t' d', c] w[t, t', c, k]
        y = f(z)

    The sum runs over t and t' alone: no channel sees another. Backward:

        dz = f'(z) dy
        dw[t, t', c, k] = Σₙᵢⱼ x[n, i s + t d, j s' + t' d', c] dz[n, i, j, c m + k]
        db = Σₙᵢⱼ dz[n, i, j]
        dx[n, i s + t d, j s' + t' d', c] += Σₖ dz[n, i, j, c m + k] w[t, t', c, k]

    Shapes:
        x: (batch, height, width, channels); y: (batch, rows, columns, channels · m), one place for
        each window; kernel w: (*kernel_size, channels, m); bias b: (channels · m,).
        With channels_first, the channels stand behind the batch in x and y.

    Arguments:
        kernel_size: height and width of a window, a positive integer or two.
        strides: places from one window to the next, an integer or two; 1 by default.
        padding: `"valid"` (default) or `"same"`, as in `Conv2D`.
        depth_multiplier: the number of kernels of each channel, 1 by default.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: places between two that a window sees, an integer or two; 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        depthwise_initializer, bias_initializer: how w and b start, Glorot uniform and zeros.
        depthwise_regularizer, bias_regularizer: penalties on w and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        depthwise_constraint, bias_constraint: applied to w and b after each update.

    Raises:
        ValueError: if an argument is not as above, or no window fits into the padded input.

    Example:
        >>> import numpy as np
        >>> layer = DepthwiseConv2D(3, depth_multiplier=2)
        >>> layer(np.ones((1, 5, 6, 4))).shape
        (1, 3, 4, 8)
        >>> layer.kernel.shape
        (3, 3, 4, 2)

    Source: Sifre, "Rigid-motion scattering for image classification", 2014; Howard et al.,
    "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017.
    """

    rank = 2
