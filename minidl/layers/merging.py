"""Layers that merge several inputs element by element: sums, products, averages, extremes.

Inputs of different shapes are merged as Keras does: shorter ones get axes of size 1 behind the
batch, and sizes of 1 are repeated. The gradient of what was repeated is the sum of its copies.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.dtypes import float_name
from minidl.layers.layer import Layer


class Merge(Layer):
    """What the merging layers share: checks, broadcasting, and its inverse in backward.

    A subclass writes `_merge(xs) -> y, residuals` and `_unmerge(residuals, dy) -> dxs` for inputs
    of one dtype and rank; the terms of dxs may still have y's shape.
    """

    inputs_wanted: int | None = None  # the exact number of inputs, where it matters

    def build(self, input_shape: list[Shape]) -> None:
        """Check that the shapes go together."""
        self.compute_output_shape(input_shape)

    def forward(self, xs: list[Array], training: bool = False) -> tuple[Array, Residuals]:
        """Return the merged array."""
        shapes = [x.shape for x in xs]
        if shapes.count(shapes[0]) != len(xs):
            rank = len(self.compute_output_shape(shapes))  # raises where they do not go together
            xs = [_with_rank(x, rank) for x in xs]
        y, residuals = self._merge(with_one_dtype(xs, self.dtype))
        return y, (shapes, residuals)

    def backward(self, residuals: Residuals, dy: Array) -> list[Array]:
        """Return the gradient with respect to each input."""
        shapes, inner = residuals
        return [
            dx if dx.shape == shape else _summed_to(dx, shape)
            for dx, shape in zip(self._unmerge(inner, dy), shapes, strict=True)
        ]

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> Array | None:
        """Return where any of the masks holds; None if an input has none."""
        if mask is None or any(one is None for one in mask):
            return None
        return reduce(np.logical_or, mask)

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        raise NotImplementedError

    def _unmerge(self, residuals: Residuals, dy: Array) -> list[Array]:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the merged inputs."""
        shapes = check_shapes(self, input_shape, self.inputs_wanted)
        batches = {shape[0] for shape in shapes} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"{describe(self)} received inputs of shapes {shapes}, expected one batch size."
            )
        rank = max(map(len, shapes))
        full = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        sizes = [_merged_size(column) for column in list(zip(*full, strict=True))[1:]]
        if "clash" in sizes:
            raise ValueError(
                f"{describe(self)} received inputs of shapes {shapes}, expected the same sizes, or "
                f"1, on each axis; axis {sizes.index('clash') + 1} differs. Reshape the inputs, or "
                "use layers.Concatenate to put them side by side."
            )
        return (batches.pop() if batches else None, *sizes)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the first input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


class Add(Merge):
    """The sum of its inputs.

    Forward: y = Σᵢ xᵢ. Backward: dxᵢ = dy.

    Shapes:
        xᵢ: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are no list, or their shapes do not go together.

    Example:
        >>> Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        array([[11., 22.]])
    """

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        return _fold(np.add, xs), len(xs)

    def _unmerge(self, count: Residuals, dy: Array) -> list[Array]:
        return [dy] * count


class Subtract(Merge):
    """The difference of two inputs.

    Forward: y = x₁ − x₂. Backward: dx₁ = dy, dx₂ = −dy.

    Shapes:
        x₁, x₂: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are not two, or their shapes do not go together.

    Example:
        >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        array([[ -9., -18.]])
    """

    inputs_wanted = 2

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        return xs[0] - xs[1], None

    def _unmerge(self, residuals: Residuals, dy: Array) -> list[Array]:
        return [dy, -dy]


class Multiply(Merge):
    """The product of its inputs.

    Forward: y = Πᵢ xᵢ. Backward: dxᵢ = dy Πⱼ≠ᵢ xⱼ, which needs no division, so zeros are no
    exception.

    Shapes:
        xᵢ: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are no list, or their shapes do not go together.

    Example:
        >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
        array([[10., 40.]])
    """

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        return _fold(np.multiply, xs), xs

    def _unmerge(self, xs: Residuals, dy: Array) -> list[Array]:
        # From the left, dy x₁ … xᵢ₋₁; then from the right, times xᵢ₊₁ … xₙ.
        dxs = [dy]
        for x in xs[:-1]:
            dxs.append(dxs[-1] * x)
        right = xs[-1]
        for i in range(len(xs) - 2, -1, -1):
            dxs[i] = dxs[i] * right
            right = right * xs[i] if i else right
        return dxs


class Average(Merge):
    """The mean of its inputs.

    Forward: y = Σᵢ xᵢ / n. Backward: dxᵢ = dy / n, for n inputs.

    Shapes:
        xᵢ: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are no list, or their shapes do not go together.

    Example:
        >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
        array([[2., 4.]])
    """

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        n = len(xs)
        return _fold(np.add, [x / n for x in xs]), n  # divided first: the sum may overflow

    def _unmerge(self, n: Residuals, dy: Array) -> list[Array]:
        return [dy / n] * n


