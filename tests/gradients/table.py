"""The table of all gradients that were checked, in Markdown."""

from __future__ import annotations

from minidl.gradcheck import Report


class Table:
    """Adds up the reports of each class."""

    def __init__(self) -> None:
        self._reports: dict[type, Report] = {}
        self._configurations: dict[type, int] = {}

    def add(self, cls: type, report: Report) -> None:
        """Add the report of one configuration of `cls`."""
        self._reports.setdefault(cls, Report(cls.__name__)).merge(report)
        self._configurations[cls] = self._configurations.get(cls, 0) + 1

    @property
    def worst(self) -> float:
        """The largest relative error of all."""
        return max((report.worst for report in self._reports.values()), default=0.0)

    def markdown(self) -> str:
        """Return the table, with a heading a family and a line of totals."""
        lines = []
        family = ""
        for cls, report in self._reports.items():
            if (name := cls.__module__.split(".")[1]) != family:
                family = name
                lines += ["", f"## {family}", "", *_heading()]
            parts = ", ".join(part.name for part in report.parts)
            lines.append(
                f"| {cls.__name__} | {parts} | {self._configurations[cls]} | {report.checked} "
                f"| {report.skipped} | {report.worst:.1e} |"
            )
        checked = sum(report.checked for report in self._reports.values())
        total = (
            f"{len(self._reports)} classes, {sum(self._configurations.values())} configurations, "
            f"{checked} derivatives; worst relative error: {self.worst:.1e}."
        )
        return "\n".join(["# Gradients checked", "", total, *lines, ""])


def _heading() -> list[str]:
    return [
        "| class | checked parts | configurations | derivatives | on kinks | worst error |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
