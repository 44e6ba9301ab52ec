"""Progress in words: numbers, durations, rates and shapes as text, and where a live bar can be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np


class Bar(Protocol):
    """A live bar: it is there from the first `show` until `clear`, and then leaves no trace."""

    def show(
        self, title: str, current: int, total: int | None, facts: list[str], values: str
    ) -> None:
        """Draw the bar anew.

        Arguments:
            title: what is going on, such as `"Epoch 3/50"`.
            current, total: steps done and steps in all; None where that is not known.
            facts: short texts beside the bar, such as `"260 steps/s"`.
            values: the metrics, in a line below.
        """

    def clear(self) -> None:
        """Take the bar off the screen. More than one call does no harm."""


def open_bar(console: Any = None, width: int = 20) -> Bar | None:
    """Return a live bar, or None where output does not go to a terminal or a notebook.

    Arguments:
        console: the `rich.console.Console` to draw on; standard output by default.
        width: the bar's length in characters.
    """
    kind = kind_of_output(console)
    if kind == "plain":
        return None
    # rich is imported only where a bar is drawn.
    from minidl.utils import live

    return live.NotebookBar(width) if kind == "notebook" else live.TerminalBar(width, console)


def kind_of_output(console: Any = None) -> str:
    """Return `"terminal"`, `"notebook"`, or `"plain"` for a file, a pipe, or a log."""
    if console is not None:
        return "terminal" if console.is_terminal and not console.is_dumb_terminal else "plain"
    if type(sys.stdout).__module__.startswith("ipykernel") and "IPython" in sys.modules:
        return "notebook"
    screen = is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"
    return "terminal" if screen else "plain"


def is_terminal(stream: Any) -> bool:
    """Return whether a stream, which may be missing or closed, goes to a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def format_value(value: Any) -> str:
    """Return a loss or metric with four decimals, or in powers of ten where that shows nothing.

    An array's mean stands for it. What is not a number is shown as it is.

    >>> format_value(0.96125), format_value(0), format_value(2.5e-5), format_value(3e8)
    ('0.9613', '0.0000', '2.5000e-05', '3.0000e+08')
    """
    try:
        x = float(np.mean(value))
    except (TypeError, ValueError):
        return str(value)
    if x == 0 or 1e-3 < abs(x) < 1e7:
        return f"{x:.4f}"
    return f"{x:.4e}"


def format_values(values: Iterable[tuple[str, Any]]) -> str:
    """Return names and values in a line.

    >>> format_values([("loss", 0.25), ("accuracy", 0.5)])
    'loss: 0.2500 - accuracy: 0.5000'
    """
    return " - ".join(f"{name}: {format_value(value)}" for name, value in values)


def format_duration(seconds: float) -> str:
    """Return a duration.

    >>> [format_duration(s) for s in (0.0042, 1.23, 75, 3700)]
    ['4ms', '1.2s', '1m15s', '1h01m']
    """
    if seconds < 0.0995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def format_rate(steps: int, seconds: float, unit: str = "step") -> str:
    """Return steps a second, or seconds a step where it takes longer than one.

    >>> format_rate(520, 2.0), format_rate(3, 0.5), format_rate(2, 6.0), format_rate(0, 1.0)
    ('260 steps/s', '6.0 steps/s', '3.0s/step', '')
    """
    if steps <= 0 or seconds <= 0:
        return ""
    rate = steps / seconds
    if rate < 1:
        return f"{format_duration(seconds / steps)}/{unit}"
    return f"{rate:,.0f} {unit}s/s" if rate >= 10 else f"{rate:.1f} {unit}s/s"


def format_left(current: int, total: int | None, seconds: float) -> str:
    """Return the time left at the pace so far; empty where it cannot be told.

    >>> format_left(20, 100, 3.0), format_left(20, None, 3.0)
    ('12.0s left', '')
    """
    if total is None or current <= 0 or total < current:
        return ""
    return f"{format_duration(seconds / current * (total - current))} left"


def format_shape(shape: Iterable[int | None]) -> str:
    """Return a shape with `batch` for an unknown first axis.

    >>> format_shape((None, 28, 28))
    '(batch, 28, 28)'
    """
    sizes = ["?" if size is None else str(size) for size in shape]
    if sizes and sizes[0] == "?":
        sizes[0] = "batch"
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
