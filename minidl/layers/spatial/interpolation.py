"""Resizing along an axis: every new place is a weighted mean of old ones.

So resizing is a product with a matrix M, one row for each new place, and its gradient is the
product with Mᵀ. Pixels are little squares: the centre of pixel i is at i + ½, and old and new
image have the same borders.

    y = M x,  dx = Mᵀ dy,   M[o, i] = k(|i + ½ − (o + ½) n / m| / s) / the row's sum

with n old and m new places, k the kernel, and s = n / m when an image is made smaller with
`antialias` (each new place then sees all the old ones it covers), else 1. Old places beyond the
borders are left out, and the rest of the row makes up for them.

Source: Keys, "Cubic convolution interpolation for digital image processing", 1981; Duchon,
"Lanczos filtering in one and two dimensions", 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.registry import nearest


def _triangle(d: Array) -> Array:
    return np.maximum(0, 1 - d)


def _cubic(d: Array) -> Array:
    """Keys's kernel with a = −½: exact for parabolas."""
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((2.5 - 0.5 * d) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    def kernel(d: Array) -> Array:
        return np.where(d <= radius, np.sinc(d) * np.sinc(d / radius), 0)

    return kernel


KERNELS: dict[str, Callable[[Array], Array]] = {
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
INTERPOLATIONS = ("nearest", *KERNELS)


def check_interpolation(
    interpolation: Any, owner: str, known: tuple[str, ...] = INTERPOLATIONS
) -> str:
    """Return `interpolation` in lower case.

    Raises:
        ValueError: if it is not among `known`; the message has the nearest one.
    """
    if not isinstance(interpolation, str) or interpolation.lower() not in known:
        raise ValueError(
            f"{owner}: received interpolation={interpolation!r}. "
            f"{nearest(str(interpolation), list(known))}"
        )
    return interpolation.lower()


class Interpolation(NamedTuple):
    """Resizing as a product with a matrix (new places, old places)."""

    matrix: Array

    def apply(self, x: Array, axis: int) -> Array:
        """Return M x along an axis."""
        return _along(self.matrix, x, axis)

    def adjoint(self, dy: Array, axis: int) -> Array:
        """Return Mᵀ dy along an axis."""
        return _along(self.matrix.T, dy, axis)


class Selection(NamedTuple):
    """Resizing by the nearest place: each new place is a copy of an old one.

    It is the product with a matrix of a single 1 in each row, without the matrix.
    """

    old_places: Array  # for each new place; never decreasing
    length: int  # how many old places there are

    def apply(self, x: Array, axis: int) -> Array:
        """Return the chosen places along an axis."""
        return np.take(x, self.old_places, axis=axis)

    def adjoint(self, dy: Array, axis: int) -> Array:
        """Return for each old place the sum of dy over its copies."""
        starts = np.flatnonzero(np.diff(self.old_places, prepend=-1))
        dx = np.zeros((*dy.shape[:axis], self.length, *dy.shape[axis + 1 :]), dy.dtype)
        chosen = (slice(None),) * axis + (self.old_places[starts],)
        dx[chosen] = np.add.reduceat(dy, starts, axis=axis)
        return dx


def resizing(
    length: int, new_length: int, interpolation: str, dtype: Any, antialias: bool = False
) -> Interpolation | Selection:
    """Return what makes `new_length` places of `length`.

    >>> resizing(2, 4, "bilinear", "float32").matrix
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]], dtype=float32)
    >>> resizing(4, 2, "nearest", "float32").apply(np.array([1, 2, 3, 4]), axis=0)
    array([2, 4])
    """
    if interpolation == "nearest":
        centres = (2 * np.arange(new_length) + 1) * length  # in half new places: exact in integers
        return Selection(centres // (2 * new_length), length)
    scale = length / new_length
    centre = (np.arange(new_length) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(length) - centre[:, None])
    if antialias:
        distance /= max(scale, 1.0)
    weights = KERNELS[interpolation](distance)
    weights /= weights.sum(axis=1, keepdims=True)
    return Interpolation(weights.astype(dtype))


def _along(matrix: Array, x: Array, axis: int) -> Array:
    """Return the product of `matrix` with x along an axis."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    trailing = math.prod(after)
    if trailing == 1:
        y = np.matmul(x.reshape(math.prod(before), x.shape[axis]), matrix.T)
    else:
        y = np.matmul(matrix, x.reshape(*before, x.shape[axis], trailing))
    return y.reshape(*before, len(matrix), *after)
