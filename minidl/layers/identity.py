"""The layer that does nothing: a placeholder, or a name for a tensor."""

from __future__ import annotations

from minidl._typing import Array, Residuals, Shape
from minidl.layers.layer import Layer


class Identity(Layer):
    """Passes its input on.

    Forward: y = x. Backward: dx = dy.

    Shapes:
        x, y: any; the dtype stays as it is.

    Example:
        >>> import numpy as np
        >>> Identity()(np.array([1.0, 2.0]))
        array([1., 2.])
    """

    supports_masking = True

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x."""
        return x, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy."""
        return dy

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype
