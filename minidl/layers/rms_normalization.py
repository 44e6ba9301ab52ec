"""Root mean square normalization: layer normalization without the mean."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import along, check_axes, known_sizes, resolve_axes, sum_keeping
from minidl.layers.layer import Layer
from minidl.layers.layer_normalization import input_spec_of
from minidl.layers.standardize import divide_by_rms, divide_by_rms_backward
from minidl.validation import number


class RMSNormalization(Layer):
    """Divides each sample by its root mean square, then scales with learned weights.

    Forward, with mean(·) over `axis`, for each place on the other axes, and s the weight `scale`:

        r = 1 / √(mean(x²) + ε)
        x̂ = x r
        y = s x̂

    Backward, with Σₙ over the other axes:

        ds = Σₙ dyₙ x̂ₙ
        dx̂ = s dy
        dx = r (dx̂ − x̂ mean(x̂ dx̂))

    Shapes:
        x, y: (batch, ...); scale s: the sizes of `axis`.

    Arguments:
        axis: the axis or axes, -1 by default: the features.
        epsilon: ε, keeps the division finite; 1e-6 by default.

    Raises:
        ValueError: if `axis` is no integer or list of integers, `epsilon` is not positive, or the
            input has no such axis or one of another size than at `build`.

    Example:
        >>> import numpy as np
        >>> RMSNormalization()(np.array([[1.0, 7.0]])).round(3)
        array([[0.2, 1.4]], dtype=float32)

    Source: Zhang, Sennrich, "Root mean square layer normalization", 2019.
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_axes(axis, self.name)
        self.epsilon = number("epsilon", epsilon, self.name, low=0.0, open_low=True)

    def build(self, input_shape: Shape) -> None:
        """Create the scale for inputs of `input_shape`."""
        owner = f"Layer {self.name!r} (RMSNormalization)"
        axes = resolve_axes(self.axis, input_shape, owner)
        sizes = known_sizes(axes, input_shape, owner)
        self.scale = self.add_weight(sizes, initializer="ones", name="scale")
        self.input_spec = input_spec_of(self.axis, axes, input_shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return s x r."""
        x = x.astype(self.dtype, copy=False)
        axes = resolve_axes(self.axis, x.shape, self.name)
        x_hat, r = divide_by_rms(x, tuple(axes), self.epsilon)
        return x_hat * along(self.scale.value, axes, x.ndim), (x_hat, r, axes)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign ds; return dx, or None where no one needs it."""
        x_hat, r, axes = residuals
        if self.scale.trainable:
            self.scale.grad = sum_keeping(x_hat * dy, axes)
        if not need_dx:
            return None
        dx_hat = dy * along(self.scale.value, axes, dy.ndim)
        return divide_by_rms_backward(x_hat, r, dx_hat, tuple(axes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
