"""What a run shows of itself: a live bar where someone watches, and a line an epoch everywhere.

        Epoch 3/50 ━━━━━━━━━╺──────── 210/469  260 steps/s  1.0s left
        running means: loss: 0.1234 - accuracy: 0.9612

The bar goes when its epoch is over, and this line stays:

        Epoch 3/50 - 1.8s - loss: 0.1187 - accuracy: 0.9634 - val_loss: 0.1402
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

from minidl.callbacks.callback import Callback, Logs
from minidl.utils.display import (
    Bar,
    format_duration,
    format_left,
    format_rate,
    format_values,
    kind_of_output,
    open_bar,
)
from minidl.utils.progbar import line

_INTERVAL = 0.1  # the least time between two drawings, in seconds
_SHARE = 0.02  # and the most of a run's time that drawing may take


class ProgbarLogger(Callback):
    """Shows the progress of `fit`, `evaluate` and `predict`; they add it unless `verbose=0`.

    A file, a pipe or a log never gets a bar nor control characters, only a line an epoch. In a
    terminal or notebook `verbose=1` and `"auto"` show a live bar besides; it appears in epochs
    that take longer than a tenth of a second. Its metrics are means over the epoch so far, while
    the weights change, and so not what `evaluate` finds at the end. `predict` prints a line only
    where `verbose` is 1 or 2, so that calling it in a loop floods nothing.

    Arguments:
        console: the `rich.console.Console` to write to; standard output by default.

    Example:
        >>> logger = ProgbarLogger()
        >>> logger.set_params({"verbose": 2, "epochs": 3, "steps": 10})
        >>> logger.on_epoch_begin(0)
        >>> logger.on_epoch_end(0, {"loss": 0.25, "val_loss": 0.5})  # doctest: +ELLIPSIS
        Epoch 1/3 - ... - loss: 0.2500 - val_loss: 0.5000
    """

    def __init__(self, console: Any = None) -> None:
        self._console = console
        self._bar: Bar | None = None
        self._verbose: Any = "auto"
        self._live = False
        self._in_fit = False
        self._epochs: int | None = 1
        self._title = ""
        self._start(steps=None)
        self._began = 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive how much to show, and how many epochs and steps there will be."""
        super().set_params(params)
        self._verbose = params.get("verbose", "auto")
        self._epochs = params.get("epochs")
        watched = self._verbose in (1, True, "auto")
        self._live = watched and kind_of_output(self._console) != "plain"

    def is_due(self) -> bool:
        """Return whether the bar is to be drawn now; if not, no one needs this batch's logs."""
        return perf_counter() >= self._next

    def _steps(self, name: str) -> int | None:
        return (self.params or {}).get(name)

    # fit

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Know from now on that evaluations are validations."""
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the epoch's clock."""
        of = "" if self._epochs is None else f"/{self._epochs}"
        self._title = f"Epoch {epoch + 1}{of}"
        self._start(self._steps("steps"))
        self._began = self._from

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draw the bar if it is due."""
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the epoch's line in the bar's place."""
        self._finish(format_values((logs or {}).items()))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Know that `fit` is over."""
        self.close()

    # evaluate, and validation

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start the clock of an evaluation, or go on to the validation of an epoch."""
        if self._in_fit:
            self._title += ", validation"
            self._start(self._steps("validation_steps"))
        else:
            self._title = "Evaluate"
            self._start(self._steps("steps"))
            self._began = self._from

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draw the bar if it is due."""
        self._update(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Put the results in the bar's place; those of a validation come with its epoch."""
        self._title = self._title.removesuffix(", validation")
        if not self._in_fit:
            self._finish(format_values((logs or {}).items()))

    # predict

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._title = "Predict"
        self._start(self._steps("steps"))
        self._began = self._from

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draw the bar if it is due."""
        self._update(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Take the bar away; print a line if one was asked for."""
        if self._verbose == "auto":
            self.close()
        else:
            self._finish("")

    # Drawing

    def close(self) -> None:
        """Take the bar off the screen, also after an error or Ctrl-C."""
        self._in_fit = False
        self._next = math.inf
        if self._bar is not None:
            self._bar.clear()

    def _start(self, steps: int | None) -> None:
        self._from = perf_counter()
        self._total = steps
        self._next = self._from + _INTERVAL if self._live else math.inf

    def _update(self, batch: int, logs: Logs | None) -> None:
        now = perf_counter()
        if now < self._next:
            return
        if self._bar is None:
            self._bar = open_bar(self._console)
            if self._bar is None:
                self._next = math.inf
                return
        done, seconds = batch + 1, now - self._from
        facts = [format_rate(done, seconds), format_left(done, self._total, seconds)]
        values = f"running means: {format_values(logs.items())}" if logs else ""
        self._bar.show(self._title, done, self._total, facts, values)
        drawn = perf_counter()
        self._next = drawn + max(_INTERVAL, (drawn - now) / _SHARE)

    def _finish(self, values: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        self._next = math.inf
        if self._verbose not in (0, False):
            duration = format_duration(perf_counter() - self._began)
            line(
                " - ".join(part for part in (self._title, duration, values) if part), self._console
            )
