"""Set the learning rate at the start of every epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch to what a function returns, and logs it.

    Arguments:
        schedule: `schedule(epoch, learning_rate)` or `schedule(epoch)`, which returns the rate of
            that epoch; epochs count from 0, and `learning_rate` is the rate so far.
        verbose: 1 prints the rate of every epoch.

    Raises:
        TypeError: if `schedule` cannot be called, or the optimizer's rate follows a schedule.
        ValueError: if what it returns is not a number; a negative one or NaN the optimizer refuses.

    Example:
        >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
        >>> class Optimizer: learning_rate = 0.5
        >>> class Model: optimizer = Optimizer()
        >>> halve.set_model(Model())
        >>> for epoch in range(3):
        ...     halve.on_epoch_begin(epoch)
        >>> halve.model.optimizer.learning_rate
        0.125
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler: received schedule={schedule!r}, expected a function "
                "(epoch, learning_rate) -> learning_rate."
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the epoch's learning rate."""
        optimizer = self.model.optimizer
        if _takes_two(self.schedule):
            rate: Any = self.schedule(epoch, float(optimizer.learning_rate))
        else:
            rate = self.schedule(epoch)
        is_number = isinstance(rate, int | float | np.number | np.ndarray) and np.ndim(rate) == 0
        if not is_number or isinstance(rate, bool):
            raise ValueError(
                f"LearningRateScheduler: the schedule returned {rate!r} for epoch {epoch}, "
                "expected a number such as 0.01. Does the function end in a return?"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {float(rate):g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's learning rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(schedule: Callable[..., float]) -> bool:
    """Return whether a function can be called with the epoch and the learning rate."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # some functions written in C have no signature
        return True
    return True
