"""From nothing to a trained epoch: a process starts, imports, reads the digits, fits once, ends.

    python -m benchmarks.cold_start

What a user waits for who runs a script. Each contender is a script of its own in a fresh process;
the whole process is timed from outside. Compiled kernels are on disk from a round that does not
count, as they are for everyone after the first run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import ROOT

LIMIT = 0.5  # × PyTorch

_MINIDL = """
import numpy as np
import minidl
from minidl import layers
with np.load({path!r}) as file:
    x, y = file["x"], file["y"]
model = minidl.Sequential([
    minidl.Input((784,)), layers.Dense(512, "relu"), layers.Dense(256, "relu"),
    layers.Dense(128, "relu"), layers.Dense(10, "softmax"),
])
model.compile(minidl.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
history = model.fit(x, y, batch_size=32, epochs=1, verbose=0)
print(history.history["loss"][-1])
"""
_TORCH = """
import numpy as np
import torch
from torch import nn
with np.load({path!r}) as file:
    x, y = torch.from_numpy(file["x"]), torch.from_numpy(file["y"])
model = nn.Sequential(
    nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(),
    nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
cross_entropy = nn.CrossEntropyLoss()
total = 0.0
for rows in torch.randperm(len(x)).split(32):
    optimizer.zero_grad()
    loss = cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
    total += loss.item() * len(rows)
print(total / len(x))
"""
CONTENDERS = {
    "minidl": (_MINIDL, {"MINIDL_COMPILED": "0"}),
    "minidl-fast": (_MINIDL, {"MINIDL_COMPILED": "1"}),
    "torch": (_TORCH, {}),
}


def measure(
    rounds: int = 5, threads: int | None = None, python: str = sys.executable
) -> tuple[report.Table, bool]:
    """Return the table, and whether minidl failed, learned nothing or took over `LIMIT`."""
    from minidl.datasets import digits

    threads = threads or len(machine.available_cpus())
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    losses: dict[str, str] = {}
    notes: dict[str, None] = {}
    wrong = False
    with tempfile.TemporaryDirectory(prefix="minidl-cold-start-") as folder:
        path = Path(folder) / "digits.npz"
        (images, labels), _ = digits.load_data()
        x = images.reshape(-1, 784).astype(np.float32) / np.float32(255)
        np.savez(path, x=x, y=labels.astype(np.int64))
        for number in range(rounds + 1):
            for name, (script, settings) in CONTENDERS.items():
                began = time.perf_counter()
                process = subprocess.run(
                    [python, "-c", script.format(path=str(path))],
                    cwd=ROOT,
                    env=machine.environment(threads, Path(folder)) | settings,
                    capture_output=True,
                    text=True,
                )
                took = time.perf_counter() - began
                if process.returncode:
                    last = (process.stderr.strip().splitlines() or ["no output"])[-1]
                    absent = "No module named" in last
                    notes[f"{name}: {'not installed' if absent else 'FAILED'}, {last}"] = None
                    wrong = wrong or not absent
                    continue
                losses[name] = process.stdout.split()[-1]
                if number:  # the first round warms the file cache, and compiles
                    times[name].append(took)
    rows = []
    for name, values in times.items():
        if not values:
            rows.append([name, "–", "–", "–"])
            continue
        against = report.ratio(values, times["torch"]) if times["torch"] else "–"
        milliseconds = [1e3 * value for value in values]
        rows.append([name, report.spread(milliseconds, report.number), against, losses[name][:6]])
        if name != "torch" and times["torch"]:
            over = statistics.median(values) > LIMIT * statistics.median(times["torch"])
            notes[f"{name}: limit {LIMIT} × torch, {'EXCEEDED' if over else 'kept'}."] = None
            wrong = wrong or over
        wrong = wrong or not 0 < float(losses[name]) < 2  # 2.3 is what guessing gives
    about = (
        "A whole process: start, imports, 5,000 digits from a file, one epoch of the digits "
        "network at batch 32 by SGD, end; weights as each draws them by default. "
        f"{rounds} rounds, after one that does not count."
    )
    columns = ["contender", "ms (min … max)", "× torch", "loss"]
    return report.Table("cold start", columns, rows, about, list(notes)), wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    table, wrong = measure(parser.parse_args(argv).rounds)
    Console().print(table.rich())
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
