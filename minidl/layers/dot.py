"""The layer that multiplies the samples of two inputs with each other, along an axis of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes
from minidl.layers.dtypes import float_name
from minidl.layers.layer import Layer
from minidl.layers.merging import check_shapes, describe, with_one_dtype
from minidl.layers.standardize import unit_length, unit_length_backward


class Dot(Layer):
    """The product of two inputs, sample by sample, summed along an axis of each.

    Forward, for each sample, with k on the two axes and i, j standing for all others:

        yᵢⱼ = Σₖ aᵢₖ bₖⱼ

    With `normalize`, a and b are first divided by their lengths along k, so that y is a cosine.
    Backward:

        daᵢₖ = Σⱼ dyᵢⱼ bₖⱼ
        dbₖⱼ = Σᵢ aᵢₖ dyᵢⱼ

    Shapes:
        a, b: (batch, ...), the same size on the two axes; y: (batch, a's other sizes, b's other
        sizes), or (batch, 1) where there are none.

    Arguments:
        axes: the axis of a and the axis of b, or one number for both; the batch axis is 0.
        normalize: whether to divide by the lengths first (no shorter than `config.epsilon()`).

    Raises:
        ValueError: if `axes` is neither, the inputs are not two, or their shapes do not go
            together.

    Example:
        >>> a, b = np.ones((2, 3, 5)), np.ones((2, 10, 3))
        >>> Dot(axes=(1, 2))([a, b]).shape
        (2, 5, 10)
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        checked = check_axes(axes, self.name)
        if isinstance(checked, list) and len(checked) != 2:
            raise ValueError(
                f"{self.name}: received axes={axes}, expected an integer, or two of them: one for "
                "each input."
            )
        self.axes = checked
        self.normalize = normalize

    def build(self, input_shape: list[Shape]) -> None:
        """Check that the shapes go together."""
        self.compute_output_shape(input_shape)

    def forward(self, xs: list[Array], training: bool = False) -> tuple[Array, Residuals]:
        """Return the products."""
        shapes, axes = self._check([x.shape for x in xs])
        a, b = with_one_dtype(xs, self.dtype)
        lengths = []
        if self.normalize:
            a, length_a = unit_length(a, (axes[0],), config.epsilon())
            b, length_b = unit_length(b, (axes[1],), config.epsilon())
            lengths = [length_a, length_b]
        a, b = np.moveaxis(a, axes[0], -1), np.moveaxis(b, axes[1], 1)
        rows = a.reshape(len(a), math.prod(a.shape[1:-1]), a.shape[-1])
        columns = b.reshape(len(b), b.shape[1], math.prod(b.shape[2:]))
        y = np.matmul(rows, columns).reshape(self._output_shape(shapes, axes))
        return y, (rows, columns, a.shape, b.shape, axes, lengths)

    def backward(self, residuals: Residuals, dy: Array) -> list[Array]:
        """Return da and db."""
        rows, columns, a_shape, b_shape, axes, lengths = residuals
        dy = dy.reshape(len(rows), rows.shape[1], columns.shape[2])
        da = np.matmul(dy, columns.swapaxes(1, 2)).reshape(a_shape)
        db = np.matmul(rows.swapaxes(1, 2), dy).reshape(b_shape)
        dxs = [np.moveaxis(da, -1, axes[0]), np.moveaxis(db, 1, axes[1])]
        if lengths:
            both = zip(lengths, dxs, axes, strict=True)
            dxs = [unit_length_backward(length, dx, (axis,)) for length, dx, axis in both]
        return dxs

    def _check(self, input_shape: Any) -> tuple[list[Shape], list[int]]:
        shapes = check_shapes(self, input_shape, 2)
        axes = [self.axes] * 2 if isinstance(self.axes, int) else list(self.axes)
        resolved = []
        for axis, shape in zip(axes, shapes, strict=True):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    f"{describe(self)} received inputs of shapes {shapes}, in which "
                    f"axes={self.axes} is no axis besides the batch. Axis 1 is the first after it."
                )
            resolved.append(axis % len(shape))
        first, second = shapes
        sizes = (first[resolved[0]], second[resolved[1]])
        batches_differ = None not in (first[0], second[0]) and first[0] != second[0]
        if batches_differ or (None not in sizes and sizes[0] != sizes[1]):
            raise ValueError(
                f"{describe(self)} received inputs of shapes {shapes}, expected one batch size, "
                f"and one size on the axes {resolved[0]} and {resolved[1]}, along which it sums."
            )
        return shapes, resolved

    def _output_shape(self, shapes: list[Shape], axes: list[int]) -> Shape:
        a, b = (shape[1:axis] + shape[axis + 1 :] for shape, axis in zip(shapes, axes, strict=True))
        batch = shapes[0][0] if shapes[0][0] is not None else shapes[1][0]
        return (batch, *((a + b) or (1,)))

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> None:
        """Return None: the axes that a mask would be for have been summed over."""

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return (batch, a's other sizes, b's other sizes)."""
        return self._output_shape(*self._check(input_shape))

    def output_dtype(self, input_dtype: str) -> str:
        """Return the first input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Return `Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
