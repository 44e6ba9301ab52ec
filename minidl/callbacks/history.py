"""The record of a run: a list of numbers for every loss and metric, one an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs


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

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's numbers, NumPy's scalars as Python's."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            plain = value.item() if isinstance(value, np.generic) else value
            self.history.setdefault(name, []).append(plain)
        if self.model is not None:
            self.model.history = self
