"""What the pooling layers share: arguments, shapes, and one step for each axis of space.

Forwards the last axis is pooled first; backwards the steps are undone in the opposite order.
"""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_data_format
from minidl.layers.convolutional.geometry import check_padding, check_sizes, output_size
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.layers.pooling.windows import Windows


class Pooling(Layer):
    """A layer that makes one number of each window of its input."""

    _rank: int  # how many axes of space there are

    def __init__(
        self,
        pool_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = check_sizes("pool_size", pool_size, self._rank, self.name)
        self.strides = (
            self.pool_size
            if strides is None
            else check_sizes("strides", strides, self._rank, self.name)
        )
        self.padding = check_padding(padding, self.name)
        self.data_format = check_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def build(self, input_shape: Shape) -> None:
        """Check that the windows fit into inputs of `input_shape`."""
        self.compute_output_shape(input_shape)

    def pool(self, x: Array, axis: int, windows: Windows) -> tuple[Array, Residuals]:
        """Return x pooled along one axis, and what `unpool` will need."""
        raise NotImplementedError

    def unpool(self, residuals: Residuals, dy: Array, axis: int, windows: Windows) -> Array:
        """Return the gradient with respect to what `pool` took."""
        raise NotImplementedError

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return y: x pooled along one axis after the other, the last one first."""
        y = as_float(x, self.dtype)
        steps = []
        for axis, windows in reversed(self._windows(x.shape)):
            y, residuals = self.pool(y, axis, windows)
            steps.append((residuals, axis, windows))
        return y, steps

    def backward(self, steps: Residuals, dy: Array) -> Array:
        """Return dx, back along one axis after the other."""
        for residuals, axis, windows in reversed(steps):
            dy = self.unpool(residuals, dy, axis, windows)
        return dy

    def _windows(self, shape: tuple[int, ...]) -> list[tuple[int, Windows]]:
        """Return the axes that are pooled, and the windows on each."""
        self.compute_output_shape(shape)
        first = 1 if self.data_format == "channels_last" else 2
        found = [
            (first + i, Windows.along(shape[first + i], size, stride, self.padding))
            for i, (size, stride) in enumerate(zip(self.pool_size, self.strides, strict=True))
        ]
        return [(axis, windows) for axis, windows in found if not windows.trivial]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the number of windows on each axis of space."""
        shape = list(input_shape)
        first = 1 if self.data_format == "channels_last" else 2
        space = input_shape[first : first + self._rank]
        for i, length in enumerate(space):
            if length is None:
                continue
            count = output_size(length, self.pool_size[i], self.strides[i], 1, self.padding)
            if count is None or count < 1:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}) received an input of shape "
                    f"{tuple(input_shape)}, whose sizes in space {space} (data_format="
                    f"{self.data_format!r}) leave no room for a window of {self.pool_size}. Pool "
                    "less often, choose a smaller pool_size, or pad with padding='same'."
                )
            shape[first + i] = count
        return tuple(shape)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)
