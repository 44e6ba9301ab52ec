"""Tables: of what was measured, for the terminal and as Markdown."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runner import Entry, Result, Settings

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_MEMORY = 1e6  # megabytes


@dataclass
class Table:
    """A title, what it is about, rows of text under columns, and notes on them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table as a section of a Markdown page."""
        lines = [f"## {self.title}", ""]
        lines += [self.about, ""] if self.about else []
        align = ["---", *["---:"] * (len(self.columns) - 1)]
        for cells in (self.columns, align, *self.rows):
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def rich(self) -> RichTable:
        """Return the table for a terminal."""
        from rich.markup import escape
        from rich.table import Table as RichTable

        table = RichTable(title=self.title, title_justify="left", caption_justify="left")
        table.caption = escape("\n".join(self.notes)) or None
        for i, column in enumerate(self.columns):
            table.add_column(escape(column), justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table


def table(result: Result, reference: str) -> Table:
    """Return the table of one workload: medians over the rounds, and ratios to one contender."""
    base = result.entry(reference)
    times = [time for entry in result.entries for time in entry.seconds]
    unit, scale = ("ms", 1e3) if times and min(times) >= 0.01 else ("µs", 1e6)
    columns = ["contender", "dtype", f"{unit} a {result.unit} (min … max)"]
    columns += [f"× {reference}"] if base else []
    columns += ["warm-up", "start", "peak MB", "loss", "work"]
    rows = [_row(entry, base, scale, len(columns)) for entry in result.entries]
    notes = [f"{e.name}: {e.status}, {e.message.rstrip('.')}." for e in result.entries if e.message]
    if not result.expected:
        notes.append(f"{result.reference} did not run: there is nothing to check losses against.")
    if base and (line := _against_peers(result, base)):
        notes.append(line)
    tolerance = ", ".join(
        f"{result.tolerances[moment]:g} ({moment.replace('_', '-')})" for moment in result.expected
    )
    about = result.description
    if tolerance:
        about += f" Equal work: losses within a relative {tolerance} of {result.reference}'s."
    return Table(result.workload, columns, rows, about, notes)


def _row(entry: Entry, base: Entry | None, scale: float, columns: int) -> list[str]:
    words = {"done": "equal", "differs": "DIFFERS", "failed": "FAILED"}
    work = words.get(entry.status, entry.status)
    if not entry.runs:
        return [entry.name, *["–"] * (columns - 2), work]
    row = [entry.name, entry.runs[0]["dtype"], spread([s * scale for s in entry.seconds], number)]
    if base:
        row.append(ratio(entry.seconds, base.seconds) if entry.counts else "–")
    row += [duration(_median(entry, "warm_up")), duration(_median(entry, "start"))]
    row.append(f"{_median(entry, 'peak') / _MEMORY:,.0f}")
    row.append("–" if entry.status == "floor" else f"{entry.runs[0]['losses']['final']:.6f}")
    return [*row, work]


def _median(entry: Entry, key: str) -> float:
    return statistics.median(run[key] for run in entry.runs)


def _against_peers(result: Result, base: Entry) -> str | None:
    peers = [e for e in result.entries if e.counts and e is not base and e.runs[0]["peer"]]
    if not peers:
        return None
    fastest = min(peers, key=lambda entry: statistics.median(entry.seconds))
    text = (
        f"{base.name} takes {ratio(base.seconds, fastest.seconds)} of the time of {fastest.name},"
    )
    return text + " the fastest peer here."


def ratio(times: Sequence[float], base: Sequence[float]) -> str:
    """Return the median of the ratios of each round, with the least and the greatest.

    >>> ratio([2.0, 3.0, 4.0], [1.0, 2.0, 1.0])
    '2.00 (1.50 … 4.00)'
    """
    return spread([a / b for a, b in zip(times, base, strict=False)], "{:.2f}".format)


def spread(values: Sequence[float], write: Callable[[float], str]) -> str:
    """Return the median, and behind it, if there are several, the least and the greatest."""
    middle = write(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({write(min(values))} … {write(max(values))})"


def number(value: float) -> str:
    """Return a number with at least three digits.

    >>> number(1234.5), number(12.345)
    ('1,234', '12.3')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> duration(0.0123), duration(1.5)
    ('12.3 ms', '1.50 s')
    """
    return f"{number(seconds * 1e3)} ms" if seconds < 1 else f"{seconds:.2f} s"


def page(
    tables: Sequence[Table],
    settings: Settings,
    facts: dict[str, str],
    results: Sequence[Result],
    command: str,
    pictures: Sequence[Path] = (),
) -> str:
    """Return the whole page of results; the pictures lie in a folder beside it."""
    lines = [
        "# Benchmarks: results",
        "",
        "Written by the runner; `docs/benchmarks.md` says how to read it.",
        "",
        "```",
        command,
        "```",
        "",
        f"- Date: {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        *(f"- {name}: {value}" for name, value in facts.items()),
        f"- Threads: {settings.threads} for every contender; rounds: {settings.rounds}",
        "- Environment variables that tune BLAS, OpenMP or a contender by hand are not passed on.",
    ]
    if settings.quick:
        lines.append("- **Quick form**: it shows that everything works. Its times mean nothing.")
    lines += ["", "| contender | versions | thread pools |", "| --- | --- | --- |"]
    for name, run in _last_runs(results).items():
        versions = ", ".join(f"{key} {value}" for key, value in run["versions"].items())
        pools = "; ".join(run["pools"]) or "not seen: threadpoolctl is not installed"
        lines.append(f"| {name} | {versions} | {pools} |")
    lines += ["", *(f"![{path.stem}]({path.parent.name}/{path.name})" for path in pictures)]
    return "\n".join(lines) + "\n\n" + "\n".join(table.markdown() for table in tables)


def _last_runs(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    return {entry.name: entry.runs[-1] for r in results for entry in r.entries if entry.runs}
