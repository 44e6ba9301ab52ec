"""Stop when a number no longer gets better."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array
from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import MonitorCallback, whole_number
from minidl.states import COUNT, NUMBER, array_for, each, entries, optional
from minidl.validation import number

_STATE = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")


class EarlyStopping(MonitorCallback):
    """Ends `fit` when the monitored number has not got better for `patience` epochs.

    Arguments:
        monitor: the number's name in the logs.
        min_delta: the smallest change that counts as better.
        patience: epochs without anything better before training stops.
        verbose: 1 prints when it stops, and which epoch's weights it brings back.
        mode: `"min"`, `"max"`, or `"auto"` to tell from the metric.
        baseline: what must be reached besides: an epoch that is better than those before, but
            not than the baseline, does not renew the patience.
        restore_best_weights: whether the model gets back the weights of its best epoch when `fit`
            ends, be it early or after the last epoch. After Ctrl-C or an error they are still in
            `best_weights`: `model.set_weights(stopping.best_weights)`.
        start_from_epoch: the first epoch, from 0, that is watched.

    Attributes:
        best, best_epoch, best_weights: the best number so far, its epoch from 0, and, where
            `restore_best_weights` asks for them, the weights after it.
        stopped_epoch: the epoch it stopped at, from 0; 0 if it did not.

    Raises:
        ValueError: if an argument is outside its range, or the direction cannot be told.

    Example:
        >>> stopping = EarlyStopping("loss", patience=2)
        >>> class Model: stop_training = False
        >>> stopping.set_model(Model())
        >>> stopping.on_train_begin()
        >>> for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.7]):
        ...     stopping.on_epoch_end(epoch, {"loss": loss})
        >>> stopping.model.stop_training, stopping.best_epoch, stopping.stopped_epoch
        (True, 1, 3)

    Source: Prechelt, "Early stopping - but when?", 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        owner = type(self).__name__
        self.patience = whole_number("patience", patience, owner)
        self.verbose = verbose
        self.baseline = None if baseline is None else number("baseline", baseline, owner)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = whole_number("start_from_epoch", start_from_epoch, owner)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None

    def get_state(self) -> dict[str, Any]:
        """Return the best epoch so far, and how long ago it was."""
        return {name: getattr(self, name) for name in _STATE}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        weights = each(array_for(p) for p in getattr(self.model, "weights", ()))
        entries(
            wait=COUNT,
            stopped_epoch=COUNT,
            best=optional(NUMBER),
            best_epoch=COUNT,
            best_weights=optional(weights),
        )(state, f"{type(self).__name__}'s state")

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.check_state(state)
        for name in _STATE:
            setattr(self, name, state[name])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best one, and stop where the patience is used up."""
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        better = self.improves(current, self.best)
        if better:
            self.best_epoch = epoch
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_epoch = epoch  # of the first epoch even where its number is NaN
            self.best_weights = self.model.get_weights()
        self.wait += 1
        if better:
            self.best = current
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Give the model its best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)
