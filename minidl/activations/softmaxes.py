"""Softmax and its logarithm: here every output depends on every input of the same axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.activations.base import Activation


class Softmax(Activation):
    """Positive numbers that add up to 1 along an axis.

    Forward, in a form that cannot overflow:

        e = exp(z − max z)
        y = e / Σ e

    Backward. The Jacobian is ∂yⱼ/∂zᵢ = yⱼ (δᵢⱼ − yᵢ), so

        dzᵢ = Σⱼ dyⱼ yⱼ (δᵢⱼ − yᵢ) = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ)

    All sums and the maximum run along `axis`.

    Arguments:
        axis: the axis, or a tuple of axes; −1, the last, by default.

    Raises:
        ValueError: if `axis` is neither an integer nor a sequence of them.

    Example:
        >>> Softmax()([[0.0, 0.0], [1000.0, -1000.0]])
        array([[0.5, 0.5],
               [1. , 0. ]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """

    def __init__(self, axis: int | tuple[int, ...] = -1) -> None:
        self.axis = check_axes(axis, "Softmax")

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = _below_maximum(z, self.axis)
        np.exp(y, out=y)
        y /= np.add.reduce(y, axis=self.axis, keepdims=True)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return y (dy − Σ dy y)."""
        dz = dy * y
        total = dz.sum(axis=self.axis, keepdims=True)
        np.subtract(dy, total, out=dz)
        dz *= y
        return dz


class LogSoftmax(Activation):
    """The logarithm of the softmax, exact where the softmax itself is too small to hold.

    Forward:

        d = z − max z
        y = d − log Σ exp(d)

    Backward. The Jacobian is ∂yⱼ/∂zᵢ = δᵢⱼ − exp(yᵢ), so

        dzᵢ = dyᵢ − exp(yᵢ) Σⱼ dyⱼ

    All sums and the maximum run along `axis`.

    Arguments:
        axis: the axis, or a tuple of axes; −1, the last, by default.

    Raises:
        ValueError: if `axis` is neither an integer nor a sequence of them.

    Example:
        >>> LogSoftmax()([[0.0, 0.0], [1000.0, -1000.0]]).round(4)
        array([[-6.931e-01, -6.931e-01],
               [ 0.000e+00, -2.000e+03]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """

    def __init__(self, axis: int | tuple[int, ...] = -1) -> None:
        self.axis = check_axes(axis, "LogSoftmax")

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = _below_maximum(z, self.axis)
        total = np.exp(y).sum(axis=self.axis, keepdims=True)
        y -= np.log(total, out=total)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy − exp(y) Σ dy."""
        dz = np.exp(y)
        dz *= dy.sum(axis=self.axis, keepdims=True)
        return np.subtract(dy, dz, out=dz)


def _below_maximum(z: Array, axis: int | tuple[int, ...]) -> Array:
    """Return z − max z; −∞ where that is below what the float type can hold."""
    largest = np.maximum.reduce(z, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        return np.subtract(z, largest)


def check_axes(axis: Any, owner: str, several: bool = True) -> Any:
    """Return `axis` as an int, or as a tuple of ints where `several` may stand.

    Raises:
        ValueError: if it is something else.
    """
    is_several = several and isinstance(axis, list | tuple) and len(axis) > 0
    axes = axis if is_several else (axis,)
    if any(isinstance(a, bool) or not isinstance(a, int | np.integer) for a in axes):
        expected = "an integer such as -1" + (", or a tuple of them" if several else "")
        raise ValueError(f"{owner}: received axis={axis!r}, expected {expected}.")
    return tuple(int(a) for a in axes) if is_several else int(axis)
