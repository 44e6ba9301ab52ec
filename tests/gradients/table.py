"""The table of all gradients that were checked, in Markdown or JSON."""

from __future__ import annotations

import json
import re

from minidl.gradcheck import Part, Report
from minidl.layers import Layer


class Table:
    """Adds up the reports of each class."""

    def __init__(self) -> None:
        self._reports: dict[type, Report] = {}
        self._configurations: dict[type, int] = {}

    def add(self, cls: type, report: Report) -> None:
        """Add the report of one configuration of `cls`."""
        total = self._reports.setdefault(cls, Report(cls.__name__))
        for part in report.parts:
            total.add(part._replace(name=_short(part.name)))
        self._configurations[cls] = self._configurations.get(cls, 0) + 1

    @property
    def worst(self) -> float:
        """The largest relative error of all."""
        return max((report.worst for report in self._reports.values()), default=0.0)

    def json(self) -> str:
        """Return the lines as JSON, for the tables of layers and of the other families."""
        return json.dumps(
            {
                _key(cls): {
                    "configurations": self._configurations[cls],
                    "derivatives": report.checked,
                    "worst": report.worst,
                }
                for cls, report in self._reports.items()
            },
            indent=1,
        )

    def markdown(self) -> str:
        """Return the table, with a heading a family and a line of totals."""
        lines = []
        family = ""
        for cls, report in self._reports.items():
            if (name := cls.__module__.split(".")[1]) != family:
                family = name
                lines += ["", f"## {family}", "", *_heading()]
            lines.append(
                f"| {cls.__name__} | {_parts(report.parts)} | {self._configurations[cls]} "
                f"| {report.checked} | {report.skipped} | {report.worst:.1e} |"
            )
        checked = sum(report.checked for report in self._reports.values())
        total = (
            f"{len(self._reports)} classes, {sum(self._configurations.values())} configurations, "
            f"{checked} derivatives; worst relative error {self.worst:.1e}."
        )
        return "\n".join(["# Gradients checked", "", total, *lines, ""])


def _key(cls: type) -> str:
    """Return a layer's name, and of another class its family and name."""
    if issubclass(cls, Layer):
        return cls.__name__
    return f"{cls.__module__.split('.')[1]}.{cls.__name__}"


def _short(name: str) -> str:
    """Return a part's name without the number of an input and the name of a layer within."""
    return re.sub(r"\[.*\]$", "", name.rpartition("/")[2])


def _parts(parts: list[Part]) -> str:
    """Return the parts in a few words: a loss's are one gradient under several reductions."""
    names = [part.name for part in parts if part.name != "behind another"]
    reductions = [name.removeprefix("dy_pred, ") for name in names if name.startswith("dy_pred, ")]
    if not reductions:
        return ", ".join(sorted(names, key=lambda name: not name.startswith("d")))
    plain = [name for name in reductions if not name.endswith(", weighted")]
    weighted = " and with sample weights" if len(plain) < len(reductions) else ""
    return f"dy_pred under {', '.join(plain)}, without{weighted}"


def _heading() -> list[str]:
    return [
        "| class | checked parts | configurations | derivatives | on kinks | worst error |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
