"""A progress bar for loops of one's own, with Keras's arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from time import perf_counter
from typing import Any

from minidl.utils.display import (
    Bar,
    format_duration,
    format_left,
    format_rate,
    format_values,
    kind_of_output,
    open_bar,
)


class Progbar:
    """Shows how far a loop is: a live bar in a terminal or notebook, and a line when it is done.

    Where output goes to a file or a pipe there is only the line at the end.

    Arguments:
        target: the number of steps, or None where it is not known.
        width: the bar's length in characters.
        verbose: 0 silent, 1 bar and line, 2 the line alone.
        interval: the least time between two drawings, in seconds.
        stateful_metrics: names of values that are shown as they come; the others are averaged
            over the steps.
        stateless_metrics: names of the values that are averaged, and the others are not. At most
            one of the two may be given.
        unit_name: what a step is called.
        console: the `rich.console.Console` to draw on, standard output by default.

    Raises:
        ValueError: if both kinds of names are given, or an argument is outside its range.

    Example:
        >>> bar = Progbar(3, verbose=2)
        >>> for step in range(3):
        ...     bar.update(step + 1, [("loss", 1.0 - step / 4)])  # doctest: +ELLIPSIS
        3/3 - ... - loss: 0.5000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        console: Any = None,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: received both stateful_metrics and stateless_metrics, expected at most "
                "one: the names in it are the exception, all other values are the rule."
            )
        if verbose not in (0, 1, 2):
            raise ValueError(f"Progbar: received verbose={verbose!r}, expected 0, 1 or 2.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._console = console
        self._bar: Bar | None = None
        self._seen = 0
        self._sums: dict[str, tuple[float, int]] = {}
        self._start = perf_counter()
        is_live = verbose == 1 and kind_of_output(console) != "plain"
        self._next = self._start if is_live else math.inf

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Note that step `current` is done, counted from 1.

        Arguments:
            values: pairs of a name and the value of this step; of the last update, whatever it
                is called, only that value is shown.
            finalize: whether this is the last update; by default where `target` is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0))
            if finalize or not self._is_averaged(name):
                self._sums[name] = (value, 1)
            else:
                self._sums[name] = (total + value * steps, count + steps)
        self._seen = current
        if not self.verbose:
            return
        now = perf_counter()
        if finalize:
            self._finish(now - self._start)
        elif now >= self._next:
            self._draw(now)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Note that `n` more steps are done."""
        self.update(self._seen + n, values)

    def close(self) -> None:
        """Take the bar off the screen, as after an error; the end of a loop needs no call."""
        if self._bar is not None:
            self._bar.clear()

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return self.stateful_metrics is None or name not in self.stateful_metrics

    def _means(self) -> str:
        return format_values((name, total / n) for name, (total, n) in self._sums.items())

    def _draw(self, now: float) -> None:
        if self._bar is None:
            self._bar = open_bar(self._console, self.width)
        if self._bar is None:
            return
        seconds = now - self._start
        facts = [
            format_rate(self._seen, seconds, self.unit_name),
            format_left(self._seen, self.target, seconds),
        ]
        self._bar.show("", self._seen, self.target, facts, self._means())
        self._next = perf_counter() + self.interval

    def _finish(self, seconds: float) -> None:
        self.close()
        self._next = math.inf
        count = str(self._seen) if self.target is None else f"{self._seen}/{self.target}"
        each = f"{format_duration(seconds / max(1, self._seen))}/{self.unit_name}"
        parts = [count, format_duration(seconds), each, self._means()]
        line(" - ".join(part for part in parts if part), self._console)


def line(text: str, console: Any = None) -> None:
    """Print a line at once, on a rich console's file or on standard output."""
    print(text, file=None if console is None else console.file, flush=True)
