"""The layer that masks the time steps of a sequence that are there to fill it up."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.layers.mask_operations import any_feature, not_equal
from minidl.validation import number


class Masking(Layer):
    """Masks the steps whose features all have one value, and makes zeros of them.

    Forward, with m the mask, which the output has:

        m = any(x ≠ mask_value)         over the features
        y = m x

    Backward:

        dx = m dy

    Shapes:
        x, y: (batch, time, ..., features); m: (batch, time, ...).

    Arguments:
        mask_value: the value of a step that does not count, 0 by default.

    Raises:
        ValueError: if `mask_value` is not a finite number, or the input has fewer than two axes.

    Example:
        >>> Masking(-1.0)(np.array([[[1.0, 2.0], [-1.0, -1.0]]])).tolist()
        [[[1.0, 2.0], [0.0, 0.0]]]
    """

    makes_mask = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number("mask_value", mask_value, self.name)
        self.input_spec = InputSpec(min_ndim=2)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x with zeros for the masked steps."""
        m = self.compute_mask(x)[..., np.newaxis]
        return np.where(m, x, x.dtype.type(0)), m

    def backward(self, m: Residuals, dy: Array) -> Array:
        """Return dy with zeros for the masked steps."""
        return np.where(m, dy, dy.dtype.type(0))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where any feature differs from `mask_value`."""
        return any_feature(not_equal(inputs, self.mask_value))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype
