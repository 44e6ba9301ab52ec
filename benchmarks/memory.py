"""How much memory a training run at EMNIST's size takes: 240,000 images, the digits network.

    python -m benchmarks.memory --data MNIST_FOLDER

The images are made from MNIST's (without `--data`: from the embedded digits), each moved by up to
two pixels. Every contender trains in a process of its own, whose peak memory is compared with the
limit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import ROOT

LIMIT = 800  # MB
ROWS = 240_000
NAMES = ("emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte")
CONTENDERS = ("minidl-read", "minidl-mapped", "notebook")

_SIZES = (784, 512, 256, 128, 10)
_BATCH = 32
_SEED = 20_000
_SHIFT = 2  # pixels, at most, along each axis
_CHUNK = 4096  # images made at once
_NOTEBOOK_NEEDS = 2.2 * 8 * 784  # bytes a row: the float64 images and a shuffled copy, and a rest


def make_files(folder: Path, rows: int, data: Path | None) -> None:
    """Write IDX files of `rows` images and labels into `folder`, a part at a time."""
    from minidl.datasets import digits, mnist

    (images, labels), _ = digits.load_data() if data is None else mnist.load_data(data)
    random = np.random.default_rng(_SEED)
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT)))
    with (folder / NAMES[0]).open("wb") as x_file, (folder / NAMES[1]).open("wb") as y_file:
        x_file.write(bytes([0, 0, 8, 3]) + np.array([rows, side, side], ">u4").tobytes())
        y_file.write(bytes([0, 0, 8, 1]) + np.array([rows], ">u4").tobytes())
        for start in range(0, rows, _CHUNK):
            chosen = np.arange(start, min(start + _CHUNK, rows)) % len(images)
            down, right = random.integers(0, 2 * _SHIFT + 1, (2, len(chosen)))
            lines = down[:, None, None] + np.arange(side)[:, None]
            columns = right[:, None, None] + np.arange(side)
            x_file.write(padded[chosen[:, None, None], lines, columns].tobytes())
            y_file.write(labels[chosen].tobytes())


def train_minidl(folder: Path, steps: int | None, mapped: bool) -> int:
    """Train with `fit`: the images stay uint8, a layer scales each batch. Return the steps."""
    import minidl
    from minidl import layers
    from minidl.datasets import idx

    x = idx.read(folder / NAMES[0], mmap_mode="r" if mapped else None)
    y = idx.read(folder / NAMES[1])
    hidden = [layers.Dense(n, "relu", kernel_initializer="he_normal") for n in _SIZES[1:-1]]
    model = minidl.Sequential(
        [
            minidl.Input(x.shape[1:]),
            layers.Flatten(),
            layers.Rescaling(1 / 255),
            *hidden,
            layers.Dense(_SIZES[-1], "softmax", kernel_initializer="he_normal"),
        ]
    )
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=_BATCH, epochs=1, steps_per_epoch=steps, verbose=0)
    return int(model.optimizer.iterations)


def train_notebook(folder: Path, steps: int | None) -> int:
    """Train by the notebook's recipe: all images as float64, and a shuffled copy of them.

    The copies are what counts, so they are made as the notebook makes them; that its batches then
    come from the array that was not shuffled changes nothing about that. Returns the steps.
    """
    import idx2numpy

    from benchmarks.contenders.notebook import Notebook
    from benchmarks.task import Task

    images = idx2numpy.convert_from_file(str(folder / NAMES[0]))
    labels = idx2numpy.convert_from_file(str(folder / NAMES[1])).astype(np.int64)
    random = np.random.default_rng(_SEED)
    shapes = list(pairwise(_SIZES))
    task = Task(
        workload="memory",
        sizes=_SIZES,
        hidden="relu",
        output="softmax",
        dtype="float64",
        optimizer="sgd",
        learning_rate=0.001,
        batch_size=_BATCH,
        epochs=1,
        warm_up=(0, 0),
        repeats=1,
        tolerances=(0, 0),
        x=np.empty((0, _SIZES[0])),
        labels=labels,
        kernels=[random.standard_normal(shape) * np.sqrt(2 / shape[0]) for shape in shapes],
        biases=[np.zeros(units) for _, units in shapes],
    )
    notebook = Notebook(task, threads=1)
    notebook.x = images.reshape(len(images), -1) / 255.0
    order = random.permutation(len(images))
    shuffled = notebook.x[order], notebook.y[order]
    whole = len(images) // _BATCH
    notebook.train(min(steps or whole, whole) * _BATCH, epochs=1)
    del shuffled
    return notebook.steps


def child(contender: str, folder: Path, steps: int | None) -> dict[str, Any]:
    """Train in this process and return its figures."""
    start = time.perf_counter()
    if contender == "notebook":
        done = train_notebook(folder, steps)
    else:
        done = train_minidl(folder, steps, mapped=contender == "minidl-mapped")
    seconds = time.perf_counter() - start
    return {"peak": machine.peak_memory(), "seconds": seconds, "steps": done}


def measure(
    data: Path | None = None,
    quick: bool = False,
    folder: Path | None = None,
    contenders: tuple[str, ...] = CONTENDERS[:2],
    rows: int | None = None,
    steps: int | None = None,
    threads: int = 2,
    limit: float = LIMIT,
) -> tuple[report.Table, bool]:
    """Return the table, and whether minidl failed or took more than `limit` megabytes.

    Arguments:
        data: a folder with MNIST, or None for the embedded digits.
        quick: 4,000 rows instead of 240,000.
        folder: where to keep the files; without it they are deleted afterwards.
        contenders: some of `CONTENDERS`.
        rows: how many images.
        steps: of training; None is the whole epoch.
        threads: of every contender.
        limit: in megabytes.
    """
    rows = rows or (4000 if quick else ROWS)
    with tempfile.TemporaryDirectory(prefix="minidl-memory-") as temporary:
        place = Path(temporary) if folder is None else folder
        place.mkdir(parents=True, exist_ok=True)
        make_files(place, rows, data)
        outcomes = {
            name: _in_process(name, place, rows, steps, threads, Path(temporary))
            for name in contenders
        }
    base = outcomes.get("notebook", {}).get("peak")
    lines, notes, wrong = [], [], False
    for name, outcome in outcomes.items():
        if "message" in outcome:
            lines.append([name, "–", "–", "–", "–", outcome["status"]])
            notes.append(f"{name}: {outcome['message']}")
            wrong = wrong or outcome["status"] == "FAILED"
            continue
        peak = outcome["peak"] / 1e6
        over = name != "notebook" and peak > limit
        wrong = wrong or over
        verdict = "for comparison" if name == "notebook" else "OVER" if over else "kept"
        seconds = report.duration(outcome["seconds"])
        against = f"{outcome['peak'] / base:.2f}" if base else "–"
        lines.append([name, f"{peak:,.0f}", against, f"{outcome['steps']:,}", seconds, verdict])
    amount = f"{steps:,} steps" if steps else "one epoch"
    about = (
        f"Training {'-'.join(map(str, _SIZES))} for {amount} of batch {_BATCH} on {rows:,} images "
        f"28 × 28 in IDX files ({rows * 784 / 1e6:,.0f} MB as uint8). Peak memory of the process."
    )
    columns = [
        "contender",
        "peak MB",
        "× notebook",
        "steps",
        "time, loading included",
        f"limit {limit:g} MB",
    ]
    return report.Table("memory", columns, lines, about, notes), wrong


def _in_process(
    name: str, folder: Path, rows: int, steps: int | None, threads: int, home: Path
) -> dict[str, Any]:
    free = machine.available_memory()
    needed = rows * _NOTEBOOK_NEEDS + 2e8
    if name == "notebook" and free is not None and free < needed:
        text = f"needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        return {"status": "not run", "message": text}
    command = [sys.executable, "-m", "benchmarks.memory", "--child", name]
    command += ["--folder", str(folder.absolute()), "--steps", str(steps or 0)]
    command += ["--threads", str(threads)]
    process = subprocess.run(
        command, cwd=ROOT, env=machine.environment(threads, home), capture_output=True, text=True
    )
    lines = process.stdout.strip().splitlines()
    if process.returncode or not lines:
        last = (process.stderr.strip().splitlines() or ["no output"])[-1]
        return {"status": "FAILED", "message": f"exit code {process.returncode}: {last}"}
    outcome: dict[str, Any] = json.loads(lines[-1])
    return outcome


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, help="folder with MNIST; without it, embedded digits")
    parser.add_argument("--folder", type=Path, help="keep the IDX files there")
    parser.add_argument("--rows", type=int, help=f"how many images (default {ROWS:,})")
    parser.add_argument("--steps", type=int, default=0, help="steps (default: a whole epoch)")
    parser.add_argument("--threads", type=int, default=len(machine.available_cpus()))
    parser.add_argument("--limit", type=float, default=LIMIT, help="MB (default %(default)s)")
    parser.add_argument("--notebook", action="store_true", help="its recipe too: takes over 3 GB")
    parser.add_argument("--quick", action="store_true", help="4,000 rows")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        machine.pin(arguments.threads)
        print(json.dumps(child(arguments.child, arguments.folder, arguments.steps or None)))
        return 0
    table, wrong = measure(
        data=arguments.data,
        quick=arguments.quick,
        folder=arguments.folder,
        contenders=CONTENDERS if arguments.notebook else CONTENDERS[:2],
        rows=arguments.rows,
        steps=arguments.steps or None,
        threads=arguments.threads,
        limit=arguments.limit,
    )
    console = Console()
    console.print(table.rich())
    console.print(table.about, markup=False)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
