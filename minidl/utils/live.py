"""The two live bars, for a terminal and for a notebook. Only this module needs rich."""

from __future__ import annotations

import sys
import weakref
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from minidl.utils.display import is_terminal

_shown: weakref.ref[Any] | None = None


def _take_over(bar: Any) -> None:
    """Clear the bar that is on the screen if it is another one: two would draw over each other.

    So `predict` within a callback of `fit` shows its bar, and then that of `fit` comes back.
    """
    global _shown
    other = None if _shown is None else _shown()
    if other is not None and other is not bar:
        other.clear()
    _shown = weakref.ref(bar)


class _Rows(Progress):
    """rich's progress table with a line of metrics below, cut off at the terminal's width."""

    values = ""

    def get_renderables(self) -> Any:
        rows: list[RenderableType] = [self.make_tasks_table(self.tasks)]
        if self.values:
            rows.append(Text(self.values, style="dim", no_wrap=True, overflow="ellipsis"))
        return rows


class TerminalBar:
    """A bar that rich draws; what is printed meanwhile appears above it.

    The cursor comes back and the bar goes away at `clear`, when the object is let go of, and
    when Python exits.
    """

    def __init__(self, width: int = 20, console: Console | None = None) -> None:
        self._width = width
        self._console = console
        self._progress: _Rows | None = None
        self._stop: Any = None

    def show(
        self, title: str, current: int, total: int | None, facts: list[str], values: str
    ) -> None:
        """Draw the bar anew."""
        _take_over(self)
        starts = self._progress is None
        progress = self._progress = self._progress or self._make()
        progress.values = values
        progress.tasks[0].total = total  # update() takes None for "as it is"
        progress.update(
            progress.task_ids[0],
            description=title,
            completed=current,
            count=f"{current:,}" if total is None else f"{current:,}/{total:,}",
            facts="  ".join(fact for fact in facts if fact),
        )
        if starts:
            self._stop = weakref.finalize(self, progress.stop)
            progress.start()
        else:
            progress.refresh()

    def _make(self) -> _Rows:
        progress = _Rows(
            TextColumn("{task.description}", markup=False),
            BarColumn(self._width),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[facts]}", markup=False),
            console=self._console or Console(),
            auto_refresh=False,  # no thread: the bar is drawn when training says so
            transient=True,
            # Only what goes to the screen as well: a redirected stream stays where it goes.
            redirect_stdout=is_terminal(sys.stdout),
            redirect_stderr=is_terminal(sys.stderr),
        )
        progress.add_task("")
        return progress

    def clear(self) -> None:
        """Take the bar off the screen and show the cursor again."""
        if self._stop is not None:
            self._stop()  # a finalizer runs once
        self._stop = self._progress = None


class NotebookBar:
    """A bar as a line of text in a notebook's output, always in the same place."""

    def __init__(self, width: int = 20) -> None:
        self._width = width
        self._handle: Any = None
        self._text = ""

    def show(
        self, title: str, current: int, total: int | None, facts: list[str], values: str
    ) -> None:
        """Draw the bar anew."""
        _take_over(self)
        if total:
            full = min(self._width, self._width * current // total)
            parts = [title, "━" * full + "─" * (self._width - full), f"{current:,}/{total:,}"]
        else:
            parts = [title, f"{current:,}"]
        first = "  ".join(part for part in (*parts, *facts) if part)
        self._put(f"{first}\n{values}" if values else first)

    def _put(self, text: str) -> None:
        self._text = text
        data = {"text/plain": text}
        if self._handle is None:
            from IPython.display import display  # type: ignore[import-not-found]

            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def clear(self) -> None:
        """Empty the line; it is used again if the bar comes back."""
        if self._text:
            self._put("")
