"""What is measured: a network, its data, and what of it is timed. A new workload is a class here.

A workload's name says everything about it: `digits`, `digits-adam-512` (optimizer, batch size),
`predict-1` (rows), `binary`.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.contenders.base import Contender
from benchmarks.machine import peak_memory
from benchmarks.task import Array, Task, cross_entropy

DEFAULT = (
    "digits",
    "digits-adam",
    "digits-adam-128",
    "digits-adam-512",
    "binary",
    "predict-1",
    "predict-10000",
    "convnet",
    "lstm",
)
GROWTH = (
    *(f"batch-{n}" for n in (8, 64, 512)),
    *(f"width-{n}" for n in (32, 256, 2048)),
    *(f"depth-{n}" for n in (2, 8, 32)),
    *(f"rows-{n}" for n in (1_000, 10_000, 100_000, 1_000_000)),
)
QUICK = ("digits", "digits-adam", "binary", "predict-1", "convnet", "lstm")

_DIGITS = (784, 512, 256, 128, 10)
_SEED = 20_000
# Adam's is small for the check's sake: a step costs the same, and with the usual 0.001 the
# round-off of equal contenders grows to percents of the loss within an epoch (docs/benchmarks.md).
_RATES = {"sgd": 0.001, "adam": 0.00001}


class Workload(ABC):
    """Something to be timed.

    `task` runs in the runner's process, once; `measure` in each worker's.
    """

    unit = "step"  # what one figure of the table is the time of
    reference = "notebook"  # whose losses are right: plain NumPy in float64, nothing clever in it
    moments = ("warm_up", "final")  # of which the losses are compared
    contenders: tuple[str, ...] | None = None  # who takes part; None is everyone
    pattern: str  # its names; the pattern's groups go to the constructor

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task; `data` is a folder with MNIST's files, or None for the embedded digits."""

    @abstractmethod
    def measure(self, contender: Contender, task: Task) -> dict[str, Any]:
        """Do the work.

        Returns:
            `seconds`: the time of one unit, once for each repetition; `warm_up`: what came before,
            in seconds; `losses`: by the moment at which they were taken, in the task's order.
        """

    @abstractmethod
    def describe(self, task: Task) -> str:
        """Return one sentence for the report."""


class Training(Workload):
    """Steps of training, in the order of the rows; the time is an average over an epoch or more."""

    def measure(self, contender: Contender, task: Task) -> dict[str, Any]:
        x, labels = task.sample()

        def loss() -> float:
            return 0.0 if contender.floor else cross_entropy(contender.predict(x), labels)

        warm_up = _timed(lambda: contender.train(*task.warm_up))
        ready = time.time()
        losses = {"warm_up": loss()}
        seconds = [
            _timed(lambda: contender.train(task.rows, task.epochs)) / task.steps
            for _ in range(task.repeats)
        ]
        peak = peak_memory()  # before the last prediction, which is not training
        return {
            "seconds": seconds,
            "warm_up": warm_up,
            "ready": ready,
            "peak": peak,
            "losses": losses | {"final": loss()},
        }

    def describe(self, task: Task) -> str:
        """Return one sentence for the report."""
        rows, epochs = task.warm_up
        return (
            f"Training {'-'.join(map(str, task.sizes))} ({task.hidden}, {task.output}, "
            f"cross-entropy) on {task.rows:,} rows, batch {task.batch_size}, {task.optimizer} with "
            f"learning rate {task.learning_rate:g} on the mean loss, {task.dtype}. "
            f"Timed: {task.steps:,} steps"
            + (f", {task.repeats} times" if task.repeats > 1 else "")
            + f"; before them, apart, {rows // task.batch_size * epochs} steps of warm-up."
        )


