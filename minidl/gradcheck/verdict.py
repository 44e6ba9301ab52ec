"""From a comparison to a row of the report, or to the error that says what is wrong."""

from __future__ import annotations

from minidl.gradcheck.compare import Mismatch, compare
from minidl.gradcheck.diagnosis import Clues, likely_cause
from minidl.gradcheck.report import GradientError, Report


def check_gradient(title: str, name: str, clues: Clues, report: Report) -> None:
    """Compare a gradient with the differences, and add a row for it to the report.

    Raises:
        GradientError: if it is wrong, with the worst entry and the likely cause.
    """
    result = compare(name, clues.problem, clues.gradient)
    if not isinstance(result, Mismatch):
        report.add(result)
        return
    if result.entry is None:
        raise GradientError(
            title,
            name,
            f"{result.skipped} of {result.skipped + result.checked} entries have no derivative to "
            "compare with: they lie on kinks, as relu has one at 0, or forward is too rough (it "
            "computes in float32, or rounds). Pass inputs that stay off kinks.",
        )
    raise GradientError(
        title,
        name,
        likely_cause(clues),
        summary=f"{name} {clues.gradient.shape} ({result.wrong} of {result.checked} entries)",
        index=result.entry,
        analytic=result.analytic,
        numeric=result.numeric,
        relative_error=result.relative,
    )
