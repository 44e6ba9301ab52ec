"""Learning rates that change with the number of steps done.

A schedule is a function of the step: `schedule(step) -> rate`. An optimizer that gets one for its
`learning_rate` evaluates it before every update. The formulas are computed with Python's floats;
nothing here touches an array.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from minidl.registry import Configurable, Registry
from minidl.registry import serialize as serialize_any
from minidl.validation import number


class LearningRateSchedule(Configurable):
    """A learning rate as a function of the number of steps done.

    A subclass writes `__call__(step)`; `step` is an int that starts at 0. Its configuration is
    read from the constructor's arguments, if they are stored under their own names.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** (step // 100)
        >>> Halving()(250)
        0.025
    """

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        raise NotImplementedError(
            f"{type(self).__name__} has no rule. Write __call__(self, step), which returns the "
            "learning rate as a number."
        )


class ExponentialDecay(LearningRateSchedule):
    """A rate that falls by the same factor in every stretch of `decay_steps`.

        p = step / decay_steps                          rounded down with staircase
        rate = initial_learning_rate · decay_rate ** p

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: after how many steps the factor applies once, a positive number.
        decay_rate: the factor, at least 0.
        staircase: whether the rate falls in jumps, once every `decay_steps`.
        name: a name, for the configuration.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = _at_least_zero(
            "initial_learning_rate", initial_learning_rate, self
        )
        self.decay_steps = _above_zero("decay_steps", decay_steps, self)
        self.decay_rate = _at_least_zero("decay_rate", decay_rate, self)
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        p = float(step) / self.decay_steps
        if self.staircase:
            p = math.floor(p)
        return self.initial_learning_rate * self.decay_rate**p


class InverseTimeDecay(LearningRateSchedule):
    """A rate that falls like the inverse of the time.

        p = step / decay_steps                          rounded down with staircase
        rate = initial_learning_rate / (1 + decay_rate · p)

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the unit of time, in steps, a positive number.
        decay_rate: how much the divisor grows in one unit of time, at least 0.
        staircase: whether the rate falls in jumps, once every `decay_steps`.
        name: a name, for the configuration.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(30)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = _at_least_zero(
            "initial_learning_rate", initial_learning_rate, self
        )
        self.decay_steps = _above_zero("decay_steps", decay_steps, self)
        self.decay_rate = _at_least_zero("decay_rate", decay_rate, self)
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        p = float(step) / self.decay_steps
        if self.staircase:
            p = math.floor(p)
        return self.initial_learning_rate / (1 + self.decay_rate * p)


class PolynomialDecay(LearningRateSchedule):
    """A rate that falls to an end value along a power of the time left.

        p = min(step, decay_steps) / decay_steps
        rate = (initial_learning_rate − end_learning_rate) · (1 − p) ** power + end_learning_rate

    With `cycle` the rate jumps up again after every `decay_steps`: p is then step over the
    smallest multiple of `decay_steps` that is not below it.

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: when the end value is reached, a positive number of steps.
        end_learning_rate: the end value.
        power: the exponent, above 0; 1 is a straight line.
        cycle: whether to start anew after `decay_steps`.
        name: a name, for the configuration.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> PolynomialDecay(0.5, decay_steps=4, end_learning_rate=0.25, power=2)(2)
        0.3125
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _at_least_zero(
            "initial_learning_rate", initial_learning_rate, self
        )
        self.decay_steps = _above_zero("decay_steps", decay_steps, self)
        self.end_learning_rate = _at_least_zero("end_learning_rate", end_learning_rate, self)
        self.power = _above_zero("power", power, self)
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        step, period = float(step), self.decay_steps
        if self.cycle:
            period *= max(math.ceil(step / period), 1)
        p = min(step / period, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1 - p) ** self.power + self.end_learning_rate


