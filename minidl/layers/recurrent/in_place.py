"""Activations that overwrite their argument, for the arrays that a recurrent step owns.

A step works on small arrays many times over, so making new ones would cost as much as computing.
`overwriting` returns the in-place form of an activation: tanh, sigmoid and the identity have one
of their own, and any other works through a copy.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array, Residuals
from minidl.activations import Activation, Linear, Sigmoid, Tanh


class Overwriting:
    """The in-place form of any activation."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, z: Array) -> Residuals:
        """Turn z into y, and return what `backward` needs besides y."""
        y, residuals = self.activation.forward(z.copy())
        z[...] = y
        return residuals

    def backward(self, residuals: Residuals, y: Array, dy: Array) -> None:
        """Turn dy into dz."""
        dy[...] = self.activation.backward(residuals, dy)


class OverwritingTanh(Overwriting):
    """y = tanh(z), and dz = (1 − y²) dy."""

    def forward(self, z: Array) -> Residuals:
        """Turn z into tanh(z)."""
        np.tanh(z, out=z)

    def backward(self, residuals: Residuals, y: Array, dy: Array) -> None:
        """Turn dy into (1 − y²) dy."""
        slope = y * y
        np.subtract(1, slope, out=slope)
        dy *= slope


class OverwritingSigmoid(Overwriting):
    """y = 1 / (1 + exp(−z)) = (1 + tanh(z / 2)) / 2, and dz = y (1 − y) dy.

    By tanh it cannot overflow, and it is the cheaper form.
    """

    def forward(self, z: Array) -> Residuals:
        """Turn z into its sigmoid."""
        z *= 0.5
        np.tanh(z, out=z)
        z *= 0.5
        z += 0.5

    def backward(self, residuals: Residuals, y: Array, dy: Array) -> None:
        """Turn dy into y (1 − y) dy."""
        slope = 1 - y
        slope *= y
        dy *= slope


class OverwritingLinear(Overwriting):
    """y = z, and dz = dy."""

    def forward(self, z: Array) -> Residuals:
        """Leave z as it is."""

    def backward(self, residuals: Residuals, y: Array, dy: Array) -> None:
        """Leave dy as it is."""


_SPECIAL: dict[type, type[Overwriting]] = {
    Tanh: OverwritingTanh,
    Sigmoid: OverwritingSigmoid,
    Linear: OverwritingLinear,
}


def overwriting(activation: Activation) -> Overwriting:
    """Return the in-place form of `activation`.

    >>> z = np.array([-1000.0, 0.0, 1000.0])
    >>> overwriting(Sigmoid()).forward(z)
    >>> z
    array([0. , 0.5, 1. ])
    """
    return _SPECIAL.get(type(activation), Overwriting)(activation)


def are_sigmoid_and_tanh(sigma: Overwriting, phi: Overwriting) -> bool:
    """Return whether the gates are those that have kernels."""
    return type(sigma) is OverwritingSigmoid and type(phi) is OverwritingTanh
