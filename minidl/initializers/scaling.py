"""Initializers whose variance fits the size of the layer, so that signals keep their strength.

fan_in     how many inputs an output adds up         Lecun: 1 / fan_in     He: 2 / fan_in
fan_out    how many outputs an input goes into       Glorot: 2 / (fan_in + fan_out)
"""

from __future__ import annotations

import math
from typing import Any

from minidl._typing import Array, DType
from minidl.initializers.base import check_shape
from minidl.initializers.draws import (
    RandomInitializer,
    draw_normal,
    draw_truncated_normal,
    draw_uniform,
)
from minidl.random import SeedGenerator
from minidl.validation import number

# The deviation of a standard normal number, given that it lies within two deviations.
TRUNCATED_DEVIATION = 0.87962566103423978

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

Axes = list[int] | tuple[int, ...] | None


class VarianceScaling(RandomInitializer):
    """Random numbers of mean 0 and of a variance that fits the shape.

        Var w = scale / n,    n = fan_in, fan_out or (fan_in + fan_out) / 2,  at least 1

    Uniform draws come from (−√(3 Var w), √(3 Var w)). Truncated ones are widened by 1 / 0.8796, so
    that they have the variance after the cut.

    Arguments:
        scale: a positive factor; 1 by default.
        mode: `"fan_in"` (the default), `"fan_out"` or `"fan_avg"`, their mean.
        distribution: `"truncated_normal"` (the default; `"normal"` means the same),
            `"untruncated_normal"` or `"uniform"`.
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: the axes whose sizes multiply to fan_in and fan_out; both or
            neither. By default those of a dense or convolution kernel, as `compute_fans` has it.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> w = VarianceScaling(2.0, seed=1)((1000, 100))
        >>> round(float(w.var()) * 1000, 1)
        2.0

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        owner = type(self).__name__
        self.scale = number("scale", scale, owner, low=0, open_low=True)
        self.mode = _one_of("mode", mode, _MODES, owner)
        if distribution == "normal":
            distribution = "truncated_normal"
        self.distribution = _one_of("distribution", distribution, _DISTRIBUTIONS, owner)
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                f"{owner}: received input_axes={input_axes!r} and output_axes={output_axes!r}, "
                "expected both or neither."
            )
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return new draws."""
        shape = check_shape(shape, type(self).__name__)
        variance = self.scale / self._fan(shape)
        generator = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return draw_uniform(generator, shape, dtype, -limit, limit)
        if self.distribution == "untruncated_normal":
            return draw_normal(generator, shape, dtype, 0.0, math.sqrt(variance))
        stddev = math.sqrt(variance) / TRUNCATED_DEVIATION
        return draw_truncated_normal(generator, shape, dtype, 0.0, stddev)

    def _fan(self, shape: tuple[int, ...]) -> float:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        return max(1.0, fans[self.mode])


class GlorotUniform(VarianceScaling):
    """Glorot's initializer, uniform: the default of most layers.

        w ~ U(−l, l),    l = √(6 / (fan_in + fan_out))

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> w = GlorotUniform(seed=1)((50, 100))
        >>> bool(abs(w).max() <= 0.2)
        True

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Glorot's initializer, truncated normal.

        Var w = 2 / (fan_in + fan_out)

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> GlorotNormal(seed=1)((50, 100)).shape
        (50, 100)

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """He's initializer, uniform, for layers with a rectifier.

        w ~ U(−l, l),    l = √(6 / fan_in)

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> w = HeUniform(seed=1)((150, 100))
        >>> bool(abs(w).max() <= 0.2)
        True

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """He's initializer, truncated normal, for layers with a rectifier.

        Var w = 2 / fan_in

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> HeNormal(seed=1)((50, 100)).shape
        (50, 100)

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """LeCun's initializer, uniform.

        w ~ U(−l, l),    l = √(3 / fan_in)

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> w = LecunUniform(seed=1)((75, 100))
        >>> bool(abs(w).max() <= 0.2)
        True

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """LeCun's initializer, truncated normal; what `"selu"` wants.

        Var w = 1 / fan_in

    Arguments:
        seed: a non-negative integer, a `SeedGenerator`, or None.
        input_axes, output_axes: as in `VarianceScaling`.

    Example:
        >>> LecunNormal(seed=1)((50, 100)).shape
        (50, 100)

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.
    """

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


def compute_fans(
    shape: tuple[int, ...], input_axes: Axes = None, output_axes: Axes = None
) -> tuple[int, int]:
    """Return fan_in and fan_out of a kernel.

    A dense kernel is (fan_in, fan_out). A convolution's is (*window, channels in, channels out):
    each output adds up a whole window of inputs, and each input goes into a window of outputs.

    Raises:
        ValueError: if an axis is not one of the shape's.

    >>> compute_fans((784, 10)), compute_fans((3, 3, 16, 32)), compute_fans((5,)), compute_fans(())
    ((784, 10), (144, 288), (5, 5), (1, 1))
    """
    if input_axes is not None and output_axes is not None:
        return _product(shape, input_axes), _product(shape, output_axes)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _product(shape: tuple[int, ...], axes: list[int] | tuple[int, ...]) -> int:
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ValueError(f"Received axes {list(axes)} for a kernel of shape {shape}.")
    return math.prod(shape[axis] for axis in axes)


def _one_of(name: str, value: Any, known: tuple[str, ...], owner: str) -> str:
    if value not in known:
        raise ValueError(f"{owner}: received {name}={value!r}, expected one of {list(known)}.")
    return value
