"""Layers that move numbers about without changing them. The batch axis stays where it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape, ShapeLike
from minidl.layers.axes import check_data_format
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.validation import positive_integer


class Reshaping(Layer):
    """What the layers of this file share: integers stay integers, and backward undoes forward."""

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype


class Flatten(Reshaping):
    """Makes one row of each sample.

    Forward: y = x's numbers in row-major order, channels last. Backward: dx = dy in x's shape.

    Shapes:
        x: (batch, ...); y: (batch, product of the other sizes). A single number per sample,
        x: (batch,), becomes y: (batch, 1).

    Arguments:
        data_format: `"channels_last"` (default), or `"channels_first"` where axis 1 holds the
            channels: they are then moved behind the other axes first, so that the same image
            gives the same row in both formats.

    Raises:
        ValueError: if `data_format` is neither.

    Example:
        >>> Flatten()(np.zeros((4, 28, 28))).shape
        (4, 784)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format, self.name)
        self.input_spec = InputSpec(min_ndim=1)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x as rows."""
        if self.data_format == "channels_first" and x.ndim > 2:
            x = np.moveaxis(x, 1, -1)
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, shape: Residuals, dy: Array) -> Array:
        """Return dy in x's shape."""
        dx = dy.reshape(shape)
        if self.data_format == "channels_first" and dx.ndim > 2:
            dx = np.moveaxis(dx, -1, 1)
        return dx

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, product of the other sizes), with None where one is not known."""
        batch, *sizes = input_shape
        known = [size for size in sizes if size is not None]
        return (batch, math.prod(known) if len(known) == len(sizes) else None)


class Reshape(Reshaping):
    """Gives each sample another shape of the same size.

    Forward: y = x's numbers in the shape `target_shape`, row-major. Backward: dx = dy in x's shape.

    Shapes:
        x: (batch, ...); y: (batch, *target_shape).

    Arguments:
        target_shape: the shape of one sample, without the batch axis. One size may be -1: it is
            then whatever is left.

    Raises:
        ValueError: if a size is negative other than one -1, or an input's size does not fit.

    Example:
        >>> Reshape((2, -1))(np.zeros((4, 6))).shape
        (4, 2, 3)
    """

    def __init__(self, target_shape: ShapeLike, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(target_shape, int | np.integer):
            raise ValueError(
                f"{self.name}: received target_shape={target_shape}, expected a tuple of sizes. "
                f"Write ({target_shape},)."
            )
        sizes: tuple[Any, ...] = tuple(target_shape)
        integers = all(isinstance(s, int | np.integer) and not isinstance(s, bool) for s in sizes)
        if not integers or any(s < -1 for s in sizes) or sizes.count(-1) > 1:
            raise ValueError(
                f"{self.name}: received target_shape={target_shape!r}, expected non-negative "
                "integers, one of which may be -1 (whatever is left)."
            )
        self.target_shape = tuple(int(s) for s in sizes)
        self.input_spec = InputSpec(min_ndim=1)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x in the new shape."""
        return x.reshape(self.compute_output_shape(x.shape)), x.shape

    def backward(self, shape: Residuals, dy: Array) -> Array:
        """Return dy in x's shape."""
        return dy.reshape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *target_shape); -1 becomes a size, or None where x's is not known."""
        batch, *sizes = input_shape
        total = math.prod(s for s in sizes if s is not None)
        if None in sizes:
            return (batch, *(None if s == -1 else s for s in self.target_shape))
        named = math.prod(s for s in self.target_shape if s != -1)
        fits = total == named if -1 not in self.target_shape else named and total % named == 0
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} (Reshape) received an input of shape {tuple(input_shape)}, "
                f"{total} numbers a sample, which target_shape={self.target_shape} cannot hold. "
                "Choose sizes whose product is the same; -1 stands for whatever is left."
            )
        return (batch, *(total // named if s == -1 else s for s in self.target_shape))


class Permute(Reshaping):
    """Puts the axes of each sample in another order.

    Forward: y[n, i, j, ...] = x[n, ...] with the axes in the order `dims`. Backward: dx = dy with
    the axes put back.

    Shapes:
        x: (batch, s₁, s₂, ...); y: (batch, s_dims[0], s_dims[1], ...).

    Arguments:
        dims: the axes of x, counted from 1, in the order in which y has them.

    Raises:
        ValueError: if `dims` is not 1, 2, ... in some order, or the input has another rank.

    Example:
        >>> Permute((2, 1))(np.zeros((4, 10, 64))).shape
        (4, 64, 10)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, list | tuple) else ()
        if not self.dims or set(self.dims) != set(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"{self.name}: received dims={dims!r}, expected the axes 1, 2, ... in some order, "
                "such as (2, 1); the batch axis 0 stays."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x with its axes in the new order."""
        return x.transpose(0, *self.dims), None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy with its axes put back."""
        return dy.transpose(np.argsort((0, *self.dims)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with its axes in the new order."""
        return (input_shape[0], *(input_shape[d] for d in self.dims))


class RepeatVector(Reshaping):
    """Repeats each sample n times, as steps of a sequence.

    Forward: y[b, t, f] = x[b, f] for t = 1 … n. Backward: dx = Σₜ dy[:, t, :].

    Shapes:
        x: (batch, features); y: (batch, n, features).

    Arguments:
        n: how often, a positive integer.

    Raises:
        ValueError: if `n` is not a positive integer, or the input has other than two axes.

    Example:
        >>> RepeatVector(3)(np.zeros((4, 8))).shape
        (4, 3, 8)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_integer("n", n, self.name)
        self.input_spec = InputSpec(ndim=2)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return n copies of x along a new axis 1."""
        return np.repeat(x[:, np.newaxis], self.n, axis=1), None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return the sum over the copies."""
        return dy.sum(axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, n, features)."""
        return (input_shape[0], self.n, input_shape[1])
