"""Layer normalization: each sample is standardised by its own mean and variance."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes, known_sizes, resolve_axes
from minidl.layers.input_spec import InputSpec
from minidl.layers.scale_and_shift import ScaleAndShift
from minidl.layers.standardize import standardize, standardize_backward


class LayerNormalization(ScaleAndShift):
    """Standardises each sample along some axes, then scales and shifts with learned weights.

    Forward, with mean μ and variance σ² over `axis`, for each place on the other axes:

        r = 1 / √(σ² + ε)
        x̂ = (x − μ) r
        y = γ x̂ + β

    Backward, with mean(·) over `axis` and Σₙ over the other axes:

        dγ = Σₙ dyₙ x̂ₙ
        dβ = Σₙ dyₙ
        dx̂ = γ dy
        dx = r (dx̂ − mean(dx̂) − x̂ mean(x̂ dx̂))

    Training and inference do the same.

    Shapes:
        x, y: (batch, ...); gamma γ and beta β: the sizes of `axis`.

    Arguments:
        axis: the axis or axes to standardise along, -1 by default: the features.
        epsilon: ε, keeps the division finite; 1e-3 by default.
        center: whether β is there.
        scale: whether γ is there.
        beta_initializer, gamma_initializer: how they start, zeros and ones by default.
        beta_regularizer, gamma_regularizer: penalties on them.
        beta_constraint, gamma_constraint: applied to them after each update.

    Raises:
        ValueError: if `axis` is no integer or list of integers, `epsilon` is not positive, or the
            input has no such axis or one of another size than at `build`.

    Example:
        >>> import numpy as np
        >>> LayerNormalization(epsilon=1e-9)(np.array([[1.0, 3.0], [10.0, 30.0]]))
        array([[-1.,  1.],
               [-1.,  1.]], dtype=float32)

    Source: Ba, Kiros, Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self,
        axis: Any = -1,
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
        if kwargs.pop("rms_scaling", False):  # False stands in every configuration of Keras
            raise ValueError(
                "LayerNormalization: received rms_scaling=True, which scales by the variance "
                "under a wrong name. Use RMSNormalization."
            )
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
        self.axis = check_axes(axis, self.name)

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta for inputs of `input_shape`."""
        owner = f"Layer {self.name!r} (LayerNormalization)"
        axes = resolve_axes(self.axis, input_shape, owner)
        sizes = known_sizes(axes, input_shape, owner)
        self._add_gamma_and_beta(sizes)
        self.input_spec = input_spec_of(self.axis, axes, input_shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return γ (x − μ) r + β."""
        x = x.astype(self.dtype, copy=False)
        axes = resolve_axes(self.axis, x.shape, self.name)
        x_hat, r = standardize(x, tuple(axes), self.epsilon)
        return self._scaled_and_shifted(x_hat, axes), (x_hat, r, axes)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign dγ and dβ; return dx, or None where no one needs it."""
        x_hat, r, axes = residuals
        dx_hat = self._scaled_and_shifted_backward(x_hat, dy, axes)
        return standardize_backward(x_hat, r, dx_hat, tuple(axes)) if need_dx else None


def input_spec_of(axis: int | list[int], axes: list[int], shape: Shape) -> InputSpec:
    """Return the spec for weights that stand along `axes` of `shape`, written as `axis`.

    Axes counted from the end fit inputs of any rank, as long as the sizes are there.
    """
    written = [axis] if isinstance(axis, int) else axis
    sizes = {a: shape[a] for a in written}
    return InputSpec(min_ndim=max(-a if a < 0 else a + 1 for a in written), axes=sizes)  # type: ignore[arg-type]
