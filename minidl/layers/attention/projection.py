"""The dense layer within attention: features into heads, and heads back into features.

It is one matrix product, whatever the number of axes: the kernel's axes are laid end to end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.layer import Layer


class Projection(Layer):
    """A dense layer with several axes of inputs or outputs at once.

    Forward, with k over all contracted axes of x, and o over all axes of the output:

        zₙₒ = Σₖ xₙₖ Wₖₒ + bₒ
        y = f(z)

    Backward, with n over the batch and all axes between it and the contracted ones:

        dz = f'(z) dy
        dWₖₒ = Σₙ xₙₖ dzₙₒ
        dbₒ = Σₙ dzₙₒ
        dxₙₖ = Σₒ dzₙₒ Wₖₒ

    Shapes:
        x: (batch, ..., contracted axes); y: (batch, ..., *units);
        kernel W: (contracted axes, *units); bias b: units.

    Arguments:
        units: the sizes of the output's last axes, such as (heads, size).
        contracted: how many of the input's last axes are summed over; 1 by default.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b start: Glorot uniform and zeros.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if an initializer, regularizer, constraint or activation is not known, or the
            input's contracted axes are not known at `build`.

    Example:
        >>> Projection((2, 5))(np.ones((3, 7, 4))).shape
        (3, 7, 2, 5)
        >>> Projection((4,), contracted=2)(np.ones((3, 7, 2, 5))).shape
        (3, 7, 4)
    """

    def __init__(
        self,
        units: tuple[int, ...],
        contracted: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(units)
        self.contracted = contracted
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Create the kernel and the bias for inputs of shape (batch, ..., contracted axes)."""
        self.kernel = self.add_weight(
            (*input_shape[len(input_shape) - self.contracted :], *self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                self.units,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(x W + b)."""
        rows = x.reshape(-1, self._contracted_size())
        z = np.matmul(rows, self._flat(self.kernel.value))
        if self.use_bias:
            z += self.bias.value.reshape(-1)
        kept = x.ndim - self.contracted
        y, activation_residuals = self.activation.forward(z.reshape(*x.shape[:kept], *self.units))
        return y, (rows, x.shape, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dW and db; return dx, or None where no one needs it."""
        rows, shape, activation_residuals = residuals
        dz = self.activation.backward(activation_residuals, dy)
        dz = dz.reshape(len(rows), math.prod(self.units))
        if self.kernel.trainable:
            np.matmul(rows.T, dz, out=self._flat(self.kernel.grad))
        if self.use_bias and self.bias.trainable:
            dz.sum(axis=0, out=self.bias.grad.reshape(-1))
        if not need_dx:
            return None
        return np.matmul(dz, self._flat(self.kernel.value).T).reshape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, ..., *units)."""
        return (*input_shape[: len(input_shape) - self.contracted], *self.units)

    def _contracted_size(self) -> int:
        return math.prod(self.kernel.shape[: self.contracted])

    def _flat(self, array: Array) -> Array:
        """Return the kernel, or its gradient, as the matrix that it is: a view."""
        return array.reshape(self._contracted_size(), math.prod(self.units))
