"""Smooth activations that level off: sigmoid, tanh, softsign, and softplus and its mirror image.

The derivatives of most of them can be read off the output, so y is the only residual.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array, Residuals
from minidl.activations.base import Activation
from minidl.activations.elementwise import (
    log1p_exp_of_minus_abs,
    logistic,
    negative_part,
    positive_part,
)
from minidl.kernels import dense, empty_like


class Sigmoid(Activation):
    """The logistic function, from 0 to 1.

    Forward and backward:

        y = 1 / (1 + exp(−z))
        dz = y (1 − y) dy

    Example:
        >>> Sigmoid()([-1000.0, 0.0, 1000.0])
        array([0. , 0.5, 1. ])

    Source: Verhulst, "Recherches mathématiques sur la loi d'accroissement de la population",
    1845; as an activation: Rumelhart, Hinton, Williams, "Learning representations by
    back-propagating errors", 1986.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = logistic(z)
        return y, y

    def forward_in_place(self, z: Array, bias: Array | None = None) -> tuple[Array, Residuals]:
        """Return y in the place of z."""
        if bias is not None:
            z += bias
        y = logistic(z, out=z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return y (1 − y) dy."""
        if y.dtype != dy.dtype:
            return (1 - y) * y * dy
        dz = empty_like(y)
        dense.sigmoid_backward(y.reshape(-1), dy.reshape(-1), dz.reshape(-1))
        return dz


class Tanh(Activation):
    """The hyperbolic tangent, from −1 to 1.

    Forward and backward:

        y = tanh(z)
        dz = (1 − y²) dy

    Example:
        >>> Tanh()([-1000.0, 0.0, 1000.0])
        array([-1.,  0.,  1.])

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = np.tanh(z)
        return y, y

    def forward_in_place(self, z: Array, bias: Array | None = None) -> tuple[Array, Residuals]:
        """Return y in the place of z."""
        if bias is not None:
            z += bias
        y = np.tanh(z, out=z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return (1 − y²) dy."""
        if y.dtype != dy.dtype:
            return (1 - y * y) * dy
        dz = empty_like(y)
        dense.tanh_backward(y.reshape(-1), dy.reshape(-1), dz.reshape(-1))
        return dz


class Softsign(Activation):
    """A sigmoid curve from −1 to 1 that levels off as a hyperbola does, not exponentially.

    Forward and backward:

        d = 1 + |z|
        y = z / d
        dz = dy / d²

    Example:
        >>> Softsign()([-1.0, 0.0, 3.0])
        array([-0.5 ,  0.  ,  0.75])

    Source: Turian, Bergstra, Bengio, "Quadratic features and deep architectures for chunking",
    2009.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and d as residual."""
        d = np.abs(z)
        d += 1
        return z / d, d

    def backward(self, d: Residuals, dy: Array) -> Array:
        """Return dy / d²."""
        dz = dy / d  # divided twice, because d² may overflow
        dz /= d
        return dz


class Softplus(Activation):
    """A rectified linear unit with a smooth bend; its derivative is the sigmoid.

    Forward, in a form that cannot overflow:

        y = log(1 + exp(z)) = max(z, 0) + log(1 + exp(−|z|))

    Backward:

        dz = dy / (1 + exp(−z)) = (1 − exp(−y)) dy

    Example:
        >>> Softplus()([-1000.0, 0.0, 1000.0]).round(4)
        array([0.000e+00, 6.931e-01, 1.000e+03])

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option
    pricing", 2001.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = log1p_exp_of_minus_abs(z)
        y += positive_part(z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return (1 − exp(−y)) dy."""
        dz = np.negative(y)
        np.expm1(dz, out=dz)
        dz *= dy
        return np.negative(dz, out=dz)


class LogSigmoid(Activation):
    """The logarithm of the sigmoid, which is never above 0.

    Forward, in a form that cannot overflow:

        y = −log(1 + exp(−z)) = min(z, 0) − log(1 + exp(−|z|))

    Backward:

        dz = dy / (1 + exp(z)) = (1 − exp(y)) dy

    Example:
        >>> LogSigmoid()([-1000.0, 0.0, 1000.0]).round(4)
        array([-1.000e+03, -6.931e-01,  0.000e+00])
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = log1p_exp_of_minus_abs(z)
        return np.subtract(negative_part(z), y, out=y), y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return (1 − exp(y)) dy."""
        dz = np.expm1(y)
        dz *= dy
        return np.negative(dz, out=dz)


class Exponential(Activation):
    """The exponential function.

    Forward and backward:

        y = exp(z)
        dz = y dy

    It is the one activation that overflows: above 88.7 in float32 and 709.7 in float64.

    Example:
        >>> Exponential()([-1000.0, 0.0])
        array([0., 1.])
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = np.exp(z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return y dy."""
        return y * dy
