"""Lower the learning rate when a number no longer gets better."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import MonitorCallback, whole_number
from minidl.states import COUNT, NUMBER, entries, optional
from minidl.validation import number

_STATE = {"best": optional(NUMBER), "wait": COUNT, "cooldown_counter": COUNT}


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` after `patience` epochs without anything better.

    It writes the learning rate of each epoch into the logs, and so into the history.

    Arguments:
        monitor: the number's name in the logs.
        factor: new learning rate = learning rate · factor; between 0 and 1.
        patience: epochs without anything better before the rate is reduced.
        verbose: 1 prints each reduction.
        mode: `"min"`, `"max"`, or `"auto"` to tell from the metric.
        min_delta: the smallest change that counts as better.
        cooldown: epochs to wait after a reduction before counting again.
        min_lr: the rate is never reduced below this.

    Raises:
        ValueError: if an argument is outside its range, or the direction cannot be told.
        TypeError: at the start of training, if the optimizer's rate follows a schedule.

    Example:
        >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1)
        >>> class Optimizer: learning_rate = 0.5
        >>> class Model: optimizer = Optimizer()
        >>> reduce.set_model(Model())
        >>> reduce.on_train_begin()
        >>> for epoch, loss in enumerate([1.0, 0.5, 0.7]):
        ...     reduce.on_epoch_end(epoch, {"loss": loss})
        >>> reduce.model.optimizer.learning_rate
        0.25
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        owner = type(self).__name__
        self.factor = number("factor", factor, owner, 0, 1, open_low=True, open_high=True)
        self.patience = whole_number("patience", patience, owner)
        self.verbose = verbose
        self.cooldown = whole_number("cooldown", cooldown, owner)
        self.min_lr = number("min_lr", min_lr, owner, low=0)
        self.cooldown_counter = 0
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Return whether a reduction was so recent that epochs are not counted yet."""
        return self.cooldown_counter > 0

    def get_state(self) -> dict[str, Any]:
        """Return the best number so far, and the epochs counted since."""
        return {name: getattr(self, name) for name in _STATE}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        entries(**_STATE)(state, f"{type(self).__name__}'s state")

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.check_state(state)
        for name in _STATE:
            setattr(self, name, state[name])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run, and see that the learning rate can be set at all."""
        super().on_train_begin(logs)
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0
        optimizer = self.model.optimizer
        optimizer.learning_rate = optimizer.learning_rate  # a schedule raises now, not in hours

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Log the learning rate, and reduce it where the patience is used up."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if rate <= self.min_lr:
            return
        new_rate = max(rate * self.factor, self.min_lr)
        optimizer.learning_rate = new_rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate reduced from {rate:g} to {new_rate:g}")
