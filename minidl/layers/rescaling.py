"""The layer at a model's door that brings pixels into a small range."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.layer import Layer


class Rescaling(Layer):
    """Multiplies by a scale and adds an offset, and turns integers into floats on the way.

    Forward:

        y = x scale + offset

    in the layer's own dtype, whatever x's is: images can stay uint8 up to here. Backward:

        dx = dy scale

    Shapes:
        x, y: any; scale, offset: numbers, or arrays that broadcast to x, such as (channels,).

    Arguments:
        scale: what to multiply by, such as 1/255.
        offset: what to add then; 0 by default.

    Raises:
        ValueError: if `scale` or `offset` is no finite number or array of them, or does not
            broadcast to an input.

    Example:
        >>> Rescaling(1 / 127.5, offset=-1)(np.array([0, 255], dtype="uint8"))
        array([-1.,  1.], dtype=float32)
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self._scale = self._numbers("scale", scale)
        self._offset = self._numbers("offset", offset)
        self._has_offset = bool(self._offset.any())

    def _numbers(self, argument: str, value: Any) -> Array:
        try:
            array = np.asarray(value, dtype=self.dtype)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if not np.isfinite(array).all():
            raise ValueError(
                f"{self.name}: received {argument}={value!r}, expected a finite number such as "
                "1/255, or an array of them."
            )
        return array

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x scale + offset."""
        self._check_broadcast(x.shape)
        y = np.multiply(x, self._scale, dtype=self.dtype)
        if self._has_offset:
            y += self._offset
        return y, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy scale."""
        return dy * self._scale

    def _check_broadcast(self, shape: Shape) -> None:
        for argument, values in (("scale", self._scale), ("offset", self._offset)):
            sizes = shape[len(shape) - values.ndim :] if values.ndim <= len(shape) else ()
            fits = len(sizes) == values.ndim and all(
                v == 1 or s is None or v == s for v, s in zip(values.shape, sizes, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"Layer {self.name!r} (Rescaling) received an input of shape {tuple(shape)}, "
                    f"to which {argument} of shape {values.shape} does not broadcast."
                )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        self._check_broadcast(input_shape)
        return input_shape
