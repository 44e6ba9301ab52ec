"""The table of files: for each layer how far predictions are apart after a way through a file.

pytest -m parity tests/parity/test_saving.py tests/parity/test_onnx.py --parity-table=parity.json
python -m tests.saving_table parity.json docs/saving-table.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.layer_table import MUST, SHOULD, _number, mark
from tests.parity.table import public_layers

EXPLANATION = """# The table of files

Written by `python -m tests.saving_table` from what a group of tests reports. For each layer, models
with it go through a `.keras` file in both directions, with weights that are all different, and both
libraries predict.

- **Keras → minidl**: a model made and saved by real Keras, loaded here.
- **minidl → Keras**: a model made and saved here, loaded by real Keras.
- **ONNX**: a model made and exported here, run by ONNX Runtime.
- The figures are the worst differences of any output in float32, relative to the largest number
  compared, or to 1 if that is smaller. The tolerance is 1e-6, for ONNX 1e-5.
- **–**: not compared in every run. Cells go into ONNX files within an `RNN`. Keras's lookup and
  text layers need TensorFlow to compute; with it they were found to agree to the last digit, both
  ways and in every output mode. A Lambda does what its user says.
"""
HEADING = (
    "| layer | wanted | Keras → minidl | minidl → Keras | ONNX |",
    "| --- | --- | ---: | ---: | ---: |",
)


def table(parity: dict[str, Any]) -> str:
    """Return the page."""
    order = {name: i for i, name in enumerate((*MUST, *SHOULD))}
    names = sorted(public_layers(), key=lambda name: (order.get(name, len(order)), name))
    lines, found, onnx, both_ways = [], [], [], 0
    for name in names:
        parts = parity.get(name, {}).get("differences", {})
        both = [parts.get(part, {}).get("float32") for part in ("read", "written")]
        out = parts.get("onnx", {}).get("float32")
        found += [value for value in both if value is not None]
        onnx += [] if out is None else [out]
        both_ways += None not in both
        cells = [name, mark(name), _number(both[0]), _number(both[1]), _number(out)]
        lines.append(f"| {' | '.join(cells)} |")
    total = (
        f"{both_ways} of {len(names)} layers go both ways between minidl and Keras, the worst "
        f"difference being {max(found):.0e}; {len(onnx)} go into ONNX files, {max(onnx):.0e}."
    )
    return "\n".join([EXPLANATION, total, "", *HEADING, *lines, ""])


def main(arguments: list[str]) -> int:
    """Read the report and write the page."""
    report, page = arguments
    parity = json.loads(Path(report).read_text(encoding="utf-8"))
    Path(page).write_text(table(parity), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
