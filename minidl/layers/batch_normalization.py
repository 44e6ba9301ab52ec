"""Batch normalization: each channel is standardised by the batch, and by the past at inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import initializers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import along, check_axes, known_sizes, resolve_axes, sum_keeping
from minidl.layers.input_spec import InputSpec
from minidl.layers.masked_moments import masked_moments, masked_standardize_backward
from minidl.layers.masks import leads
from minidl.layers.scale_and_shift import ScaleAndShift
from minidl.validation import number


class BatchNormalization(ScaleAndShift):
    """Standardises each channel by the batch, then scales and shifts it with learned weights.

    Forward in training, with μ and σ² the mean and variance of a channel over the m numbers that
    it has in the batch (σ² divided by m, not m − 1):

        r = 1 / √(σ² + ε)
        x̂ = (x − μ) r
        y = γ x̂ + β
        moving_mean     ← momentum moving_mean     + (1 − momentum) μ
        moving_variance ← momentum moving_variance + (1 − momentum) σ²

    At inference, and in training too where the layer is frozen (`trainable = False`), the moving
    statistics stand in for μ and σ². Backward, with Σₙ over the m numbers; μ and σ² depend on x
    in training, and on nothing at inference:

        dγ = Σₙ dyₙ x̂ₙ
        dβ = Σₙ dyₙ
        dx = γ r (dy − dβ / m − x̂ dγ / m)       in training
        dx = γ r dy                             at inference

    The moving statistics are the one thing that `forward` writes, and only in training. With a
    mask, only the numbers that it leaves make the statistics (`masked_moments.py`).

    Shapes:
        x, y: (batch, ..., channels), or the channels on `axis`; a mask: x's but for the last axis;
        gamma γ, beta β, moving_mean, moving_variance: (channels,).

    Arguments:
        axis: the axis of the channels, -1 by default; 1 for channels_first.
        momentum: how much of the moving statistics stays at each step, from 0 to 1; 0.99 by
            default.
        epsilon: ε, keeps the division finite; 1e-3 by default.
        center: whether β is there.
        scale: whether γ is there.
        beta_initializer, gamma_initializer: how they start, zeros and ones by default.
        moving_mean_initializer, moving_variance_initializer: how they start, zeros and ones.
        beta_regularizer, gamma_regularizer: penalties on them.
        beta_constraint, gamma_constraint: applied to them after each update.
        renorm, renorm_clipping, renorm_momentum, synchronized: Keras's; only the defaults.

    Raises:
        ValueError: if `axis` is no integer, `momentum` or `epsilon` is out of range, an argument
            that is not supported is given, the input has no such axis or one of another size than
            at `build`, a training batch is empty, or a mask has another shape.

    Example:
        >>> layer = BatchNormalization(epsilon=1e-9)
        >>> layer(np.array([[1.0, 10.0], [3.0, 30.0]]), training=True)
        array([[-1., -1.],
               [ 1.,  1.]], dtype=float32)
        >>> layer.moving_mean.value.round(3)
        array([0.02, 0.2 ], dtype=float32)

    Source: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis = check_axes(axis, self.name, several=False)
        self.momentum = number("momentum", momentum, self.name, low=0.0, high=1.0)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        for argument in ("renorm", "renorm_clipping", "synchronized"):
            if getattr(self, argument):
                raise ValueError(
                    f"{self.name}: received {argument}={getattr(self, argument)!r}, which minidl "
                    "does not support. Leave it out."
                )

    def build(self, input_shape: Shape) -> None:
        """Create the weights and the moving statistics for inputs of `input_shape`."""
        owner = f"Layer {self.name!r} (BatchNormalization)"
        self._axes = resolve_axes(self.axis, input_shape, owner)
        sizes = known_sizes(self._axes, input_shape, owner)
        self._add_gamma_and_beta(sizes)
        self.moving_mean = self.add_weight(
            sizes, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            sizes, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self._axes[0]: sizes[0]})

    def forward(
        self, x: Array, training: bool = False, mask: Array | None = None
    ) -> tuple[Array, Residuals]:
        """Return γ (x − μ) r + β, with the batch's statistics in training, else the moving ones."""
        x = x.astype(self.dtype, copy=False)
        if training and self.trainable:
            return self._forward_training(x) if mask is None else self._forward_masked(x, mask)
        mean = along(self.moving_mean.value.copy(), self._axes, x.ndim)
        r = along(1 / np.sqrt(self.moving_variance.value + self.epsilon), self._axes, x.ndim)
        y = x - mean
        y *= self._gamma_times(r)
        if self.beta is not None:
            y += along(self.beta.value, self._axes, x.ndim)
        return y, (x, mean, r)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dγ and dβ; return dx, or None where no one needs it."""
        if len(residuals) == 2:
            return self._backward_training(residuals, dy, need_dx)
        if len(residuals) == 4:
            return self._backward_masked(residuals, dy)
        x, mean, r = residuals
        if self.gamma is not None and self.gamma.trainable:
            self.gamma.grad = sum_keeping((x - mean) * r * dy, self._axes)
        if self.beta is not None and self.beta.trainable:
            self.beta.grad = sum_keeping(dy, self._axes)
        return dy * self._gamma_times(r) if need_dx else None

    def _forward_training(self, x: Array) -> tuple[Array, Residuals]:
        m = self._numbers_per_channel(x)
        mean = sum_keeping(x, self._axes) / m
        x_hat = x - along(mean, self._axes, x.ndim)
        variance = sum_keeping(np.square(x_hat), self._axes) / m
        self._move(mean, variance)
        r = along(1 / np.sqrt(variance + self.epsilon), self._axes, x.ndim)
        x_hat *= r
        return self._scaled_and_shifted(x_hat, self._axes), (x_hat, r)

    def _backward_training(self, residuals: Residuals, dy: Array, need_dx: bool) -> Array | None:
        x_hat, r = residuals
        product = x_hat * dy
        dgamma = sum_keeping(product, self._axes)
        dbeta = sum_keeping(dy, self._axes)
        if self.gamma is not None and self.gamma.trainable:
            self.gamma.grad = dgamma
        if self.beta is not None and self.beta.trainable:
            self.beta.grad = dbeta
        if not need_dx:
            return None
        m = self._numbers_per_channel(dy)
        dx = np.multiply(x_hat, along(dgamma / -m, self._axes, dy.ndim), out=product)
        dx += dy
        dx -= along(dbeta / m, self._axes, dy.ndim)
        dx *= self._gamma_times(r)
        return dx

    def _forward_masked(self, x: Array, mask: Array) -> tuple[Array, Residuals]:
        self._numbers_per_channel(x)
        m, n, mean, variance = masked_moments(x, mask, self._axes)
        self._move(mean, variance)
        r = along(1 / np.sqrt(variance + self.epsilon), self._axes, x.ndim)
        x_hat = (x - along(mean, self._axes, x.ndim)) * r
        return self._scaled_and_shifted(x_hat, self._axes), (x_hat, r, m, n)

    def _backward_masked(self, residuals: Residuals, dy: Array) -> Array:
        x_hat, r, m, n = residuals
        dx_hat = self._scaled_and_shifted_backward(x_hat, dy, self._axes)
        return masked_standardize_backward(x_hat, r, m, n, dx_hat, self._axes)

    def _move(self, mean: Array, variance: Array) -> None:
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))

    def mask_fits(self, mask_shape: Shape, input_shape: Shape) -> bool:
        """Return whether a mask has the input's axes but for the last."""
        return len(mask_shape) == len(input_shape) - 1 and leads(mask_shape, input_shape)

    def _gamma_times(self, r: Array) -> Array:
        return r if self.gamma is None else r * along(self.gamma.value, self._axes, r.ndim)

    def _numbers_per_channel(self, x: Array) -> int:
        if x.size == 0:
            raise ValueError(
                f"Layer {self.name!r} (BatchNormalization) received a training batch of shape "
                f"{x.shape}: an empty batch has no mean."
            )
        return x.size // x.shape[self._axes[0]]
