"""The settings that all optimizers share: the constructor, the learning rate, the configuration."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np

from minidl.layers.parameter import Parameter
from minidl.optimizers import schedules
from minidl.optimizers.schedules import LearningRateSchedule
from minidl.registry import Configurable, constructor_arguments, nearest, snake_case
from minidl.validation import number, positive_integer


class LearningRate(float):
    """A learning rate as Keras's scripts treat it: a number, with a method that sets it."""

    _optimizer: Any

    def __new__(cls, value: float, optimizer: Any) -> LearningRate:
        """Make the number."""
        rate = super().__new__(cls, value)
        rate._optimizer = optimizer
        return rate

    def assign(self, value: Any) -> None:
        """Set the optimizer's learning rate."""
        self._optimizer.learning_rate = float(value)

    def numpy(self) -> float:
        """Return the plain number."""
        return float(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        # As a plain float, which leaves float32 arrays float32; a subclass would make them float64.
        plain = [float(i) if isinstance(i, LearningRate) else i for i in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __reduce__(self) -> Any:
        return float, (float(self),)


class Settings(Configurable):
    """The arguments of an `Optimizer`, checked, and how they are written down and read back."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        self._check_unknown(kwargs)
        self._learning_rate = _rate_or_schedule(learning_rate, owner)
        self.weight_decay = _optional("weight_decay", weight_decay, owner)
        self.clipnorm = _optional("clipnorm", clipnorm, owner, open_low=True)
        self.clipvalue = _optional("clipvalue", clipvalue, owner, open_low=True)
        self.global_clipnorm = _optional("global_clipnorm", global_clipnorm, owner, open_low=True)
        self.use_ema = bool(use_ema)
        self.ema_momentum = number("ema_momentum", ema_momentum, owner, low=0, high=1)
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.name = snake_case(owner) if name is None else str(name)
        self._check_combinations(owner)
        self._iterations = 0
        self._forget_parameters()

    def _forget_parameters(self) -> None:
        """Start without parameters."""
        raise NotImplementedError

    def _check_unknown(self, kwargs: dict[str, Any]) -> None:
        owner = type(self).__name__
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                f"{owner}: the argument decay is no longer supported and is ignored. For a rate "
                "that falls use optimizers.schedules.InverseTimeDecay; to shrink weights use "
                "weight_decay.",
                stacklevel=4,
            )
        for name in kwargs:
            known = constructor_arguments(type(self))
            hint = "Write learning_rate. " if name == "lr" else nearest(name, known)
            raise TypeError(f"{owner} received an unknown argument {name!r}. {hint}")

    def _check_combinations(self, owner: str) -> None:
        kinds = ("clipnorm", "clipvalue", "global_clipnorm")
        clips = {k: getattr(self, k) for k in kinds if getattr(self, k) is not None}
        if len(clips) > 1:
            given = ", ".join(f"{k}={v:g}" for k, v in clips.items())
            raise ValueError(
                f"{owner}: received {given}, expected at most one of clipnorm, clipvalue and "
                "global_clipnorm. Drop all but one."
            )
        if self.loss_scale_factor is not None:
            raise ValueError(
                f"{owner}: received loss_scale_factor={self.loss_scale_factor!r}, expected None. "
                "Loss scaling keeps float16 gradients from vanishing; minidl trains in float32 "
                "and float64, where it would change nothing. Leave it out."
            )
        if self.ema_overwrite_frequency is not None:
            positive_integer("ema_overwrite_frequency", self.ema_overwrite_frequency, owner)
        steps = self.gradient_accumulation_steps
        if steps is not None and positive_integer("gradient_accumulation_steps", steps, owner) < 2:
            raise ValueError(
                f"{owner}: received gradient_accumulation_steps={steps}, expected an integer of "
                "at least 2, or None for an update at every step."
            )

    # Learning rate and count

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step. It can be set, unless a schedule gives it.

        `optimizer.learning_rate.assign(0.1)` is another way to write `optimizer.learning_rate =
        0.1`.
        """
        return LearningRate(self._current_rate(), self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(self._learning_rate, LearningRateSchedule) and not callable(value):
            raise TypeError(
                f"{type(self).__name__} follows a {type(self._learning_rate).__name__}, so its "
                f"learning rate cannot be set to {value!r}. Make the optimizer with a number, or "
                "set another schedule."
            )
        value = float(value) if isinstance(value, LearningRate) else value
        self._learning_rate = _rate_or_schedule(value, type(self).__name__, allow_zero=True)

    def _current_rate(self) -> float:
        rate = self._learning_rate
        if isinstance(rate, float):
            return rate
        is_schedule = isinstance(rate, LearningRateSchedule)
        rate = float(rate(self._iterations) if is_schedule else rate())
        if not 0 <= rate < math.inf:
            source = type(self._learning_rate).__name__
            raise ValueError(
                f"{type(self).__name__}: {source} gave the learning rate {rate} at step "
                f"{self._iterations}, expected a finite number of at least 0."
            )
        return rate

    @property
    def iterations(self) -> int:
        """The number of updates done: steps, or groups of `gradient_accumulation_steps`."""
        return self._iterations // (self.gradient_accumulation_steps or 1)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold.

        Raises:
            TypeError: if the learning rate is a plain function, which cannot be written down.
        """
        config = super().get_config()
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            config["learning_rate"] = schedules.serialize(rate)
        elif not isinstance(rate, float):
            raise TypeError(
                f"{type(self).__name__} has the function {rate!r} for its learning rate, which "
                "cannot be saved. Write a subclass of optimizers.schedules.LearningRateSchedule."
            )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an optimizer from what `get_config` returned."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            return cls(**{**config, "learning_rate": schedules.deserialize(rate)})
        if rate == 0:  # fine for a rate that fell to zero, but the constructor takes it for a slip
            optimizer = cls(**{**config, "learning_rate": 1.0})
            optimizer.learning_rate = 0.0
            return optimizer
        return cls(**config)


def _optional(
    name: str, value: float | None, owner: str, low: float = 0, open_low: bool = False
) -> float | None:
    """Return a number above `low`, or None where the option is off."""
    return None if value is None else number(name, value, owner, low=low, open_low=open_low)


def _rate_or_schedule(value: Any, owner: str, allow_zero: bool = False) -> Any:
    """Return a float, a schedule or a function."""
    if isinstance(value, dict):
        return schedules.deserialize(value)
    if isinstance(value, np.ndarray | Parameter) and value.ndim == 0:
        value = float(value)
    if callable(value) and not isinstance(value, type):
        return value
    try:
        return number("learning_rate", value, owner, low=0, open_low=not allow_zero)
    except ValueError as error:
        raise ValueError(
            f"{error} Pass a positive number such as 0.001, or a schedule from "
            "optimizers.schedules."
        ) from None
