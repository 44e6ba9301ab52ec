"""How long `import minidl` takes against `import numpy`, each in fresh processes in turn.

python -m benchmarks.import_time
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import ROOT

LIMIT = 1.5  # × `import numpy`
ABSENT = ("rich", "h5py", "matplotlib", "pandas", "scipy", "pooch", "idx2numpy")

# minidl's modules are imported when first named, so its bare import is not the whole story.
STATEMENTS = {
    "import numpy": "import numpy",
    "import minidl": "import minidl",
    "import minidl, a model made": (
        "import minidl; from minidl import layers\n"
        "m = minidl.Sequential([minidl.Input((2,)), layers.Dense(1, 'sigmoid')])\n"
        "m.compile(optimizer='sgd', loss='binary_crossentropy', metrics=['accuracy'])"
    ),
}

_TIMED = """
import sys, time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
print(*(name for name in {absent} if name in sys.modules))
"""


def measure(rounds: int = 20, statements: dict[str, str] = STATEMENTS) -> tuple[report.Table, bool]:
    """Return the table, and whether something is not as it should be.

    That is: a module of `ABSENT` was imported, a statement failed, or the bare `import minidl`
    takes more than `LIMIT` times as long as NumPy's.
    """
    times: dict[str, list[float]] = {name: [] for name in statements}
    notes: dict[str, None] = {}  # in order, each once
    wrong = False
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds + 1):
            for name, statement in statements.items():
                code = _TIMED.format(statement=statement, absent=ABSENT)
                process = subprocess.run(
                    [sys.executable, "-c", code],
                    cwd=ROOT,
                    env=machine.environment(1, Path(home)),
                    capture_output=True,
                    text=True,
                )
                if process.returncode:
                    last = (process.stderr.strip().splitlines() or ["no output"])[-1]
                    notes[f"{name}: FAILED, {last}"] = None
                    wrong = True
                    continue
                seconds, imported = process.stdout.splitlines()
                if imported:
                    notes[f"{name}: FAILED, it imports {imported.replace(' ', ', ')}."] = None
                    wrong = True
                if number:  # the first round warms the file cache
                    times[name].append(float(seconds))
    base, *others = statements
    rows = []
    for name, values in times.items():
        ratio = "–"
        if values and len(values) == len(times[base]):
            ratio = report.ratio(values, times[base])
        milliseconds = [1e3 * value for value in values]
        rows.append([name, report.spread(milliseconds, report.number) if values else "–", ratio])
    if others and times[others[0]] and times[base]:
        ratios = [a / b for a, b in zip(times[others[0]], times[base], strict=False)]
        over = statistics.median(ratios) > LIMIT
        wrong = wrong or over
        notes[f"{others[0]}: limit {LIMIT} × numpy, {'EXCEEDED' if over else 'kept'}."] = None
    notes[f"Not to be imported by any: {', '.join(ABSENT)}."] = None
    about = f"Fresh processes in turn, {rounds} rounds, after one that does not count."
    columns = ["statement", "ms (min … max)", "× import numpy"]
    return report.Table("import", columns, rows, about, list(notes)), wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.import_time", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args(argv)
    table, wrong = measure(max(1, arguments.rounds))
    Console().print(table.rich())
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
