"""Transposed convolution: each input place lays a weighted kernel down on the output.

It is the transpose of a convolution, as its name says, and so its forward pass is the gradient of
one, and its gradient one.
"""

from __future__ import annotations

from typing import Any

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.convolutional.base import ConvolutionalLayer
from minidl.layers.convolutional.geometry import (
    Sizes,
    Windows,
    check_not_both,
    check_sizes,
    transposed_size,
    transposed_windows,
)
from minidl.layers.convolutional.shared import correlate, input_gradient, kernel_gradient
from minidl.validation import positive_integer


class TransposedConvolution(ConvolutionalLayer):
    """What Conv1DTranspose, Conv2DTranspose and Conv3DTranspose share.

    Forward, with P(z) the patches of z, row i being what window i of a convolution from z to x
    would see, and f the activation:

        P = x Wᵀ, and each place of z is the sum over all windows that see it, and b
        y = f(z)

    Backward:

        dz = f'(z) dy
        dW = P(dz)ᵀ x
        db = Σ dz
        dx = P(dz) W
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.output_padding = _check_output_padding(
            output_padding, self.rank, self.strides, self.name
        )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        check_not_both(self.strides, self.dilation_rate, self.name)

    def _filters(self, channels: int | None) -> int:
        return self.filters

    def _add_kernels(self, channels: int) -> int:
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        return self.filters

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(z + b), with z what all windows lay down."""
        x = self._channels_last(x)
        windows = self._windows(x.shape[1:-1])
        z = input_gradient(x, self.kernel.value, windows)
        if self.bias is not None:
            z += self.bias.value
        y, activation_residuals = self._activated(z)
        return y, (x, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dW and db; return dx, or None where no one needs it."""
        x, activation_residuals = residuals
        dz = self._activated_backward(activation_residuals, dy)
        windows = self._windows(x.shape[1:-1])
        if self.kernel.trainable:
            self.kernel.grad, _ = kernel_gradient(dz, x, self.kernel.value, windows)
        self._assign_bias(dz)
        if not need_dx:
            return None
        return self._channels_as_given(correlate(dz, self.kernel.value, None, windows))

    def _output_sizes(self, sizes: Shape) -> Shape:
        extra = self.output_padding or (None,) * self.rank
        arguments = zip(
            sizes, self.kernel_size, self.strides, self.dilation_rate, extra, strict=True
        )
        return tuple(transposed_size(n, k, s, d, self.padding, e) for n, k, s, d, e in arguments)

    def _windows(self, sizes: Sizes) -> Windows:
        windows = transposed_windows(
            sizes,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
            self.output_padding,
        )
        if min(windows.input) < 1:
            self._check_output(sizes, windows.input)
        return windows

    def _check_output(self, input_shape: Shape, output: Shape) -> None:
        if any(size is not None and size < 1 for size in output):
            raise ValueError(
                f"{self._title()} received an input of shape {input_shape}: with strides="
                f"{self.strides}, kernel_size={self.kernel_size}, padding={self.padding!r} and "
                f"output_padding={self.output_padding} the output's sizes would be {output}, "
                "expected at least 1. Leave output_padding out, or make it larger."
            )


def _check_output_padding(value: Any, rank: int, strides: Sizes, owner: str) -> Sizes | None:
    if value is None:
        return None
    sizes = check_sizes("output_padding", value, rank, owner, low=0)
    if any(size >= stride for size, stride in zip(sizes, strides, strict=True)):
        raise ValueError(
            f"{owner}: received output_padding={sizes} and strides={strides}, expected each "
            "output_padding to be smaller than its stride: it says which of the sizes that the "
            "stride cannot tell apart is meant. Leave it out, or use larger strides."
        )
    return sizes


class Conv1DTranspose(TransposedConvolution):
    """A transposed convolution over sequences: it makes them longer.

    Forward, with s = strides, d = dilation_rate, t the place in the kernel and f the activation;
    what falls outside of z is cut off:

        z[n, i s + t d, f] += Σ x[n, i, c] W[t, f, c]        for all i, t; the sum runs over c
        y = f(z + b)

    Backward, with dz = f'(z + b) dy and zeros outside of it:

        dx[n, i, c] = Σ dz[n, i s + t d, f] W[t, f, c]       over t, f
        dW[t, f, c] = Σₙᵢ dz[n, i s + t d, f] x[n, i, c]
        db[f] = Σₙₒ dz[n, o, f]

    Shapes:
        x: (batch, steps, channels); y: (batch, new steps, filters); kernel W: (kernel_size,
        filters, channels); bias b: (filters,). Let k = (kernel_size − 1) dilation_rate + 1. There
        are steps · strides new steps with padding `"same"`, and (steps − 1) · strides +
        max(k, strides) with `"valid"`; with output_padding p, (steps − 1) · strides + k mod 2 + p
        and (steps − 1) · strides + k + p.
        With channels_first, channels and filters stand behind the batch.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: how many steps an input step reaches, a positive integer.
        strides: output steps from one input step to the next, 1 by default.
        padding: `"valid"` (default) or `"same"`: see the shapes.
        output_padding: steps added to the smallest output, from 0 to less than the stride; None,
            the default, gives the sizes above.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: steps between two that an input step reaches, 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, strides and dilation are both larger than 1,
            or the output would have no steps.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0], [2.0], [3.0]]])
        >>> Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones")(x)[0, :, 0].tolist()
        [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]

    Source: Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", 2010; Dumoulin, Visin, "A
    guide to convolution arithmetic for deep learning", 2016.
    """

    rank = 1


class Conv2DTranspose(TransposedConvolution):
    """A transposed convolution over images: it makes them larger, as decoders need.

    Forward, with (s, s') the strides, (d, d') the dilation, (t, t') the place in the kernel and f
    the activation; what falls outside of z is cut off:

        z[n, i s + t d, j s' + t' d', f] += Σ x[n, i, j, c] W[t, t', f, c]     for all i, j, t, t'
        y = f(z + b)

    Backward, with dz = f'(z + b) dy and zeros outside of it:

        dx[n, i, j, c] = Σ dz[n, i s + t d, j s' + t' d', f] W[t, t', f, c]    over t, t', f
        dW[t, t', f, c] = Σₙᵢⱼ dz[n, i s + t d, j s' + t' d', f] x[n, i, j, c]
        db[f] = Σ dz[n, ., ., f]

    This is the backward pass of a `Conv2D` from y to x, and its own is that one's forward pass.

    Shapes:
        x: (batch, height, width, channels); y: (batch, new height, new width, filters);
        kernel W: (*kernel_size, filters, channels); bias b: (filters,). The new sizes are
        size · strides with padding `"same"`; with `"valid"`, and with output_padding, as in
        `Conv1DTranspose`. With channels_first, channels and filters stand behind the batch.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: height and width that an input place reaches, a positive integer or two.
        strides: output places from one input place to the next, an integer or two; 1 by default.
        padding: `"valid"` (default) or `"same"`: see the shapes.
        output_padding: places added to the smallest output, from 0 to less than the stride, an
            integer or two; None, the default, gives the sizes above.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: places between two that an input place reaches, an integer or two; 1 by
            default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, strides and dilation are both larger than 1,
            or the output would have no places.

    Example:
        >>> import numpy as np
        >>> layer = Conv2DTranspose(8, 3, strides=2, padding="same")
        >>> layer(np.ones((4, 7, 7, 16))).shape
        (4, 14, 14, 8)
        >>> layer.kernel.shape
        (3, 3, 8, 16)

    Source: Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", 2010; Dumoulin, Visin, "A
    guide to convolution arithmetic for deep learning", 2016.
    """

    rank = 2


class Conv3DTranspose(TransposedConvolution):
    """A transposed convolution over volumes, or over sequences of images.

    Forward and backward are those of `Conv2DTranspose` with three places instead of two. With P(z)
    the patches of z, row i being what window i of a convolution from z to x would see:

        P = x Wᵀ, and each place of z is the sum over all windows that see it
        y = f(z + b)

        dz = f'(z + b) dy
        dW = P(dz)ᵀ x
        db = Σ dz, over everything but the filters
        dx = P(dz) W

    Shapes:
        x: (batch, depth, height, width, channels); y: (batch, *new sizes, filters);
        kernel W: (*kernel_size, filters, channels); bias b: (filters,). The new sizes are as in
        `Conv1DTranspose`. With channels_first, channels and filters stand behind the batch.

    Arguments:
        filters: the number of output channels, a positive integer.
        kernel_size: the sizes that an input place reaches, a positive integer or three.
        strides: output places from one input place to the next, an integer or three; 1 by default.
        padding: `"valid"` (default) or `"same"`: see the shapes.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        output_padding: places added to the smallest output, from 0 to less than the stride, an
            integer or three; None by default.
        dilation_rate: places between two that an input place reaches, an integer or three; 1 by
            default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start, Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an argument is not as above, strides and dilation are both larger than 1,
            or the output would have no places.

    Example:
        >>> import numpy as np
        >>> Conv3DTranspose(4, 2, strides=2)(np.ones((1, 2, 3, 4, 3))).shape
        (1, 4, 6, 8, 4)

    Source: Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", 2010; Dumoulin, Visin, "A
    guide to convolution arithmetic for deep learning", 2016.
    """

    rank = 3

    def __init__(  # Keras has output_padding behind data_format here, and before it elsewhere
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, *args, **kwargs
        )
