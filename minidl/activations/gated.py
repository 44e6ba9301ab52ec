"""Activations that let z through a gate which z itself opens: y = z g(z).

Silu  g = sigmoid(z)          Mish  g = tanh(softplus(z))          Glu  the gate is the
Gelu  g = the normal distribution function of z                         input's other half
"""

from __future__ import annotations

import math

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.activations.base import Activation
from minidl.activations.elementwise import logistic
from minidl.activations.gaussian import normal_cdf, normal_pdf
from minidl.activations.softmaxes import check_axes


class Silu(Activation):
    """The sigmoid linear unit, also called swish.

    Forward:

        s = 1 / (1 + exp(−z))
        y = z s

    Backward:

        dz = (s + z s (1 − s)) dy = (s + y (1 − s)) dy

    Example:
        >>> Silu()([-1000.0, 0.0, 1.0]).round(4)
        array([-0.    ,  0.    ,  0.7311])

    Source: Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2017; Ramachandran, Zoph, Le, "Searching for
    activation functions", 2017.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and s and y as residuals."""
        s = logistic(z)
        y = z * s
        return y, (s, y)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return (s + y (1 − s)) dy."""
        s, y = residuals
        dz = 1 - s
        dz *= y
        dz += s
        dz *= dy
        return dz


class Mish(Activation):
    """A self-gated unit much like Silu.

    Forward. With e = exp(z), tanh(log(1 + e)) is a fraction without logarithm or tanh:

        w = (1 + e)² + 1
        t = tanh(softplus(z)) = (w − 2) / w
        y = z t

    Backward:

        dz = (t + 4 z e (1 + e) / w²) dy

    Above z = 20, where t is 1 in every digit, e stays at exp(20) and so cannot overflow.

    Example:
        >>> Mish()([-1000.0, 0.0, 1.0]).round(4)
        array([-0.    ,  0.    ,  0.8651])

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and e and min(z, 20) as residuals."""
        z_capped = np.clip(z, -np.inf, 20)
        e = np.exp(z_capped)
        y, w = _mish_gate(e)
        y /= w
        y *= z
        return y, (e, z_capped)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return (t + 4 z e (1 + e) / w²) dy."""
        e, z = residuals
        numerator, w = _mish_gate(e)
        dz = 1 + e
        dz *= e
        dz /= w
        dz *= z
        dz *= 4
        dz += numerator
        dz /= w
        dz *= dy
        return dz


def _mish_gate(e: Array) -> tuple[Array, Array]:
    """Return the gate's numerator w − 2 = e (e + 2), exact for small e too, and w."""
    numerator = e + 2
    numerator *= e
    return numerator, numerator + 2


class Gelu(Activation):
    """The Gaussian error linear unit: z times the chance that a normal number is below z.

    Forward, with Φ the standard normal distribution function and φ its density:

        y = z Φ(z)

    Backward:

        dz = (Φ(z) + z φ(z)) dy

    With `approximate`, a sigmoid s takes the place of Φ:

        v = √(8/π) (z + 0.044715 z³)
        s = 1 / (1 + exp(−v)) = (1 + tanh(v / 2)) / 2
        y = z s
        dz = (s + z s (1 − s) v') dy,  v' = √(8/π) (1 + 3 · 0.044715 z²)

    Arguments:
        approximate: whether to use s, within 0.0005 of Φ; False by default.

    Example:
        >>> Gelu()([-1000.0, 0.0, 1.0]).round(4)
        array([-0.    ,  0.    ,  0.8413])

    Source: Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """

    def __init__(self, approximate: bool = False) -> None:
        self.approximate = bool(approximate)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and z and the gate (Φ or s) as residuals."""
        gate = _tanh_gate(z) if self.approximate else normal_cdf(z)
        return z * gate, (z, gate)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy times the gate plus z times the gate's derivative."""
        z, gate = residuals
        dz = _tanh_gate_slope_times_z(z, gate) if self.approximate else z * normal_pdf(z)
        dz += gate
        dz *= dy
        return dz


_ROOT_8_OVER_PI = math.sqrt(8 / math.pi)
_CUBIC = 0.044715
_SATURATED = 40.0  # beyond it s is 0 or 1 in every digit, and z³ need not be computed


def _tanh_gate(z: Array) -> Array:
    """Return s = 1 / (1 + exp(−v)), v = √(8/π) z (1 + 0.044715 z²)."""
    z = np.clip(z, -_SATURATED, _SATURATED)
    v = np.square(z)
    v *= _CUBIC * _ROOT_8_OVER_PI
    v += _ROOT_8_OVER_PI
    v *= z
    return logistic(v)


def _tanh_gate_slope_times_z(z: Array, s: Array) -> Array:
    """Return z s (1 − s) v'."""
    z = np.clip(z, -_SATURATED, _SATURATED)
    slope = np.square(z)
    slope *= 3 * _CUBIC * _ROOT_8_OVER_PI
    slope += _ROOT_8_OVER_PI
    slope *= z
    slope *= s
    slope *= 1 - s
    return slope


class Glu(Activation):
    """The gated linear unit: one half of the input is the gate of the other.

    Forward, with z = [a, b] halved along `axis`:

        s = 1 / (1 + exp(−b))
        y = a s

    Backward:

        da = s dy
        db = a s (1 − s) dy
        dz = [da, db]

    Shapes:
        z: (..., 2 n, ...) and y: (..., n, ...), where n stands at `axis`.

    Arguments:
        axis: the axis to halve; −1, the last, by default.

    Raises:
        ValueError: if `axis` is not an integer, or z cannot be halved along it.

    Example:
        >>> Glu()([3.0, 4.0, -1000.0, 0.0])
        array([0., 2.])

    Source: Dauphin, Fan, Auli, Grangier, "Language modeling with gated convolutional networks",
    2016.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axes(axis, "Glu", several=False)

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y, and a and s as residuals."""
        self.compute_output_shape(z.shape)
        a, b = np.split(z, 2, axis=self.axis)
        s = logistic(b)
        return a * s, (a, s)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return [s dy, a s (1 − s) dy]."""
        a, s = residuals
        da = s * dy
        db = 1 - s
        db *= a
        db *= da
        return np.concatenate((da, db), axis=self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with half the size at `axis`.

        Raises:
            ValueError: if there is no such axis, or its size is odd.
        """
        rank = len(input_shape)
        size = input_shape[self.axis] if -rank <= self.axis < rank else 1
        if size is not None and size % 2:
            raise ValueError(
                f"Glu received an input of shape {tuple(input_shape)}, expected an even size at "
                f"axis {self.axis}, to halve it: one half is the gate of the other."
            )
        half = list(input_shape)
        half[self.axis] = None if size is None else size // 2
        return tuple(half)
