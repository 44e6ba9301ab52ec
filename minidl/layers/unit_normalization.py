"""Unit normalization: each sample is scaled to length 1."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes, resolve_axes
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.layer import Layer
from minidl.layers.standardize import unit_length, unit_length_backward

_EPSILON = 1e-12  # as in Keras: shorter than this counts as no length at all


class UnitNormalization(Layer):
    """Divides each sample by its Euclidean length.

    Forward, with ‖x‖ = √Σ x² over `axis`, for each place on the other axes:

        y = x / max(‖x‖, 10⁻¹²)

    Backward:

        dx = (dy − y Σ(y dy)) / ‖x‖         or dy / 10⁻¹² where ‖x‖ is smaller

    Shapes:
        x, y: any.

    Arguments:
        axis: the axis or axes, -1 by default: the features.

    Raises:
        ValueError: if `axis` is no integer or list of integers, or the input has no such axis.

    Example:
        >>> import numpy as np
        >>> UnitNormalization()(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_axes(axis, self.name)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x / ‖x‖."""
        axes = tuple(resolve_axes(self.axis, x.shape, self.name))
        y, residuals = unit_length(as_float(x, self.dtype), axes, _EPSILON)
        return y, (residuals, axes)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return (dy − y Σ(y dy)) / ‖x‖."""
        inner, axes = residuals
        return unit_length_backward(inner, dy, axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        resolve_axes(self.axis, input_shape, f"Layer {self.name!r} (UnitNormalization)")
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)
