"""What all convolutional layers share: windows, a bias, an activation, and where the channels are.

The arithmetic wants the channels last. With `data_format="channels_first"` a layer looks at its
input through a view with the axes moved, and hands its output back through another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_data_format, sum_keeping
from minidl.layers.convolutional.geometry import (
    Sizes,
    Windows,
    check_padding,
    check_sizes,
    convolution_windows,
    output_size,
    reach,
    spatial,
    with_channels,
)
from minidl.layers.input_spec import InputSpec, check_input
from minidl.layers.layer import Layer
from minidl.layers.parameter import Parameter


class ConvolutionalLayer(Layer):
    """Windows that move over an input, then a bias and an activation: y = f(z + b).

    A subclass makes its kernels in `_add_kernels` and computes z from x. The bias has one number a
    filter, so db = Σ dz over everything else.
    """

    rank: int
    bias: Parameter | None

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.kernel_size = check_sizes("kernel_size", kernel_size, self.rank, self.name)
        self.strides = check_sizes("strides", strides, self.rank, self.name)
        self.padding = check_padding(padding, self.name, self._takes_causal())
        self.data_format = check_data_format(data_format, self.name)
        self.dilation_rate = check_sizes("dilation_rate", dilation_rate, self.rank, self.name)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _takes_causal(self) -> bool:
        return False

    def build(self, input_shape: Shape) -> None:
        """Create the kernels and the bias for inputs of `input_shape`."""
        check_input(self, input_shape)
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"{self._title()} received an input of shape {input_shape}, expected a known "
                f"number of channels on axis {axis}: the kernel has weights for each. Give Input "
                "its size."
            )
        output = self._output_sizes(spatial(input_shape, self.data_format))
        self._check_output(input_shape, output)
        filters = self._add_kernels(channels)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def _add_kernels(self, channels: int) -> int:
        """Create the kernels for so many input channels; return the number of filters."""
        raise NotImplementedError

    def _filters(self, channels: int | None) -> int | None:
        """Return the number of filters for so many input channels."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape: the number of windows on each axis, and the filters.

        Raises:
            ValueError: if no window fits into the padded input.
        """
        output = self._output_sizes(spatial(input_shape, self.data_format))
        self._check_output(input_shape, output)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        filters = self._filters(channels)
        shape = with_channels(output, input_shape[0], filters, self.data_format)
        return self.activation.compute_output_shape(shape)

    def _output_sizes(self, sizes: Shape) -> Shape:
        arguments = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return tuple(output_size(n, k, s, d, self.padding) for n, k, s, d in arguments)

    def _check_output(self, input_shape: Shape, output: Shape) -> None:
        if all(size is None or size > 0 for size in output):
            return
        over = tuple(reach(k, d) for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        raise ValueError(
            f"{self._title()} received an input of shape {input_shape}, and its windows reach over "
            f"{over} places (kernel_size={self.kernel_size}, dilation_rate={self.dilation_rate}, "
            f"padding={self.padding!r}): the output's sizes would be {output}, expected at least "
            "1. Use padding='same', a smaller kernel or fewer layers that shrink the input."
        )

    def _windows(self, sizes: Sizes) -> Windows:
        """Return the windows over an input of these sizes; where Input told none, they may not fit.

        Raises:
            ValueError: if no window fits into the padded input.
        """
        windows = convolution_windows(
            sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding
        )
        if min(windows.output) < 1:
            self._check_output(sizes, windows.output)
        return windows

    def _channels_last(self, x: Array) -> Array:
        return x if self.data_format == "channels_last" else np.moveaxis(x, 1, -1)

    def _activated(self, z: Array) -> tuple[Array, Residuals]:
        """Return f(z) with the channels where the user has them, and f's residuals. Uses z up."""
        if self.data_format == "channels_last":
            return self.activation.forward_in_place(z)
        return self.activation.forward(self._channels_as_given(z))

    def _activated_backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dz with the channels last."""
        return np.ascontiguousarray(
            self._channels_last(self.activation.backward(residuals, dy)), self.dtype
        )

    def _channels_as_given(self, dx: Array) -> Array:
        """Return an array that has its channels last with them where the user has them."""
        return dx if self.data_format == "channels_last" else np.moveaxis(dx, -1, 1)

    def _bias_value(self) -> Array | None:
        return None if self.bias is None else self.bias.value

    def _assign_bias(self, dz: Array, db: Array | None = None) -> None:
        """Assign db = Σ dz, where the bias is there and trained."""
        if self.bias is not None and self.bias.trainable:
            self.bias.grad = sum_keeping(dz, [dz.ndim - 1]) if db is None else db

    def _title(self) -> str:
        return f"Layer {self.name!r} ({type(self).__name__})"


def check_groups(groups: int, filters: int, owner: str) -> None:
    """See that the filters can be shared out among the groups.

    Raises:
        ValueError: if their number is not a multiple of `groups`.
    """
    if filters % groups:
        raise ValueError(
            f"{owner}: received filters={filters} and groups={groups}, expected a number of "
            f"filters that is a multiple of groups, such as {max(filters // groups, 1) * groups}."
        )
