"""The layer that puts its inputs side by side."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes, resolve_axes
from minidl.layers.layer import Layer
from minidl.layers.merging import check_shapes, describe


class Concatenate(Layer):
    """Puts its inputs side by side along an axis.

    Forward: y = [x₁, x₂, …]. Backward: dxᵢ = the part of dy that stands where xᵢ does, a view.

    Shapes:
        xᵢ: the same sizes but on `axis`; y: the same, with the sum of the sizes on `axis`.

    Arguments:
        axis: the axis, -1 by default.

    Raises:
        ValueError: if the inputs are no list, have no such axis, or differ on another axis.

    Example:
        >>> Concatenate()([np.zeros((4, 2)), np.zeros((4, 3))]).shape
        (4, 5)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_axes(axis, self.name, several=False)

    def build(self, input_shape: list[Shape]) -> None:
        """Check that the shapes go together."""
        self.compute_output_shape(input_shape)

    def forward(self, xs: list[Array], training: bool = False) -> tuple[Array, Residuals]:
        """Return the inputs side by side."""
        (axis,) = self._check([x.shape for x in xs])[0]
        floats = [x.dtype for x in xs if x.dtype.kind == "f"]  # integers follow the floats
        dtype = np.result_type(*(floats or [x.dtype for x in xs]))
        y = np.concatenate(xs, axis=axis, dtype=dtype)
        return y, (axis, np.cumsum([0, *(x.shape[axis] for x in xs)]))

    def backward(self, residuals: Residuals, dy: Array) -> list[Array]:
        """Return the parts of dy."""
        axis, ends = residuals
        before = (slice(None),) * axis
        return [dy[(*before, slice(a, b))] for a, b in pairwise(ends)]

    def _check(self, input_shape: Any) -> tuple[list[int], list[Shape]]:
        shapes = check_shapes(self, input_shape)
        axes = resolve_axes(self.axis, shapes[0], describe(self))
        for shape in shapes:
            fits = len(shape) == len(shapes[0]) and all(
                a == b or None in (a, b) or i in axes
                for i, (a, b) in enumerate(zip(shape, shapes[0], strict=True))
            )
            if not fits:
                raise ValueError(
                    f"{describe(self)} received inputs of shapes {shapes}, expected the same sizes "
                    f"on every axis but axis={self.axis}: {shape} does not go with {shapes[0]}."
                )
        return axes, shapes

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> Array | None:
        """Return the masks side by side; along the features, where any of them holds."""
        if mask is None or all(one is None for one in mask):
            return None
        wide = [
            np.broadcast_to(True if m is None else _with_last_axes(m, x.ndim), x.shape)
            for x, m in zip(inputs, mask, strict=True)
        ]
        (axis,) = self._check([x.shape for x in inputs])[0]
        return np.asarray(np.concatenate(wide, axis=axis).any(axis=-1))

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the inputs side by side."""
        (axis,), shapes = self._check(input_shape)
        out = [_known(column) for column in zip(*shapes, strict=True)]
        sizes: list[Any] = [shape[axis] for shape in shapes]
        out[axis] = None if None in sizes else sum(sizes)
        return tuple(out)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the first input's dtype."""
        return input_dtype


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def _known(sizes: tuple[int | None, ...]) -> int | None:
    return next((size for size in sizes if size is not None), None)


def _with_last_axes(mask: Array, ndim: int) -> Array:
    return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))