class Digits(Training):
    """The digits network: one epoch, over the 5,000 embedded images or all of MNIST's 60,000."""

    pattern = r"digits(?:-(sgd|adam))?(?:-(\d+))?"

    def __init__(self, name: str, optimizer: str | None, batch_size: str | None) -> None:
        super().__init__(name)
        self.optimizer = optimizer or "sgd"
        self.batch_size = int(batch_size or 32)

    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task: He-normal kernels, zero biases, whole batches only."""
        batches = 4 if quick else None
        return digits_task(self.name, self.optimizer, self.batch_size, data, batches)


class Binary(Training):
    """The binary network: 200 points, full batch, float64.

    The warm-up is the notebook's whole training, 100 epochs with learning rate 0.01 on the sum
    of the gradients, after which the loss is known; the timed epochs go on from there.
    """

    pattern = "binary"
    loss_after_warm_up = 0.1153641445

    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task: the notebook's points and weights, bit for bit."""
        from minidl.datasets import blobs

        (x, y), _ = blobs.load_data()
        sizes = (2, 10, 5, 3, 1)
        random = np.random.RandomState(891)
        weights = [
            (random.rand(inputs, units), random.rand(1, units)[0])
            for inputs, units in pairwise(sizes)
        ]
        return Task(
            workload=self.name,
            sizes=sizes,
            hidden="sigmoid",
            output="sigmoid",
            dtype="float64",
            optimizer="sgd",
            learning_rate=0.01 * len(x),
            batch_size=len(x),
            epochs=20 if quick else 100,
            warm_up=(len(x), 100),
            repeats=2 if quick else 20,
            tolerances=(1e-5, 1e-4),
            x=x,
            labels=y.ravel().astype(np.int64),
            kernels=[kernel for kernel, _ in weights],
            biases=[bias for _, bias in weights],
        )


class Layered(Training):
    """A convolutional network or an LSTM on the digits; Adam at its usual rate.

    Dropout draws other numbers everywhere, so the losses can agree tightly only before any
    training. At the end they show that as much was learned.
    """

    pattern = r"(convnet|lstm)"
    reference = "minidl"
    moments = ("start", "final")
    steps = 30

    def __init__(self, name: str, network: str) -> None:
        super().__init__(name)
        self.network = network
        self.batch_size = 128 if network == "convnet" else 64

    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task: kernels as Glorot draws them, an orthogonal one for the LSTM's state."""
        steps = 2 if quick else self.steps
        task = digits_task(self.name, "adam", self.batch_size, data, batches=steps)
        random = np.random.default_rng(_SEED)
        shapes, lengths = networks.shapes(self.network, task.sizes[-1])
        kernels = []
        for shape in shapes:
            fan_in = int(np.prod(shape[:-1]))
            limit = np.sqrt(6 / (fan_in + shape[-1]))
            kernels.append(random.uniform(-limit, limit, shape).astype(np.float32))
        side = (28, 28, 1) if self.network == "convnet" else (28, 28)
        return replace(
            task,
            network=self.network,
            sizes=(task.sizes[0], task.sizes[-1]),
            learning_rate=0.001,
            tolerances=(1e-5, 0.2),
            x=task.x.reshape(-1, *side),
            kernels=kernels,
            biases=[np.zeros(length, np.float32) for length in lengths],
            warm_up=(self.batch_size * min(steps, 10), 1),
        )

    def measure(self, contender: Contender, task: Task) -> dict[str, Any]:
        x, labels = task.sample()
        start = cross_entropy(contender.predict(x), labels)
        measured = super().measure(contender, task)
        return measured | {"losses": {"start": start, "final": measured["losses"]["final"]}}

    def describe(self, task: Task) -> str:
        """Return one sentence for the report."""
        network = {
            "convnet": "Conv2D 32 - MaxPooling2D - Conv2D 64 - MaxPooling2D - Flatten - "
            "Dropout 0.5 - Dense 10 on images 28 × 28 × 1",
            "lstm": "LSTM 128 - Dense 10 on the 28 rows of an image as a sequence",
        }[self.network]
        return (
            f"Training {network}, batch {task.batch_size}, Adam with learning rate "
            f"{task.learning_rate:g}, {task.dtype}. Timed: {task.steps} steps; before them, apart, "
            f"{task.warm_up[0] // task.batch_size} of warm-up."
        )


