"""The last step of every normalization: y = γ x̂ + β, with γ and β learned."""

from __future__ import annotations

from typing import Any

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Shape
from minidl.layers.axes import along, sum_keeping
from minidl.layers.layer import Layer
from minidl.layers.parameter import Parameter
from minidl.validation import number


class ScaleAndShift(Layer):
    """What batch, layer and group normalization share: the weights gamma and beta.

    Forward: y = γ x̂ + β. Backward: dγ = Σ dy x̂, dβ = Σ dy, dx̂ = γ dy. The sums run over all
    axes but those that γ and β stand along.
    """

    supports_masking = True

    gamma: Parameter | None
    beta: Parameter | None

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = number("epsilon", epsilon, self.name, low=0.0, open_low=True)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _add_gamma_and_beta(self, sizes: tuple[int, ...]) -> None:
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                sizes,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                sizes,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def _scaled_and_shifted(self, x_hat: Array, axes: list[int]) -> Array:
        """Return y = γ x̂ + β, a new array even where both are left out."""
        y = (
            x_hat.copy()
            if self.gamma is None
            else x_hat * along(self.gamma.value, axes, x_hat.ndim)
        )
        if self.beta is not None:
            y += along(self.beta.value, axes, x_hat.ndim)
        return y

    def _scaled_and_shifted_backward(self, x_hat: Array, dy: Array, axes: list[int]) -> Array:
        """Assign dγ and dβ; return dx̂."""
        if self.gamma is not None and self.gamma.trainable:
            self.gamma.grad = sum_keeping(x_hat * dy, axes)
        if self.beta is not None and self.beta.trainable:
            self.beta.grad = sum_keeping(dy, axes)
        return dy if self.gamma is None else dy * along(self.gamma.value, axes, dy.ndim)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