class PiecewiseConstantDecay(LearningRateSchedule):
    """A rate that is constant between given steps.

        rate = values[i]    for boundaries[i − 1] < step ≤ boundaries[i]

    Arguments:
        boundaries: the last steps of all pieces but the last, increasing.
        values: the rates, one more than boundaries.
        name: a name, for the configuration.

    Raises:
        ValueError: if the lengths do not fit, the boundaries do not increase, or a rate is
            negative.

    Example:
        >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
        >>> schedule(100), schedule(101), schedule(1000)
        (0.1, 0.01, 0.001)
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: received {len(self.boundaries)} boundaries and "
                f"{len(self.values)} values, expected one value more than boundaries: one before "
                "the first boundary and one after each."
            )
        for name_, numbers in (("boundaries", self.boundaries), ("values", self.values)):
            for item in numbers:
                number(f"{name_} with", item, "PiecewiseConstantDecay", low=0)
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(
                f"PiecewiseConstantDecay: received boundaries={self.boundaries}, expected "
                "increasing numbers. Sort them, and the values with them."
            )

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        return float(self.values[bisect_left(self.boundaries, float(step))])


class CosineDecay(LearningRateSchedule):
    """A rate that falls along half a cosine wave, after a straight rise if one is asked for.

        p = min(step, decay_steps) / decay_steps
        rate = start · ((1 − alpha) · (1 + cos π p) / 2 + alpha)

    Without `warmup_target`, start is `initial_learning_rate`. With it, the rate first rises in a
    straight line from `initial_learning_rate` to `warmup_target` in `warmup_steps`; then start
    is `warmup_target`, and step counts from there.

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the length of the fall, a positive number of steps.
        alpha: the share of start at which the fall ends, at least 0.
        name: a name, for the configuration.
        warmup_target: the rate at the end of the rise, or None for no rise.
        warmup_steps: the length of the rise in steps.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=4)
        >>> schedule(2), schedule(4), schedule(14)
        (0.05, 0.1, 0.0)

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = _at_least_zero(
            "initial_learning_rate", initial_learning_rate, self
        )
        self.decay_steps = _above_zero("decay_steps", decay_steps, self)
        self.alpha = _at_least_zero("alpha", alpha, self)
        self.name = name
        self.warmup_target = (
            None if warmup_target is None else _at_least_zero("warmup_target", warmup_target, self)
        )
        self.warmup_steps = _at_least_zero("warmup_steps", warmup_steps, self)

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        step, start = float(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            step, start = step - self.warmup_steps, self.warmup_target
        return start * _half_cosine(min(step / self.decay_steps, 1.0), 1.0, self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """A rate that falls along half a cosine wave and jumps up again, over and over.

        p = (step − start of period i) / (first_decay_steps · t_mul ** i)
        rate = initial_learning_rate · ((1 − alpha) · m_mul ** i · (1 + cos π p) / 2 + alpha)

    Arguments:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: the length of the first period, a positive number of steps.
        t_mul: how much longer each period is than the one before, at least 1.
        m_mul: how much higher each period starts than the one before, at least 0.
        alpha: the share of the initial rate at which each fall ends, at least 0.
        name: a name, for the configuration.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10, m_mul=0.5)
        >>> schedule(0), schedule(10), schedule(30)
        (0.1, 0.05, 0.025)

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _at_least_zero(
            "initial_learning_rate", initial_learning_rate, self
        )
        self.first_decay_steps = _above_zero("first_decay_steps", first_decay_steps, self)
        self.t_mul = number("t_mul", t_mul, type(self).__name__, low=1)
        self.m_mul = _at_least_zero("m_mul", m_mul, self)
        self.alpha = _at_least_zero("alpha", alpha, self)
        self.name = name

    def __call__(self, step: Any) -> float:
        """Return the learning rate at `step`."""
        i, p = self._period(float(step) / self.first_decay_steps)
        return self.initial_learning_rate * _half_cosine(p, self.m_mul**i, self.alpha)

    def _period(self, time: float) -> tuple[int, float]:
        """Return in which period `time` lies, and where in it; the first has the length 1."""
        t = self.t_mul
        if t == 1:
            return math.floor(time), time - math.floor(time)
        # A restart that rounding puts a hair later than the step that reaches it has come.
        reached = time * (1 + 1e-12)
        i = math.floor(math.log1p(reached * (t - 1)) / math.log1p(t - 1))
        return i, (time - (t**i - 1) / (t - 1)) / t**i


def _half_cosine(p: float, height: float, alpha: float) -> float:
    return (1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * p)) + alpha


def _at_least_zero(name: str, value: float, schedule: LearningRateSchedule) -> float:
    """Return `value` as it is, after a look at its range."""
    number(name, value, type(schedule).__name__, low=0)
    return value


def _above_zero(name: str, value: float, schedule: LearningRateSchedule) -> float:
    """Return `value` as it is, after a look at its range."""
    number(name, value, type(schedule).__name__, low=0, open_low=True)
    return value


registry: Registry[LearningRateSchedule] = Registry("learning rate schedule", LearningRateSchedule)
for _schedule in (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
):
    registry.register(_schedule)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as JSON can hold it, in Keras's format."""
    config: dict[str, Any] = serialize_any(learning_rate_schedule)
    return config


def deserialize(config: dict[str, Any]) -> LearningRateSchedule:
    """Make a schedule from what `serialize` returned.

    Raises:
        ValueError: if the class is not known.
    """
    schedule = registry.get(config)
    assert schedule is not None
    return schedule
