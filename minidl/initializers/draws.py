"""Initializers that draw each number on its own, and one that draws an orthogonal matrix.

An integer as seed gives the same values at every call. None takes the next branch of
`minidl.random`'s tree at every call: other values each time, yet the same in every run after
`utils.set_random_seed`. A `SeedGenerator` goes on where its last draw ended.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.initializers.base import Initializer, check_shape
from minidl.random import SeedGenerator, check_seed
from minidl.validation import number


class RandomInitializer(Initializer):
    """What the random initializers share: a seed, and the generator that comes of it.

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: if `seed` is none of them.
    """

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        self.seed = _check_seed(seed)

    def generator(self) -> np.random.Generator:
        """Return the generator for one call."""
        source = self.seed if isinstance(self.seed, SeedGenerator) else SeedGenerator(self.seed)
        return source.generator

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold."""
        config = super().get_config()
        if isinstance(self.seed, SeedGenerator):
            config["seed"] = {
                "module": "keras.random",
                "class_name": "SeedGenerator",
                "config": self.seed.get_config(),
                "registered_name": None,
            }
        return config


class RandomNormal(RandomInitializer):
    """Normally distributed numbers.

        w ~ N(mean, stddev²)

    Arguments:
        mean: the mean; 0 by default.
        stddev: the standard deviation, at least 0; 0.05 by default.
        seed: a non-negative integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> RandomNormal(stddev=0.1, seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None
    ) -> None:
        super().__init__(seed)
        self.mean = number("mean", mean, "RandomNormal")
        self.stddev = number("stddev", stddev, "RandomNormal", low=0)

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return new draws."""
        shape = check_shape(shape, "RandomNormal")
        return draw_normal(self.generator(), shape, dtype, self.mean, self.stddev)


class TruncatedNormal(RandomInitializer):
    """Normally distributed numbers, none of them further from the mean than two deviations.

        w ~ N(mean, stddev²), given |w − mean| ≤ 2 stddev

    The deviation of what is left is 0.8796 stddev.

    Arguments:
        mean: the mean; 0 by default.
        stddev: the standard deviation before the cut, at least 0; 0.05 by default.
        seed: a non-negative integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> bool(np.abs(TruncatedNormal(stddev=1.0, seed=1)((1000,))).max() <= 2)
        True
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None
    ) -> None:
        super().__init__(seed)
        self.mean = number("mean", mean, "TruncatedNormal")
        self.stddev = number("stddev", stddev, "TruncatedNormal", low=0)

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return new draws."""
        shape = check_shape(shape, "TruncatedNormal")
        return draw_truncated_normal(self.generator(), shape, dtype, self.mean, self.stddev)


class RandomUniform(RandomInitializer):
    """Numbers spread evenly over an interval.

        w ~ U(minval, maxval)

    Arguments:
        minval, maxval: the ends of the interval; −0.05 and 0.05 by default.
        seed: a non-negative integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: if an argument is not finite, or `maxval` is below `minval`.

    Example:
        >>> bool(RandomUniform(2.0, 3.0, seed=1)((1000,)).min() >= 2)
        True
    """

    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: int | SeedGenerator | None = None,
    ) -> None:
        super().__init__(seed)
        self.minval = number("minval", minval, "RandomUniform")
        self.maxval = number("maxval", maxval, "RandomUniform", low=self.minval)

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return new draws."""
        shape = check_shape(shape, "RandomUniform")
        return draw_uniform(self.generator(), shape, dtype, self.minval, self.maxval)


class Orthogonal(RandomInitializer):
    """A random matrix whose columns, or rows if these are fewer, are orthonormal.

        A ~ N(0, 1),    A = Q R,    w = gain · Q diag(sign(diag R))

    The signs make all orthogonal matrices equally likely. A shape of more than two axes is filled
    as a matrix of (all but the last, last).

    Arguments:
        gain: a factor; 1 by default.
        seed: a non-negative integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: if an argument is out of range; at the call, if the shape has less than two
            axes.

    Example:
        >>> q = Orthogonal(seed=1)((5, 3), dtype="float64")
        >>> bool(np.allclose(q.T @ q, np.eye(3)))
        True

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014; the signs: Mezzadri, "How to generate random matrices from
    the classical compact groups", 2007.
    """

    def __init__(self, gain: float = 1.0, seed: int | SeedGenerator | None = None) -> None:
        super().__init__(seed)
        self.gain = number("gain", gain, "Orthogonal")

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return a new orthogonal matrix, in the given shape."""
        shape = check_shape(shape, "Orthogonal")
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: received shape={shape}, expected two axes or more: a matrix."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(draw_normal(self.generator(), tall, dtype, 0.0, 1.0))
        q *= self.gain * np.copysign(1, np.diagonal(r))
        return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


def draw_normal(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DType | None,
    mean: float,
    stddev: float,
) -> Array:
    """Return draws from N(mean, stddev²)."""
    w: Array = generator.standard_normal(shape, _float_type(dtype))
    w *= stddev
    w += mean
    return w


def draw_truncated_normal(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DType | None,
    mean: float,
    stddev: float,
) -> Array:
    """Return draws from N(mean, stddev²), those beyond two deviations drawn again."""
    w: Array = generator.standard_normal(math.prod(shape), _float_type(dtype))
    beyond = np.flatnonzero(np.abs(w) > 2)
    while beyond.size:
        w[beyond] = generator.standard_normal(beyond.size, w.dtype)
        beyond = beyond[np.abs(w[beyond]) > 2]
    w *= stddev
    w += mean
    return w.reshape(shape)


def draw_uniform(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DType | None,
    low: float,
    high: float,
) -> Array:
    """Return draws from U(low, high)."""
    w: Array = generator.random(shape, _float_type(dtype))
    w *= high - low
    w += low
    return w


def _float_type(dtype: DType | None) -> Any:
    return np.dtype(config.float_dtype(dtype))


def _check_seed(seed: Any) -> int | SeedGenerator | None:
    if seed is None or isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, dict) and seed.get("class_name") == "SeedGenerator":
        return SeedGenerator(seed["config"]["seed"])
    return check_seed(seed)
