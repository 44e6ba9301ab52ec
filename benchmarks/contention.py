"""What another busy process costs: steps of `fit` alone, beside a loop, beside matrix products.

    python -m benchmarks.contention

minidl watches how long its steps take, and gives threads up that make it wait (`kernels/threads`).
So it is measured twice: as it is, and with OpenBLAS's threads fixed. The measure is its fair share:
one thread's time alone, times the threads for each processor where there are more of those.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import ROOT

LIMIT = 1.5  # × the fair share

_PRODUCTS = """
import numpy as np
a = np.ones((1000, 1000), np.float32)
while True: a @ a
"""
NEIGHBOURS = {
    "alone": "",
    "beside a busy loop": "while True: pass",
    "beside matrix products": _PRODUCTS,  # on all processors
}
CONTENDERS = {"minidl": "governed", "threads fixed": "fixed"}

_STEPS = """
import sys, time
import numpy as np
import minidl
from minidl import callbacks, layers
from minidl.kernels import threads

seconds, mode = float(sys.argv[1]), sys.argv[2]
if mode == "fixed":
    threads.Governor.begin = lambda self, key: 0.0
    threads.Governor.end = lambda self, key, began: None

class Stopwatch(callbacks.Callback):
    reads_gradients = False

    def on_train_begin(self, logs=None):
        self.times, self.began = [], time.perf_counter()
        self.ready = self.began + seconds / 3

    def on_train_batch_begin(self, batch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if now > self.ready:  # what comes before is the warm-up, and when minidl tries both
            self.times.append(now - self.start)
        if now > self.began + seconds:
            self.model.stop_training = True

random = np.random.default_rng(0)
x, y = random.random((3200, 784), dtype=np.float32), random.integers(0, 10, 3200)
model = minidl.Sequential([
    minidl.Input((784,)), layers.Dense(512, "relu"), layers.Dense(256, "relu"),
    layers.Dense(128, "relu"), layers.Dense(10, "softmax"),
])
model.compile(minidl.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
watch = Stopwatch()
model.fit(x, y, batch_size=32, epochs=10**6, verbose=0, callbacks=[watch])
print(np.median(watch.times), np.mean(watch.times), max(watch.times))
"""


def measure(
    rounds: int = 5, seconds: float = 3.0, threads: int | None = None
) -> tuple[report.Table, bool]:
    """Return the table, and whether something failed or minidl took more than `LIMIT`."""
    threads = threads or len(machine.available_cpus())
    means: dict[tuple[str, str], list[float]] = {}
    medians: dict[tuple[str, str], list[float]] = {}
    longest: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory(prefix="minidl-contention-") as home:
        for _ in range(rounds):
            for neighbour, code in NEIGHBOURS.items():
                for name, mode in _contenders(neighbour):
                    count = 1 if name == "one thread" else threads
                    with _running(code, threads, Path(home)):
                        median, mean, most = _steps(seconds, mode, count, Path(home))
                    medians.setdefault((name, neighbour), []).append(median)
                    means.setdefault((name, neighbour), []).append(mean)
                    longest[name, neighbour] = max(most, longest.get((name, neighbour), 0.0))
    alone = statistics.median(means["one thread", "alone"])
    rows, notes, wrong = [], [], False
    for (name, neighbour), values in means.items():
        mean = statistics.median(values)
        busy = threads if NEIGHBOURS[neighbour] == _PRODUCTS else 1
        fair = alone * max(1.0, (busy + 1) / threads)
        rows.append(
            [
                f"{name}, {neighbour}",
                report.number(1e6 * statistics.median(medians[name, neighbour])),
                report.spread([1e6 * value for value in values], report.number),
                report.number(1e3 * longest[name, neighbour]),
                f"{mean / fair:.2f}",
            ]
        )
        if name == "minidl":
            over = mean > LIMIT * fair
            wrong = wrong or over
            kept = "EXCEEDED" if over else "kept"
            notes.append(f"{name}, {neighbour}: limit {LIMIT} × the fair share, {kept}.")
    about = (
        f"Steps of fit, digits network, SGD, batch 32, {threads} threads, {rounds} rounds in turn "
        f"of {seconds:g} s each, of which the first third is warm-up; the other process uses what "
        "it gets. The fair share is one thread's time alone, times the threads for each processor."
    )
    columns = ["steps", "µs, median", "µs, mean (min … max)", "ms, longest", "× fair share"]
    return report.Table("contention", columns, rows, about, notes), wrong


def _contenders(neighbour: str) -> list[tuple[str, str]]:
    """Return who runs beside a neighbour, and how: one thread is measured alone only."""
    alone = [("one thread", "fixed")] if neighbour == "alone" else []
    return alone + list(CONTENDERS.items())


def _steps(seconds: float, mode: str, threads: int, home: Path) -> tuple[float, float, float]:
    """Return the median, the mean and the longest time of a step in a fresh process."""
    process = subprocess.run(
        [sys.executable, "-c", _STEPS, str(seconds), mode],
        cwd=ROOT, env=machine.environment(threads, home), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    median, mean, most = map(float, process.stdout.split())
    return median, mean, most


@contextlib.contextmanager
def _running(code: str, threads: int, home: Path) -> Iterator[None]:
    """Let another process run meanwhile."""
    if not code:
        yield
        return
    neighbour = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=machine.environment(threads, home)
    )
    try:
        time.sleep(0.5)
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; return 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contention", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args(argv)
    table, wrong = measure(max(1, arguments.rounds), arguments.seconds)
    Console(width=140).print(table.rich())
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
