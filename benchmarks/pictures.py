"""Pictures of the figures: how the time of a row grows, and where a step goes."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.breakdown import KINDS
from benchmarks.runner import Result

AXES = {
    "batch": "rows in a batch",
    "width": "units in each of two hidden layers",
    "depth": "hidden layers of 128 units",
    "rows": "rows in an epoch",
}
_COLOURS = {
    "minidl": "#c0392b",
    "minidl-fast": "#e67e22",
    "torch-fused": "#2c3e50",
    "jax": "#7f8c8d",
}
_KIND_COLOURS = ("#34495e", "#e67e22", "#f1c40f", "#c0392b", "#27ae60", "#bdc3c7")


def draw(
    results: Sequence[Result], breakdown: Mapping[str, Mapping[str, float]] | None, folder: Path
) -> list[Path]:
    """Draw what there are figures of; return the files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    by_axis = _by_axis(results)
    if by_axis:
        figure = Figure(figsize=(10, 7), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (axis, curves) in zip(
            figure.subplots(2, 2).flat, sorted(by_axis.items()), strict=False
        ):
            _growth(axes, axis, curves)
        figure.suptitle("time of one row in training, a dense network 64-…-10, SGD")
        files.append(folder / "growth.png")
        figure.savefig(files[-1], dpi=90)
    if breakdown:
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        _bars(figure.subplots(), breakdown)
        files.append(folder / "breakdown.png")
        figure.savefig(files[-1], dpi=90)
    return files


def _by_axis(results: Sequence[Result]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for result in results:
        match = re.fullmatch(rf"({'|'.join(AXES)})-(\d+)", result.workload)
        for entry in result.entries if match else ():
            if match and entry.counts:
                point = int(match[2]), statistics.median(entry.seconds) * 1e6
                found.setdefault(match[1], {}).setdefault(entry.name, []).append(point)
    return found


def _growth(axes: Any, axis: str, curves: dict[str, list[tuple[int, float]]]) -> None:
    from matplotlib.ticker import NullLocator

    sizes: tuple[int, ...] = ()
    for name, points in curves.items():
        sizes, times = zip(*sorted(points), strict=True)
        axes.plot(sizes, times, "o-", label=name, color=_COLOURS.get(name), lw=1.5, ms=4)
    axes.set(xscale="log", yscale="log", xlabel=AXES[axis], ylabel="µs a row")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks("{x:g}")
    axes.tick_params(axis="y", which="minor", labelsize=7)
    axes.grid(alpha=0.3, which="both", lw=0.4)
    axes.legend(frameon=False)


def _bars(axes: Any, breakdown: Mapping[str, Mapping[str, float]]) -> None:
    names = list(breakdown)[::-1]
    left = [0.0] * len(names)
    for kind, colour in zip(KINDS, _KIND_COLOURS, strict=True):
        widths = [breakdown[name][kind] for name in names]
        bars = axes.barh(names, widths, left=left, color=colour, label=kind, height=0.65)
        labels = [f"{w:,.0f}" if w > 0.035 * max(left[-1], 1500) else "" for w in widths]
        axes.bar_label(bars, labels, label_type="center", color="white", fontsize=8)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, total in enumerate(left):
        axes.text(total, place, f"  {total:,.0f}", va="center", fontsize=9)
    axes.set(xlabel="µs a step", title="one training step of the digits network, batch 32")
    axes.margins(x=0.08)
    axes.legend(ncols=len(KINDS), frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    axes.spines[["top", "right"]].set_visible(False)
