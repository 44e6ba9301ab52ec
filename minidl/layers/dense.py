"""The fully connected layer: a matrix product, a bias and an activation."""

from __future__ import annotations

from typing import Any

from minidl import activations, constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.kernels import product, sum_rows
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.validation import positive_integer


class Dense(Layer):
    """A fully connected layer.

    Forward, with f the activation:

        z = x W + b                 z: (batch, ..., units)
        y = f(z)

    Backward, with n running over the batch and all axes between it and the features:

        dz = f'(z) dy
        dW = Σₙ xₙᵀ dzₙ
        db = Σₙ dzₙ
        dx = dz Wᵀ

    Shapes:
        x: (batch, ..., features); y: (batch, ..., units);
        kernel W: (features, units); bias b: (units,).

    Arguments:
        units: the number of outputs, a positive integer.
        activation: a name, an `Activation` or a class of one; None is the identity.
        use_bias: whether b is there.
        kernel_initializer: how W starts, Glorot uniform by default.
        bias_initializer: how b starts, zeros by default.
        kernel_regularizer, bias_regularizer: penalties on W and b.
        activity_regularizer: a penalty on y, averaged over the batch.
        kernel_constraint, bias_constraint: applied to W and b after each update.

    Raises:
        ValueError: if `units` is not a positive integer, an initializer, regularizer, constraint
            or activation is not known, or the input's last axis has another size than at `build`.

    Example:
        >>> import numpy as np
        >>> layer = Dense(2, activation="relu")
        >>> layer(np.ones((4, 3))).shape
        (4, 2)

    Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors",
    1986; the initializer: Glorot, Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010.
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer("units", units, self.name)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        """Create the kernel and the bias for inputs of shape (batch, ..., features)."""
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name!r} (Dense) received an input of shape {input_shape}, expected a "
                "known last axis: the kernel has a row for each feature. Give Input its size."
            )
        self.kernel = self.add_weight(
            (features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.kernel.gradient_is_product = True
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(x W + b)."""
        z = product(x, self.kernel.value)
        bias = self.bias.value if self.use_bias else None
        y, activation_residuals = self.activation.forward_in_place(z, bias)
        return y, (x, activation_residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dW and db; return dx, or None where no one needs it."""
        x, activation_residuals = residuals
        dz = self.activation.backward(activation_residuals, dy)
        dx = product(dz, self.kernel.value.T) if need_dx else None
        dz_rows = dz.reshape(-1, self.units)
        if self.use_bias and self.bias.trainable:
            sum_rows(dz_rows, out=self.bias.grad)
        if self.kernel.trainable:
            x_rows = x.reshape(-1, x.shape[-1])
            self.kernel.take_gradient_product(x_rows.T, dz_rows)
        return dx

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, ..., units), but for an activation that changes it."""
        return self.activation.compute_output_shape((*input_shape[:-1], self.units))
