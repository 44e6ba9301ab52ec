"""The three-witness table: for each built-in, how far its gradients by three ways are apart."""

from __future__ import annotations

import json
from typing import Any

from .witnesses import DIFFERENCES, TOLERANCE, Finding

INTRODUCTION = f"""# The three-witness table

Written by `pytest -m "slow or not slow" tests/gradients/test_three_witnesses.py
--witness-table=docs/witness-table.md`. Every built-in gradient is found in three ways, in float64,
over random configurations:

- **by hand**: the `backward` (or `gradient`) that training runs;
- **by autodiff**: `minidl.autodiff` on the class's plain definition, a few lines of NumPy straight
  from the equation (`tests/gradients/definitions/`), which share nothing with the class but its
  arguments, its weights and its random draws;
- **by differences**: the definition's central difference along a random direction through all
  inputs and weights at once.

The columns are the worst distance of the first two, outputs included, relative to the largest
entry of each array (at most {TOLERANCE:.0e}), and that of the third from the first, relative to
the terms that it is the sum of (at most {DIFFERENCES:.0e}; configurations on a kink are left out).
A public layer, activation, loss or regularizer without a definition fails the tests, unless it is
named with a reason in `tests/gradients/test_three_witnesses.py`.
"""


class WitnessTable:
    """Adds up the findings of each class."""

    def __init__(self) -> None:
        self._lines: dict[type, dict[str, Any]] = {}

    def add(self, cls: type, finding: Finding) -> None:
        """Add what was found on one configuration of `cls`."""
        line = self._lines.setdefault(
            cls, {"configurations": 0, "derivatives": 0, "apart": 0.0, "off": 0.0, "kinks": 0}
        )
        line["configurations"] += 1
        line["derivatives"] += finding.derivatives
        line["apart"] = max(line["apart"], finding.apart)
        if finding.off is None:
            line["kinks"] += 1
        else:
            line["off"] = max(line["off"], finding.off)

    def json(self) -> str:
        """Return the lines as JSON."""
        return json.dumps({cls.__name__: line for cls, line in self._lines.items()}, indent=1)

    def markdown(self) -> str:
        """Return the page, with a heading for each family and a line of totals."""
        lines = []
        for family in ("activations", "losses", "regularizers", "layers"):
            chosen = [c for c in self._lines if c.__module__.split(".")[1] == family]
            if not chosen:
                continue
            lines += ["", f"## {family.capitalize()}", ""]
            lines += [
                "| class | configurations | derivatives | hand and autodiff | differences |",
                "| --- | ---: | ---: | ---: | ---: |",
            ]
            for cls in sorted(chosen, key=lambda c: c.__name__):
                line = self._lines[cls]
                lines.append(
                    f"| {cls.__name__} | {line['configurations']} | {line['derivatives']} "
                    f"| {line['apart']:.0e} | {line['off']:.0e} |"
                )
        return "\n".join([INTRODUCTION, self.total(), *lines, ""])

    def total(self) -> str:
        """Return the line of totals."""
        found = self._lines.values()
        return (
            f"{len(found)} classes, {sum(f['configurations'] for f in found)} configurations, "
            f"{sum(f['derivatives'] for f in found)} derivatives: by hand and by autodiff at most "
            f"{max(f['apart'] for f in found):.1e} apart, from the differences at most "
            f"{max(f['off'] for f in found):.1e}; {sum(f['kinks'] for f in found)} configurations "
            "on a kink."
        )
