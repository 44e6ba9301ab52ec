"""What is aimed at: minidl's time against the fastest peer's, by NumPy alone and by `[fast]`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import report
from benchmarks.runner import Entry, Result

CONTENDERS = ("minidl", "minidl-fast")
FLOOR = "matmul-floor"
WHOLE_EPOCHS = ("jax-loop",)  # an epoch in one compiled call: no callback or metric between steps

AGAINST_PEERS: dict[str, tuple[float, float]] = {
    "digits": (1.0, 0.75),
    "digits-adam": (1.2, 0.75),
    "digits-adam-128": (1.1, 0.85),
    "digits-adam-512": (1.1, 0.85),
    "binary": (1.0, 0.7),
    "predict-1": (1.0, 0.8),
    "predict-10000": (0.9, 0.8),
    "convnet": (1.5, 1.0),
    "lstm": (1.5, 1.0),
}
"""At most so many times the fastest peer's time, by workload: NumPy alone, and `[fast]`."""

AGAINST_FLOOR: dict[str, tuple[float, float]] = {"digits": (1.5, 1.25)}
"""At most so many times the time of the step's matrix products alone."""


def table(results: Sequence[Result]) -> report.Table:
    """Return a line for every target of which there are figures."""
    rows = []
    for result in results:
        peers = [e for e in result.entries if e.counts and e.runs[0]["peer"]]
        if peers and result.workload in AGAINST_PEERS:
            by_time = sorted(peers, key=lambda entry: statistics.median(entry.seconds))
            stepping = [entry for entry in by_time if entry.name not in WHOLE_EPOCHS]
            for peer in dict.fromkeys(entry.name for entry in (by_time[0], *stepping[:1])):
                against = next(entry for entry in peers if entry.name == peer)
                rows.append(_row(result, against, AGAINST_PEERS[result.workload]))
        floor = next((e for e in result.entries if e.name == FLOOR and e.counts), None)
        if floor and result.workload in AGAINST_FLOOR:
            rows.append(_row(result, floor, AGAINST_FLOOR[result.workload]))
    columns = ["work", "measured against"]
    for name in CONTENDERS:
        columns += [name, "target", ""]
    about = (
        "Ratios of times, round by round: the median, with the least and the greatest. Against the "
        "fastest peer; and where that is one that compiles a whole epoch into a single call, which "
        "no callback or metric can look into, against the fastest that goes step by step too."
    )
    return report.Table("targets", columns, rows, about)


def _row(result: Result, against: Entry, targets: tuple[float, float]) -> list[str]:
    cells = [result.workload, against.name]
    for name, target in zip(CONTENDERS, targets, strict=True):
        entry = result.entry(name)
        if entry is None:
            cells += ["–", f"{target:g}", "–"]
            continue
        ratios = [a / b for a, b in zip(entry.seconds, against.seconds, strict=False)]
        met = "met" if statistics.median(ratios) <= target else "missed"
        cells += [report.ratio(entry.seconds, against.seconds), f"{target:g}", met]
    return cells
