"""Where the time of one training step goes: products, activations, loss, update, data, the rest.

    python -m benchmarks.breakdown

The digits network at batch 32, by SGD and by Adam, with NumPy alone and with compiled kernels, each
in a process of its own. Stopwatches stand around the functions that do a kind of work; a stopwatch
that starts within another's time stops that one meanwhile, so every microsecond counts once.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import ROOT

KINDS = ("products", "activations", "loss and metrics", "update", "data", "rest")
CASES = {
    f"{optimizer}, {kind}": (optimizer, compiled)
    for optimizer in ("sgd", "adam")
    for kind, compiled in (("NumPy", "0"), ("[fast]", "1"))
}
_STEPS = 156
_EPOCHS = 5


class Stopwatches:
    """The time spent in each kind of work, each moment counted for the innermost."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(KINDS, 0.0)
        self._running: list[str] = []
        self._since = 0.0

    def watch(self, owner: Any, name: str, kind: str) -> None:
        """Put a stopwatch around a function of a class or module."""
        function: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.start(kind)
            try:
                return function(*args, **kwargs)
            finally:
                self.stop()

        setattr(owner, name, timed)

    def start(self, kind: str) -> None:
        """Begin with a kind of work, within the one that is going on."""
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._running.append(kind)
        self._since = now

    def stop(self) -> None:
        """End it, and go on with the one before."""
        now = time.perf_counter()
        self.seconds[self._running.pop()] += now - self._since
        self._since = now


def child(optimizer: str) -> dict[str, float]:
    """Return microseconds a step by kind of work, as the median over some epochs."""
    import numpy as np

    from benchmarks import workloads
    from benchmarks.contenders.minidl_fit import MiniDL
    from minidl.activations.base import Activation
    from minidl.layers import dense
    from minidl.layers.parameter import Parameter
    from minidl.models.batches import ArrayBatches
    from minidl.models.objective import Objective
    from minidl.optimizers.optimizer import Optimizer

    task = workloads.digits_task("digits", optimizer, 32, None, _STEPS)
    model = MiniDL(task, threads=len(machine.available_cpus()))
    watches = Stopwatches()
    watches.watch(dense, "product", "products")
    watches.watch(Parameter, "take_gradient_product", "products")
    for kind in {Activation, *_below(Activation)}:
        for name in ("forward_in_place", "backward"):
            if name in vars(kind):
                watches.watch(kind, name, "activations")
    for name in ("value_and_gradient", "update"):
        watches.watch(Objective, name, "loss and metrics")
    watches.watch(Optimizer, "step", "update")
    watches.watch(ArrayBatches, "gather", "data")
    model.train(task.rows, 2)
    epochs = []
    for _ in range(_EPOCHS):
        watches.seconds = dict.fromkeys(KINDS, 0.0)
        watches.start("rest")
        model.train(task.rows, 1)
        watches.stop()
        epochs.append([watches.seconds[kind] / _STEPS * 1e6 for kind in KINDS])
    return dict(zip(KINDS, np.median(epochs, axis=0).tolist(), strict=True))


def _below(kind: type) -> set[type]:
    return {*kind.__subclasses__(), *(k for c in kind.__subclasses__() for k in _below(c))}


def measure(
    rounds: int = 5, threads: int | None = None, python: str = sys.executable
) -> tuple[report.Table, dict[str, dict[str, float]]]:
    """Return the table, and the figures behind it: microseconds by case and kind of work."""
    threads = threads or len(machine.available_cpus())
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory(prefix="minidl-breakdown-") as home:
        for _ in range(rounds):
            for name, (optimizer, compiled) in CASES.items():
                environment = machine.environment(threads, Path(home))
                process = subprocess.run(
                    [python, "-m", "benchmarks.breakdown", "--child", optimizer],
                    cwd=ROOT,
                    env=environment | {"MINIDL_COMPILED": compiled},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                runs[name].append(json.loads(process.stdout.splitlines()[-1]))
    found = {
        name: {kind: statistics.median(run[kind] for run in of_case) for kind in KINDS}
        for name, of_case in runs.items()
    }
    rows = [
        [name, *(f"{of_case[k]:,.0f}" for k in KINDS), f"{sum(of_case.values()):,.0f}"]
        for name, of_case in found.items()
    ]
    about = (
        "µs a step of the digits network at batch 32, by kind of work; the stopwatches themselves "
        "cost some of it. SGD's step is taken within the product that makes a kernel's gradient, "
        f"and counts there. Medians over {rounds} rounds."
    )
    return report.Table("where a step goes", ["case", *KINDS, "all"], rows, about), found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.breakdown", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", choices=("sgd", "adam"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        machine.pin(len(machine.available_cpus()))
        print(json.dumps(child(arguments.child)))
        return 0
    Console().print(measure(arguments.rounds)[0].rich())
    return 0


if __name__ == "__main__":
    sys.exit(main())
