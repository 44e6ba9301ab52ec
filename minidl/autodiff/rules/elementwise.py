"""Functions of single numbers: dx = g · f′(x), entry by entry.

Where two arguments of a maximum or minimum are equal, each gets half of the gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl.autodiff.dispatch import METHODS, composite, rule

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_DEGREE = math.pi / 180.0

# One argument

rule(np.negative, lambda g, y, x: -g)
rule(np.positive, lambda g, y, x: g)
rule(np.conjugate, lambda g, y, x: g)  # traced arrays are real
rule(np.absolute, lambda g, y, x: g * np.sign(x))
rule(np.fabs, lambda g, y, x: g * np.sign(x))
rule(np.square, lambda g, y, x: g * 2 * x)
rule(np.sqrt, lambda g, y, x: g / (2 * y))
rule(np.cbrt, lambda g, y, x: g / (3 * np.square(y)))
rule(np.reciprocal, lambda g, y, x: -g * np.square(y))

rule(np.exp, lambda g, y, x: g * y)
rule(np.exp2, lambda g, y, x: g * y * _LN2)
rule(np.expm1, lambda g, y, x: g * (y + 1))
rule(np.log, lambda g, y, x: g / x)
rule(np.log2, lambda g, y, x: g / (x * _LN2))
rule(np.log10, lambda g, y, x: g / (x * _LN10))
rule(np.log1p, lambda g, y, x: g / (x + 1))

rule(np.sin, lambda g, y, x: g * np.cos(x))
rule(np.cos, lambda g, y, x: -g * np.sin(x))
rule(np.tan, lambda g, y, x: g * (1 + np.square(y)))
rule(np.arcsin, lambda g, y, x: g / np.sqrt(1 - np.square(x)))
rule(np.arccos, lambda g, y, x: -g / np.sqrt(1 - np.square(x)))
rule(np.arctan, lambda g, y, x: g / (1 + np.square(x)))
rule(np.sinh, lambda g, y, x: g * np.cosh(x))
rule(np.cosh, lambda g, y, x: g * np.sinh(x))
rule(np.tanh, lambda g, y, x: g * (1 - np.square(y)))
rule(np.arcsinh, lambda g, y, x: g / np.sqrt(np.square(x) + 1))
rule(np.arccosh, lambda g, y, x: g / np.sqrt(np.square(x) - 1))
rule(np.arctanh, lambda g, y, x: g / (1 - np.square(x)))

rule(np.deg2rad, lambda g, y, x: g * _DEGREE)
rule(np.radians, lambda g, y, x: g * _DEGREE)
rule(np.rad2deg, lambda g, y, x: g / _DEGREE)
rule(np.degrees, lambda g, y, x: g / _DEGREE)

rule(np.real, lambda g, y, x: g)
rule(
    np.nan_to_num,
    lambda g, y, x, copy=True, nan=0.0, posinf=None, neginf=None: np.where(np.isfinite(x), g, 0),
)
rule(np.sinc, lambda g, y, x: g * _sinc_slope(y, x))


def _sinc_slope(y: Any, x: Any) -> Any:
    """(cos πx − sinc x) / x, and 0 at 0."""
    away = np.where(x == 0, 1, x)
    return np.where(x == 0, 0, (np.cos(math.pi * away) - y) / away)


# Two arguments

rule(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
rule(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
rule(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
rule(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
rule(
    np.power,
    lambda g, y, a, b: g * b * _one_power_less(a, b),
    lambda g, y, a, b: g * y * np.log(np.where(a > 0, a, 1)),
)
rule(
    np.float_power,
    lambda g, y, a, b: g * b * _one_power_less(a, b),
    lambda g, y, a, b: g * y * np.log(np.where(a > 0, a, 1)),
)
rule(
    np.remainder,  # a − b ⌊a/b⌋
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * np.floor_divide(a, b),
)
rule(
    np.fmod,  # the same, but rounded towards zero
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * np.trunc(a / b),
)

rule(
    np.maximum,
    lambda g, y, a, b: g * _share(a, b, g),
    lambda g, y, a, b: g * _share(b, a, g),
)
rule(
    np.minimum,
    lambda g, y, a, b: g * _share(b, a, g),
    lambda g, y, a, b: g * _share(a, b, g),
)
rule(
    np.fmax,
    lambda g, y, a, b: g * _share(a, np.where(np.isnan(b), -np.inf, b), g),
    lambda g, y, a, b: g * _share(b, np.where(np.isnan(a), -np.inf, a), g),
)
rule(
    np.fmin,
    lambda g, y, a, b: g * _share(np.where(np.isnan(b), np.inf, b), a, g),
    lambda g, y, a, b: g * _share(np.where(np.isnan(a), np.inf, a), b, g),
)

rule(
    np.hypot,
    lambda g, y, a, b: g * a / np.where(y == 0, 1, y),
    lambda g, y, a, b: g * b / np.where(y == 0, 1, y),
)
rule(
    np.arctan2,
    lambda g, y, a, b: g * b / (np.square(a) + np.square(b)),
    lambda g, y, a, b: -g * a / (np.square(a) + np.square(b)),
)
rule(
    np.logaddexp,
    lambda g, y, a, b: g * np.exp(a - y),
    lambda g, y, a, b: g * np.exp(b - y),
)
rule(
    np.logaddexp2,
    lambda g, y, a, b: g * np.exp2(a - y),
    lambda g, y, a, b: g * np.exp2(b - y),
)
rule(np.copysign, lambda g, y, a, b: g * np.sign(a) * np.copysign(1, b), lambda g, y, a, b: g * 0)

rule(np.heaviside, lambda g, y, a, b: g * 0, lambda g, y, a, b: g * np.equal(a, 0))


def _one_power_less(a: Any, b: Any) -> Any:
    """a^(b−1), but 1 where b is 0: the factor b makes the derivative 0 there, whatever a is."""
    if isinstance(b, int | float):
        return a if b == 2 else np.power(a, b - 1 if b != 0 else 0)
    return np.power(a, np.where(b == 0, 0, b - 1))


def _share(a: Any, b: Any, g: Any) -> Any:
    """1 where a is larger, ½ where both are equal."""
    larger, tied = np.greater(a, b), np.equal(a, b)
    if not tied.any():
        return larger
    return larger + tied.astype(g.dtype) / 2


# Choosing

rule(
    np.where,
    None,
    lambda g, y, condition, a, b: np.where(condition, g, 0),
    lambda g, y, condition, a, b: np.where(condition, 0, g),
)


@composite(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Write clip as a minimum of a maximum."""
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@composite(np.divmod)
def divmod(a: Any, b: Any) -> Any:
    """Return quotient, which is piecewise constant, and remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)


@composite(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Write select as one where in another."""
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = np.where(condition, choice, y)
    return y


METHODS[np.multiply, "outer"] = lambda a, b: _outer(np.multiply, a, b)
METHODS[np.add, "outer"] = lambda a, b: _outer(np.add, a, b)
METHODS[np.subtract, "outer"] = lambda a, b: _outer(np.subtract, a, b)


def _outer(ufunc: Any, a: Any, b: Any) -> Any:
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