class Extreme(Merge):
    """What Maximum and Minimum share: a fold over the inputs, and who gets the gradient."""

    _choose: np.ufunc
    _beats: np.ufunc

    def _merge(self, xs: list[Array]) -> tuple[Array, Residuals]:
        best = [xs[0]]
        for x in xs[1:]:
            best.append(self._choose(best[-1], x))
        return best[-1], (xs, best)

    def _unmerge(self, residuals: Residuals, dy: Array) -> list[Array]:
        xs, best = residuals
        dxs = []
        for x, before in zip(reversed(xs[1:]), reversed(best[:-1]), strict=True):
            share = np.add(self._beats(x, before), x == before, dtype=dy.dtype)
            share -= 0.5 * (x == before)
            dxs.append(dy * share)
            dy = dy * (1 - share)
        return [dy, *reversed(dxs)]


class Maximum(Extreme):
    """The largest of its inputs, element by element.

    Forward: y = maxᵢ xᵢ, one input after the other. Backward: dy goes to the largest. At a tie
    between the largest so far and the next input each gets half, as in Keras on JAX and PyTorch.

    Shapes:
        xᵢ: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are no list, or their shapes do not go together.

    Example:
        >>> Maximum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
        array([[10., 20.]])
    """

    _choose = np.maximum
    _beats = np.greater


class Minimum(Extreme):
    """The smallest of its inputs, element by element.

    Forward: y = minᵢ xᵢ, one input after the other. Backward: dy goes to the smallest. At a tie
    between the smallest so far and the next input each gets half, as in Keras on JAX and PyTorch.

    Shapes:
        xᵢ: (batch, ...), the same or broadcast to each other; y: (batch, ...).

    Raises:
        ValueError: if the inputs are no list, or their shapes do not go together.

    Example:
        >>> Minimum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
        array([[1., 2.]])
    """

    _choose = np.minimum
    _beats = np.less


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return `Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def describe(layer: Layer) -> str:
    """Return how messages call a layer."""
    return f"Layer {layer.name!r} ({type(layer).__name__})"


def check_shapes(layer: Layer, shapes: Any, wanted: int | None = None) -> list[Shape]:
    """Return the shapes of several inputs as a list of tuples.

    Raises:
        ValueError: if they are not several, not `wanted`, or one has no batch axis.
    """
    if not isinstance(shapes, list) or not shapes:
        raise ValueError(
            f"{describe(layer)} received one input of shape {shapes}, expected a list of "
            f"{wanted or 'several'}: layer([x1, x2])."
        )
    shapes = [tuple(shape) for shape in shapes]
    if wanted is not None and len(shapes) != wanted:
        raise ValueError(
            f"{describe(layer)} received {len(shapes)} inputs of shapes {shapes}, "
            f"expected {wanted}."
        )
    if not all(shapes):
        raise ValueError(
            f"{describe(layer)} received inputs of shapes {shapes}, expected a batch axis in each."
        )
    return shapes


def _merged_size(sizes: tuple[int | None, ...]) -> Any:
    """Return the size that `sizes` on one axis are broadcast to; None if that is not known."""
    known = {size for size in sizes if size not in (None, 1)}
    if len(known) > 1:
        return "clash"
    if None in sizes:
        return None
    return known.pop() if known else 1


def _with_rank(x: Array, rank: int) -> Array:
    return x.reshape(*x.shape[:1], *(1,) * (rank - x.ndim), *x.shape[1:])


def with_one_dtype(xs: list[Array], own: str) -> list[Array]:
    """Return arrays of one float dtype: the widest among them, or the layer's own for integers."""
    dtypes = {x.dtype for x in xs}
    dtype = np.dtype(float_name(np.result_type(*dtypes).name, own))
    return xs if dtypes == {dtype} else [x.astype(dtype, copy=False) for x in xs]


def _fold(operation: np.ufunc, xs: list[Array]) -> Array:
    """Return x₁ ∘ x₂ ∘ …, in place from the second step on where the shape allows it."""
    y = xs[0]
    for i, x in enumerate(xs[1:]):
        grows = np.broadcast_shapes(y.shape, x.shape) != y.shape
        y = operation(y, x) if i == 0 or grows else operation(y, x, out=y)
    return y


def _summed_to(dx: Array, shape: tuple[int, ...]) -> Array:
    """Return dx for an input of `shape` that was repeated to dx's shape: the sum of the copies."""
    full = (*shape[:1], *(1,) * (dx.ndim - len(shape)), *shape[1:])
    repeated = tuple(a for a in range(dx.ndim) if full[a] == 1 and dx.shape[a] != 1)
    return dx.sum(axis=repeated, keepdims=True).reshape(shape)
