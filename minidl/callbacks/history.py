"""The record of a run: a list of numbers for every loss and metric, one an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.states import COUNT, RESULT, dict_of, entries, list_of


class History(Callback):
    """Collects the logs of every epoch. `fit` adds one to each run and returns it.

    Attributes:
        history: a dict of lists, such as `{"loss": [0.9, 0.4], "val_loss": [1.0, 0.6]}`.
        epoch: the numbers of the recorded epochs, from 0. A `History` that is passed to several
            runs continues both.

    Example:
        >>> history = History()
        >>> history.on_epoch_end(0, {"loss": 0.9})
        >>> history.epoch, history.history
        ([0], {'loss': [0.9]})
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}
        self._before: tuple[int, dict[str, int]] | None = None  # lengths, before an epoch came

    def get_state(self) -> dict[str, Any]:
        """Return the record so far."""
        return {"epoch": list(self.epoch), "history": {k: list(v) for k, v in self.history.items()}}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        entries(epoch=list_of(COUNT), history=dict_of(list_of(RESULT)))(
            state, f"{type(self).__name__}'s state"
        )

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with a record."""
        self.check_state(state)
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}
        self._before = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's numbers, NumPy's scalars as Python's."""
        self._before = (len(self.epoch), {name: len(v) for name, v in self.history.items()})
        for name, value in (logs or {}).items():
            plain = value.item() if isinstance(value, np.generic) else value
            self.history.setdefault(name, []).append(plain)
        self.epoch.append(epoch)
        if self.model is not None:
            self.model.history = self

    def close(self) -> None:
        """Take away the numbers of an epoch that Ctrl-C kept from being appended whole."""
        epochs, lengths = self._before or (None, {})
        if len(self.epoch) == epochs:
            self.history = {name: self.history[name][:size] for name, size in lengths.items()}
