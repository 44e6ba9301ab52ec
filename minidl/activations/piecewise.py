"""Activations made of straight pieces (and of one parabola): the cheapest there are.

At a kink the derivative is a choice between the slopes on both sides. Each class says which it
takes; it is Keras's (on JAX), wherever Keras takes one side rather than the middle.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array, Residuals
from minidl.activations.base import Activation
from minidl.activations.elementwise import negative_part, positive_part
from minidl.kernels import dense, empty_like
from minidl.validation import number


class Linear(Activation):
    """The identity.

    Forward and backward:

        y = z
        dz = dy

    Example:
        >>> Linear()([1.0, -2.0])
        array([ 1., -2.])
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return z itself."""
        return z, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy itself."""
        return dy


class Relu(Activation):
    """The rectified linear unit, which cuts off what is negative.

    Forward, with a = negative_slope, θ = threshold and m = max_value:

        y = min(z, m)       where z > θ
        y = a (z − θ)       elsewhere

    Backward:

        dz = dy             where θ < z < m
        dz = a dy           where z < θ
        dz = 0              where z ≥ m

    At the kink z = θ the derivative is 0, but 1 if `negative_slope` is not 0.

    Arguments:
        negative_slope: the slope below the threshold, at least 0; 0 by default.
        max_value: the largest output, at least 0; None, the default, sets no bound.
        threshold: where the output begins, at least 0; 0 by default.

    Raises:
        ValueError: if an argument is negative or not finite.

    Example:
        >>> Relu(max_value=6)([-1.0, 3.0, 9.0])
        array([0., 3., 6.])

    Source: Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    def __init__(
        self, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
    ) -> None:
        self.negative_slope = number("negative_slope", negative_slope, "Relu", low=0)
        self.max_value = None if max_value is None else number("max_value", max_value, "Relu", 0)
        self.threshold = number("threshold", threshold, "Relu", low=0)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual: its sign tells the piece."""
        highest = np.inf if self.max_value is None else self.max_value
        y = np.clip(z, 0, highest, out=empty_like(z))
        if self.threshold:
            y *= z > self.threshold
        if self.negative_slope:
            below = negative_part(z - self.threshold)
            below *= self.negative_slope
            y += below
        return y, y

    def forward_in_place(self, z: Array, bias: Array | None = None) -> tuple[Array, Residuals]:
        """Return y in the place of z."""
        if not self._is_plain or (bias is not None and z.dtype != bias.dtype):
            return super().forward_in_place(z, bias)
        if bias is None:
            dense.relu.on(z)(z)
        else:
            dense.bias_relu(z.reshape(-1, z.shape[-1]), bias)
        return z, z

    @property
    def _is_plain(self) -> bool:
        return not self.negative_slope and not self.threshold and self.max_value is None

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy times the slope of the piece that y lies on."""
        if self._is_plain and y.dtype == dy.dtype:
            dz = empty_like(y)
            dense.relu_backward(y.reshape(-1), dy.reshape(-1), dz.reshape(-1))
            return dz
        inside = y >= 0 if self.negative_slope else y > 0
        if self.max_value is not None:
            inside &= y < self.max_value
        dz = dy * inside  # a product with a mask is many times faster than np.where
        if self.negative_slope:
            below = dy * (y < 0)
            below *= self.negative_slope
            dz += below
        return dz


class LeakyRelu(Activation):
    """A rectified linear unit that lets a little of what is negative through.

    Forward, with a = negative_slope:

        y = z               where z ≥ 0
        y = a z             where z < 0

    Backward:

        dz = dy             where z ≥ 0
        dz = a dy           where z < 0

    Arguments:
        negative_slope: the slope a of the negative side, at least 0; 0.2 by default.

    Raises:
        ValueError: if `negative_slope` is negative or not finite.

    Example:
        >>> LeakyRelu()([-1.0, 3.0])
        array([-0.2,  3. ])

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """

    def __init__(self, negative_slope: float = 0.2) -> None:
        self.negative_slope = number("negative_slope", negative_slope, "LeakyRelu", low=0)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and the mask of the negative side."""
        y = negative_part(z)
        y *= self.negative_slope
        y += positive_part(z)
        return y, z < 0

    def backward(self, below: Residuals, dy: Array) -> Array:
        """Return dy, scaled by a on the negative side."""
        dz_below = dy * below
        dz = dy - dz_below
        dz_below *= self.negative_slope
        dz += dz_below
        return dz


class Relu6(Activation):
    """The rectified linear unit, cut off at 6.

    Forward and backward:

        y = min(max(z, 0), 6)
        dz = dy where 0 < z < 6, else 0

    Example:
        >>> Relu6()([-1.0, 3.0, 9.0])
        array([0., 3., 6.])

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = np.clip(z, 0, 6)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy where y lies strictly between the bounds."""
        return dy * ((y > 0) & (y < 6))


class HardSigmoid(Activation):
    """The sigmoid, replaced by three straight pieces.

    Forward and backward:

        y = min(max(z + 3, 0), 6) / 6
        dz = dy / 6 where −3 < z < 3, else 0

    Example:
        >>> HardSigmoid()([-4.0, 0.0, 1.5, 4.0])
        array([0.  , 0.5 , 0.75, 1.  ])

    Source: Courbariaux, Bengio, David, "BinaryConnect", 2015; with the slope 1/6: Howard et al.,
    "Searching for MobileNetV3", 2019.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, which is its own residual."""
        y = _hard_sigmoid(z)
        return y, y

    def backward(self, y: Residuals, dy: Array) -> Array:
        """Return dy / 6 where y lies strictly between 0 and 1."""
        dz = dy * ((y > 0) & (y < 1))
        dz /= 6
        return dz


class HardSilu(Activation):
    """z times its hard sigmoid; also called hard swish.

    Forward, with h the hard sigmoid:

        h = min(max(z + 3, 0), 6) / 6
        y = z h

    Backward:

        dz = (h + z / 6) dy     where −3 < z < 3
        dz = h dy               elsewhere

    Example:
        >>> HardSilu()([-4.0, -1.5, 0.0, 4.0])
        array([-0.   , -0.375,  0.   ,  4.   ])

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and z and h as residuals."""
        h = _hard_sigmoid(z)
        return z * h, (z, h)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy times h, plus z / 6 on the parabola."""
        z, h = residuals
        dz = z * ((h > 0) & (h < 1))
        dz /= 6
        dz += h
        dz *= dy
        return dz


def _hard_sigmoid(z: Array) -> Array:
    y = z + 3
    np.clip(y, 0, 6, out=y)
    y /= 6
    return y