class Growth(Training):
    """How the time of a row grows: with the batch, a layer's width, the depth, the rows.

    A dense network 64-…-10 on made-up points, SGD. What is not named stays at batch 128, two hidden
    layers of width 128, 10,000 rows.
    """

    unit = "row"
    pattern = r"(batch|width|depth|rows)-(\d+)"
    contenders = ("minidl", "minidl-fast", "torch-fused", "jax")
    features, classes = 64, 10

    def __init__(self, name: str, axis: str, size: str) -> None:
        super().__init__(name)
        chosen = {"batch": 128, "width": 128, "depth": 2, "rows": 10_000} | {axis: int(size)}
        self.batch_size, self.width = chosen["batch"], chosen["width"]
        self.depth, self.rows = chosen["depth"], chosen["rows"]

    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task: He-normal kernels, zero biases, points in classes drawn at random."""
        random = np.random.default_rng(_SEED)
        steps = 2 if quick else max(1, self.rows // self.batch_size)
        rows = steps * self.batch_size
        sizes = (self.features, *[self.width] * self.depth, self.classes)
        shapes = list(pairwise(sizes))
        return Task(
            workload=self.name,
            sizes=sizes,
            hidden="relu",
            output="softmax",
            dtype="float32",
            optimizer="sgd",
            learning_rate=0.001,
            batch_size=self.batch_size,
            epochs=1 if quick else max(1, 20_000 // rows),
            warm_up=(min(rows, 4 * self.batch_size), 1),
            repeats=2 if quick or rows > 100_000 else 3,
            tolerances=(1e-4, 2e-3),
            x=random.standard_normal((rows, self.features), dtype=np.float32),
            labels=random.integers(0, self.classes, rows),
            kernels=[
                (random.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32)
                for shape in shapes
            ],
            biases=[np.zeros(units, np.float32) for _, units in shapes],
        )

    def measure(self, contender: Contender, task: Task) -> dict[str, Any]:
        measured = super().measure(contender, task)
        return measured | {"seconds": [s / task.batch_size for s in measured["seconds"]]}


class Prediction(Workload):
    """`predict` of some rows by the digits network, from a NumPy array to a NumPy array."""

    unit = "call"
    pattern = r"predict-(\d+)"

    def __init__(self, name: str, rows: str) -> None:
        super().__init__(name)
        self.rows = int(rows)

    def task(self, data: Path | None, quick: bool) -> Task:
        """Make the task: rows of the digits, repeated if there are not enough."""
        task = digits_task(self.name, "sgd", self.rows, data, batches=1)
        repeats = 5 if quick else max(20, min(1000, 20_000 // self.rows))
        return replace(task, epochs=1, warm_up=(self.rows, 5), repeats=repeats)

    def measure(self, contender: Contender, task: Task) -> dict[str, Any]:
        x = np.ascontiguousarray(task.x, dtype=contender.dtype)
        calls = task.warm_up[1]

        def predict() -> Array:
            return np.asarray(contender.predict(x))

        warm_up = _timed(lambda: [predict() for _ in range(calls)])
        ready = time.time()
        seconds = [_timed(predict) for _ in range(task.repeats)]
        peak = peak_memory()
        loss = 0.0 if contender.floor else cross_entropy(predict(), task.labels)
        return {
            "seconds": seconds,
            "warm_up": warm_up,
            "ready": ready,
            "peak": peak,
            "losses": {"final": loss},
        }

    def describe(self, task: Task) -> str:
        """Return one sentence for the report."""
        rows = "1 row" if task.rows == 1 else f"{task.rows:,} rows at once"
        return (
            f"Predicting {rows} with {'-'.join(map(str, task.sizes))} ({task.hidden}, "
            f"{task.output}), {task.dtype}, from a NumPy array to a NumPy array. "
            f"Timed: {task.repeats} calls one by one, of which each process gives the median; "
            f"before them, apart, {task.warm_up[1]} calls of warm-up."
        )


def digits_task(
    name: str, optimizer: str, batch_size: int, data: Path | None, batches: int | None
) -> Task:
    """Return the digits network with so many batches, or as many whole ones as there are."""
    from minidl.datasets import digits, mnist

    (images, labels), _ = digits.load_data() if data is None else mnist.load_data(data)
    batches = batches or max(1, len(images) // batch_size)
    chosen = np.arange(batches * batch_size) % len(images)
    random = np.random.default_rng(_SEED)
    shapes = list(pairwise(_DIGITS))
    return Task(
        workload=name,
        sizes=_DIGITS,
        hidden="relu",
        output="softmax",
        dtype="float32",
        optimizer=optimizer,
        learning_rate=_RATES[optimizer],
        batch_size=batch_size,
        epochs=1,
        warm_up=(batch_size * min(10, batches), 1),
        repeats=1,
        tolerances=(5e-5, 2e-4),
        x=images[chosen].reshape(-1, _DIGITS[0]).astype(np.float32) / np.float32(255),
        labels=labels[chosen].astype(np.int64),
        kernels=[
            (random.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32)
            for shape in shapes
        ],
        biases=[np.zeros(units, dtype=np.float32) for _, units in shapes],
    )


WORKLOADS: tuple[type[Workload], ...] = (Digits, Binary, Layered, Growth, Prediction)


def get(name: str) -> Workload:
    """Return the workload of this name.

    Raises:
        ValueError: if no workload bears it.
    """
    for workload in WORKLOADS:
        if match := re.fullmatch(workload.pattern, name):
            return workload(name, *match.groups())
    raise ValueError(
        f"Received the workload {name!r}, expected one such as {', '.join(DEFAULT)}; "
        "digits takes an optimizer (sgd, adam) and a batch size, predict a number of rows; "
        "batch, width, depth and rows take a number."
    )


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
