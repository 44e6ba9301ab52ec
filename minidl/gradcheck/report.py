"""What a gradient check says: a table where all is well, an explanation where it is not."""

from __future__ import annotations

from typing import Any, NamedTuple


class Part(NamedTuple):
    """One gradient that was checked.

    Attributes:
        name: what the derivative is taken with respect to, such as `"dx"` or `"kernel"`.
        checked: how many numeric derivatives it was compared with.
        skipped: how many lay on a kink, where there is no derivative to compare with.
        worst: the largest relative error.
    """

    name: str
    checked: int
    skipped: int
    worst: float


class Report:
    """The outcome of a check that passed: one row a gradient.

    Attributes:
        subject: what was checked, such as `"Dense 'dense'"`.
        parts: the rows, in the order in which they were first checked.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self._parts: dict[str, Part] = {}

    @property
    def parts(self) -> list[Part]:
        """The rows of the table."""
        return list(self._parts.values())

    @property
    def worst(self) -> float:
        """The largest relative error of all parts; 0 where there was nothing to check."""
        return float(max((part.worst for part in self.parts), default=0.0))

    @property
    def checked(self) -> int:
        """The number of derivatives compared."""
        return sum(part.checked for part in self.parts)

    @property
    def skipped(self) -> int:
        """The number of derivatives left out because they lay on a kink."""
        return sum(part.skipped for part in self.parts)

    def add(self, part: Part) -> None:
        """Add a row, or add to the row of the same name."""
        old = self._parts.get(part.name, Part(part.name, 0, 0, 0.0))
        self._parts[part.name] = Part(
            part.name,
            old.checked + part.checked,
            old.skipped + part.skipped,
            max(old.worst, part.worst),
        )

    def merge(self, other: Report) -> None:
        """Add all rows of another report."""
        for part in other.parts:
            self.add(part)

    def __repr__(self) -> str:
        rows = [("part", "derivatives", "on kinks", "worst relative error")]
        rows += [(p.name, str(p.checked), str(p.skipped), f"{p.worst:.1e}") for p in self.parts]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [f"{self.subject}: every gradient is right."]
        for name, *numbers in rows:
            cells = [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join(["", name.ljust(widths[0]), *cells]))
        return "\n".join(lines)


class GradientError(AssertionError):
    """A gradient is wrong, or a forward or backward breaks its contract.

    Attributes:
        subject: what was checked, such as `"Dense 'dense'"`.
        part: which gradient is wrong (`"dx"`, `"kernel"`), or which method (`"forward"`).
        cause: the likely cause, in a sentence.
        index: the worst entry, None where a direction or a contract is at fault.
        analytic: what backward says there.
        numeric: what the differences of forward say there.
        relative_error: how far they are apart.
    """

    def __init__(
        self,
        subject: str,
        part: str,
        cause: str,
        *,
        summary: str = "",
        index: tuple[int, ...] | None = None,
        analytic: float | None = None,
        numeric: float | None = None,
        relative_error: float | None = None,
    ) -> None:
        self.subject = subject
        self.part = part
        self.cause = cause
        self.index = index
        self.analytic = analytic
        self.numeric = numeric
        self.relative_error = relative_error
        if analytic is None or numeric is None:
            text = f"{subject}, {part}: {cause}"
        else:
            rows: list[tuple[str, Any]] = [
                ("worst entry", entry_name(part, index)),
                ("analytic", f"{analytic:.9g}   what backward says"),
                ("numeric", f"{numeric:.9g}   what the differences of forward say"),
                ("relative error", f"{relative_error:.1e}"),
                ("likely cause", cause),
            ]
            lines = [f"{subject}: the gradient {summary or part} is wrong."]
            text = "\n".join(lines + [f"  {label:<15} {value}" for label, value in rows])
        super().__init__(text)


def entry_name(part: str, index: tuple[int, ...] | None) -> str:
    """Return the name of an entry as NumPy would write it.

    >>> entry_name("kernel", (2, 1))
    'kernel[2, 1]'
    """
    if index is None:
        return f"{part} along a random direction"
    return f"{part}[{', '.join(map(str, index))}]" if index else part
