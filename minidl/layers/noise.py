"""Gaussian noise, added to or multiplied with the input, in training alone."""

from __future__ import annotations

import math
from typing import Any

from minidl._typing import Array, Residuals, Shape
from minidl.layers.dropout import RateLayer
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.layer import Layer
from minidl.random import SeedGenerator
from minidl.validation import number


class GaussianNoise(Layer):
    """Adds Gaussian noise in training.

    Forward in training, with σ the standard deviation and n independent standard normal draws:

        y = x + σ n

    At inference y = x. Backward in both: dx = dy.

    Shapes:
        x, y, n: any.

    Arguments:
        stddev: σ, at least 0, in the input's unit.
        seed: a non-negative integer; None takes the next child of the root seed.

    Raises:
        ValueError: if `stddev` is negative or not finite, or `seed` is not as above.

    Example:
        >>> import numpy as np
        >>> y = GaussianNoise(0.1, seed=1)(np.zeros((100, 100)), training=True)
        >>> bool(abs(y.std() - 0.1) < 0.01)
        True

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
    """

    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = number("stddev", stddev, self.name, low=0.0)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x + σ n in training, else x."""
        x = as_float(x, self.dtype)
        if not training or self.stddev == 0:
            return x, None
        y = self.seed_generator.generator.standard_normal(x.shape, dtype=x.dtype.type)
        y *= self.stddev
        y += x
        return y, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy."""
        return dy

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


class GaussianDropout(RateLayer):
    """Multiplies by Gaussian noise around 1 in training.

    Forward in training, with r the rate and n independent standard normal draws:

        m = 1 + n √(r / (1 − r))
        y = x m

    which has the mean and the variance of `Dropout`. At inference y = x. Backward, same m:

        dx = dy m

    Shapes:
        x, y, m: any.

    Arguments:
        rate: the rate of the `Dropout` that has the same variance, from 0 to less than 1.
        seed: a non-negative integer; None takes the next child of the root seed.

    Raises:
        ValueError: if `rate` or `seed` is not as above.

    Example:
        >>> import numpy as np
        >>> y = GaussianDropout(0.5, seed=1)(np.ones((100, 100)), training=True)
        >>> bool(abs(y.mean() - 1) < 0.05), bool(abs(y.std() - 1) < 0.05)
        (True, True)

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014, section 10.
    """

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x m in training, else x."""
        x = as_float(x, self.dtype)
        if not training or self.rate == 0:
            return x, None
        m = self.seed_generator.generator.standard_normal(x.shape, dtype=x.dtype.type)
        m *= math.sqrt(self.rate / (1 - self.rate))
        m += 1
        return x * m, m

    def backward(self, m: Residuals, dy: Array) -> Array:
        """Return dy m."""
        return dy if m is None else dy * m
