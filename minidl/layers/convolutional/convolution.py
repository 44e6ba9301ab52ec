"""Convolution: the same small Dense layer at every place, looking at the places around it."""

from __future__ import annotations

from typing import Any

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals
from minidl.layers.convolutional.base import ConvolutionalLayer, check_groups
from minidl.layers.convolutional.geometry import check_not_both
from minidl.layers.convolutional.shared import correlate, input_gradient, kernel_gradient
from minidl.validation import positive_integer


class Convolution(ConvolutionalLayer):
    """What Conv1D, Conv2D and Conv3D share, which is everything but the number of axes.

    Forward, with P the patches of x (row o is what window o sees) and f the activation:

        z = P W + b
        y = f(z)

    Backward:

        dz = f'(z) dy
        dW = Pᵀ dz
        db = Σ dz
        dP = dz Wᵀ, and each place of dx is the sum over all windows that saw it
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.groups = positive_integer("groups", groups, self.name)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        check_groups(self.groups, self.filters, self.name)
        check_not_both(self.strides, self.dilation_rate, self.name)

    def _takes_causal(self) -> bool:
        return self.rank == 1

    def _filters(self, channels: int | None) -> int:
        return self.filters

    def _add_kernels(self, channels: int) -> int:
        if channels % self.groups:
            raise ValueError(
                f"{self._title()} received an input with {channels} channels, expected a multiple "
                f"of groups={self.groups}: each group has its own share of them. Change groups, "
                "or the filters of the layer before."
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        return self.filters

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(P W + b)."""
        x = self._channels_last(x)
        windows = self._windows(x.shape[1:-1])
        z = correlate(x, self.kernel.value, self._bias_value(), windows, self.groups)
        y, activation_residuals = self._activated(z)
        return y, (x, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dW and db; return dx, or None where no one needs it."""
        x, activation_residuals = residuals
        dz = self._activated_backward(activation_residuals, dy)
        windows = self._windows(x.shape[1:-1])
        W, db = self.kernel.value, None
        if self.kernel.trainable:
            with_bias = self.bias is not None and self.bias.trainable
            self.kernel.grad, db = kernel_gradient(x, dz, W, windows, self.groups, with_bias)
        self._assign_bias(dz, db)
        if not need_dx:
            return None
        return self._channels_as_given(input_gradient(dz, W, windows, self.groups))


class Conv1D(Convolution):
    """A convolution over sequences.

    Forward, with s = strides, d = dilation_rate, t the place in the kernel, x padded with zeros
    and f the activation; the sums run over t and channels c:

        z[n, o, f] = b[f] + Σ x[n, o s + t d, c] W[t, c, f]
        y = f(z)

    Backward:

        dz = f'(z) dy
        dW[t, c, f] = Σₙₒ x[n, o s + t d, c] dz[n, o, f]
        db[f] = Σₙₒ dz[n, o, f]
        dx[n, o s + t d, c] += Σ dz[n, o, f] W[t, c, f]        for all o, t; the sum runs over f

    Shapes:
        x: (batch, steps, channels); y: (batch, windows, filters);
        kernel W: (kernel_size, channels / groups, filters); bias b: (filters,).
        With channels_first, x: (batch, channels, steps) and y: (batch, filters, windows).

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: how many steps a window sees, a positive integer.
        strides: steps from one window to the next, 1 by default.
        padding: `"valid"` (default) has only windows within the input; `"same"` pads with zeros to
            ⌈steps / strides⌉ windows; `"causal"` pads at the beginning alone, so that an output
            depends on no later step.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: steps between two that a window sees, 1 by default.
        groups: how many parts the channels are cut into; each part has filters / groups filters
            of its own. 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, filters or channels are no multiple of
            `groups`, strides and dilation are both larger than 1, or no window fits into the
            padded input.

    Example:
        >>> import numpy as np
        >>> x = np.arange(4.0).reshape(1, 4, 1)
        >>> sums = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
        >>> sums(x)[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 5.0]

    Source: Waibel, Hanazawa, Hinton, Shikano, Lang, "Phoneme recognition using time-delay neural
    networks", 1989; causal and dilated: van den Oord et al., "WaveNet: a generative model for raw
    audio", 2016.
    """

    rank = 1


class Conv2D(Convolution):
    """A convolution over images.

    Forward, with (s, s') the strides, (d, d') the dilation, (t, t') the place in the kernel, x
    padded with zeros and f the activation; the sum runs over t, t' and channels c:

        z[n, i, j, f] = b[f] + Σ x[n, i s + t d, j s' + t' d', c] W[t, t', c, f]
        y = f(z)

    Backward, where (i, j) runs over all windows:

        dz = f'(z) dy
        dW[t, t', c, f] = Σₙᵢⱼ x[n, i s + t d, j s' + t' d', c] dz[n, i, j, f]
        db[f] = Σₙᵢⱼ dz[n, i, j, f]
        dx[n, i s + t d, j s' + t' d', c] += Σ dz[n, i, j, f] W[t, t', c, f]    for all i, j, t, t'

    With the patches of x as rows of a matrix P these are z = P W + b, dW = Pᵀ dz and dP = dz Wᵀ.

    Shapes:
        x: (batch, height, width, channels); y: (batch, rows, columns, filters), one place for each
        window; kernel W: (*kernel_size, channels / groups, filters); bias b: (filters,).
        With channels_first, x: (batch, channels, height, width), y: (batch, filters, rows,
        columns), and W as before.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: height and width of a window, a positive integer or two.
        strides: places from one window to the next, an integer or two; 1 by default.
        padding: `"valid"` (default) has only windows within the input; `"same"` pads with zeros to
            ⌈size / strides⌉ windows, the odd zero at the end.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: places between two that a window sees, an integer or two; 1 by default.
        groups: how many parts the channels are cut into; each part has filters / groups filters
            of its own. 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, filters or channels are no multiple of
            `groups`, strides and dilation are both larger than 1, or no window fits into the
            padded input.

    Example:
        >>> import numpy as np
        >>> layer = Conv2D(32, 3, activation="relu")
        >>> layer(np.ones((4, 28, 28, 1))).shape
        (4, 26, 26, 32)
        >>> layer.kernel.shape
        (3, 3, 1, 32)

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
    recognition", 1998; as a matrix product: Chellapilla, Puri, Simard, "High performance
    convolutional neural networks for document processing", 2006; groups: Krizhevsky, Sutskever,
    Hinton, "ImageNet classification with deep convolutional neural networks", 2012.
    """

    rank = 2


class Conv3D(Convolution):
    """A convolution over volumes, or over sequences of images.

    Forward and backward are those of `Conv2D` with three places instead of two. With the patches
    of x as rows of a matrix P and f the activation:

        z = P W + b
        y = f(z)

        dz = f'(z) dy
        dW = Pᵀ dz
        db = Σ dz, over everything but the filters
        dP = dz Wᵀ, and each place of dx is the sum over all windows that saw it

    Shapes:
        x: (batch, depth, height, width, channels); y: (batch, *windows, filters);
        kernel W: (*kernel_size, channels / groups, filters); bias b: (filters,).
        With channels_first, the channels and the filters stand behind the batch.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: depth, height and width of a window, a positive integer or three.
        strides: places from one window to the next, an integer or three; 1 by default.
        padding: `"valid"` (default) or `"same"`, as in `Conv2D`.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: places between two that a window sees, an integer or three; 1 by default.
        groups: how many parts the channels are cut into; 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, filters or channels are no multiple of
            `groups`, strides and dilation are both larger than 1, or no window fits into the
            padded input.

    Example:
        >>> import numpy as np
        >>> Conv3D(4, 2, strides=2)(np.ones((1, 4, 6, 8, 3))).shape
        (1, 2, 3, 4, 4)

    Source: Ji, Xu, Yang, Yu, "3D convolutional neural networks for human action recognition",
    2010.
    """

    rank = 3
