"""Activations that are a straight line on the right and an exponential on the left.

All read their derivative off the output: on the left y + α is the exponential itself.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array, Residuals
from minidl.activations.base import Activation
from minidl.activations.elementwise import negative_part, positive_part
from minidl.validation import number


class Elu(Activation):
    """The exponential linear unit.

    Forward:

        y = z                       where z > 0
        y = α (exp(z) − 1)          where z ≤ 0

    Backward:

        dz = dy                     where z > 0
        dz = α exp(z) dy = (y + α) dy       where z ≤ 0

    Arguments:
        alpha: α, at least 0; the output tends to −α on the left. 1 by default.

    Raises:
        ValueError: if `alpha` is negative or not finite.

    Example:
        >>> Elu()([-1000.0, 0.0, 2.0])
        array([-1.,  0.,  2.])

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2015.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("alpha", alpha, "Elu", low=0)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = negative_part(z)
        np.expm1(y, out=y)
        y *= self.alpha
        y += positive_part(z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy on the right, (y + α) dy on the left."""
        right = y > 0
        dz = y + self.alpha
        dz *= ~right
        dz += right
        dz *= dy
        return dz


class Selu(Activation):
    """The scaled exponential linear unit, which keeps mean 0 and variance 1 from layer to layer.

    Forward, with α = 1.6732632423543772 and λ = 1.0507009873554805:

        y = λ z                     where z > 0
        y = λ α (exp(z) − 1)        where z ≤ 0

    Backward:

        dz = λ dy                   where z > 0
        dz = λ α exp(z) dy = (y + λ α) dy   where z ≤ 0

    It wants the initializer `"lecun_normal"`.

    Example:
        >>> Selu()([-1000.0, 0.0, 2.0]).round(4)
        array([-1.7581,  0.    ,  2.1014])

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
    """

    alpha = 1.6732632423543772
    scale = 1.0507009873554805

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = negative_part(z)
        np.expm1(y, out=y)
        y *= self.alpha
        y += positive_part(z)
        y *= self.scale
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return λ dy on the right, (y + λ α) dy on the left."""
        right = y > 0
        dz = y + self.scale * self.alpha
        dz *= ~right
        dz += np.multiply(right, self.scale, dtype=dz.dtype)
        dz *= dy
        return dz


class Celu(Activation):
    """The exponential linear unit whose derivative has no jump, whatever α.

    Forward:

        y = z                       where z > 0
        y = α (exp(z / α) − 1)      where z ≤ 0

    Backward:

        dz = dy                     where z > 0
        dz = exp(z / α) dy = (y / α + 1) dy     where z ≤ 0

    Arguments:
        alpha: α, above 0; the output tends to −α on the left. 1 by default.

    Raises:
        ValueError: if `alpha` is not a positive number.

    Example:
        >>> Celu(alpha=2.0)([-1000.0, 0.0, 2.0])
        array([-2.,  0.,  2.])

    Source: Barron, "Continuously differentiable exponential linear units", 2017.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("alpha", alpha, "Celu", low=0, open_low=True)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = negative_part(z)
        with np.errstate(over="ignore"):  # −∞ is the right step to an output of −α
            y /= self.alpha
        np.expm1(y, out=y)
        y *= self.alpha
        y += positive_part(z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy on the right, (y / α + 1) dy on the left."""
        dz = negative_part(y)
        dz /= self.alpha
        dz += 1  # on the right this is 1 already
        dz *= dy
        return dz
