"""Group normalization: each sample's channels are standardised in groups."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes, known_sizes, other_axes, resolve_axes
from minidl.layers.input_spec import InputSpec
from minidl.layers.scale_and_shift import ScaleAndShift
from minidl.layers.standardize import standardize, standardize_backward
from minidl.validation import positive_integer


class GroupNormalization(ScaleAndShift):
    """Standardises each sample's channels in groups, then scales and shifts each channel.

    Forward, with mean μ and variance σ² over a group's channels and all axes but the batch:

        r = 1 / √(σ² + ε)
        x̂ = (x − μ) r
        y = γ x̂ + β

    Backward, with mean(·) over the same and Σₙ over all axes but the channels:

        dγ = Σₙ dyₙ x̂ₙ
        dβ = Σₙ dyₙ
        dx̂ = γ dy
        dx = r (dx̂ − mean(dx̂) − x̂ mean(x̂ dx̂))

    Shapes:
        x, y: (batch, ..., channels), or the channels on `axis`; gamma γ and beta β: (channels,).

    Arguments:
        groups: how many groups, a divisor of the channels; -1 for a group for each channel, which
            is instance normalization. 32 by default.
        axis: the axis of the channels, -1 by default.
        epsilon: ε, keeps the division finite; 1e-3 by default.
        center: whether β is there.
        scale: whether γ is there.
        beta_initializer, gamma_initializer: how they start, zeros and ones by default.
        beta_regularizer, gamma_regularizer: penalties on them.
        beta_constraint, gamma_constraint: applied to them after each update.

    Raises:
        ValueError: if `groups` is neither positive nor -1 or does not divide the channels, `axis`
            is no integer or the batch axis, or `epsilon` is not positive.

    Example:
        >>> import numpy as np
        >>> layer = GroupNormalization(groups=2, epsilon=1e-9)
        >>> layer(np.array([[1.0, 3.0, 10.0, 30.0]]))
        array([[-1.,  1., -1.,  1.]], dtype=float32)

    Source: Wu, He, "Group normalization", 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
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
        self.groups = -1 if groups == -1 else positive_integer("groups", groups, self.name)
        self.axis = check_axes(axis, self.name, several=False)

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta for inputs of `input_shape`."""
        owner = f"Layer {self.name!r} (GroupNormalization)"
        self._axes = resolve_axes(self.axis, input_shape, owner)
        (channels,) = sizes = known_sizes(self._axes, input_shape, owner)
        if self._axes == [0]:
            raise ValueError(
                f"{owner}: axis={self.axis} of an input of shape {input_shape} is the batch axis, "
                "expected the axis of the channels."
            )
        if self.groups != -1 and channels % self.groups:
            raise ValueError(
                f"{owner}: received an input of shape {input_shape}, whose {channels} channels "
                f"groups={self.groups} does not divide. Choose a divisor, or -1 for a group for "
                "each channel."
            )
        self._add_gamma_and_beta(sizes)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self._axes[0]: channels})

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return γ (x − μ) r + β."""
        x = x.astype(self.dtype, copy=False)
        grouped, axes = self._in_groups(x)
        x_hat, r = standardize(grouped, axes, self.epsilon)
        return self._scaled_and_shifted(x_hat.reshape(x.shape), self._axes), (x_hat, r, axes)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dγ and dβ; return dx, or None where no one needs it."""
        x_hat, r, axes = residuals
        dx_hat = self._scaled_and_shifted_backward(x_hat.reshape(dy.shape), dy, self._axes)
        if not need_dx:
            return None
        dx = standardize_backward(x_hat, r, dx_hat.reshape(x_hat.shape), axes)
        return dx.reshape(dy.shape)

    def _in_groups(self, x: Array) -> tuple[Array, tuple[int, ...]]:
        """Return x with its channels on two axes (group, within), and the axes of a group."""
        (axis,) = self._axes
        channels = x.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        shape = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        return x.reshape(shape), other_axes([0, axis], x.ndim + 1)
