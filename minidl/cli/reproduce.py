"""`minidl reproduce`: the notebook's two networks, trained by the public API.

What is here is what a user would write: `binary_network` and `digits_network` are ordinary scripts
around `Sequential`, `compile` and `fit`.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np

import minidl
from minidl import datasets, layers, losses, optimizers
from minidl._typing import Array

DIGITS_SMALL = {"epochs": 20, "learning_rate": 0.01}
"""For the 5,000 embedded images; the notebook's settings are made for 48 times as many."""

DIGITS_FULL = {"epochs": 50, "learning_rate": 0.001}
"""The notebook's own settings."""

NOTEBOOK_BINARY_LOSS = 0.1289005239
"""Where the notebook ends, because it changes a layer's weights before going back through them."""


class Outcome(NamedTuple):
    """What one network came to."""

    network: str
    data: str
    train_accuracy: float
    test_accuracy: float
    seconds: float
    remark: str
    model: Any
    history: Any
    test: tuple[Array, Array]


def run(options: argparse.Namespace) -> int:
    """Train what was asked for, print the table and write the pictures."""
    from rich.console import Console

    console = Console(highlight=False)
    outcomes = []
    if options.network in ("both", "binary"):
        outcomes.append(binary_network(console))
    if options.network in ("both", "digits"):
        outcomes.append(digits_network(console, options))
    console.print(_table(outcomes))
    if not options.no_pictures:
        _pictures(console, outcomes, options.output)
    return 0


def binary_network(console: Any, epochs: int = 100) -> Outcome:
    """Train 10-5-3-1 sigmoid units on two clouds of points, full batch, in float64."""
    (x, y), test = datasets.blobs.load_data()
    model = minidl.Sequential(
        [minidl.Input((2,), dtype="float64")]
        + [layers.Dense(n, activation="sigmoid", dtype="float64") for n in (10, 5, 3, 1)],
        name="binary",
    )
    draw = np.random.RandomState(891)
    model.set_weights([draw.rand(*w.shape) for w in model.weights])  # W, b, layer by layer

    # The notebook's step is its rate times the *sum* of the samples' gradients.
    model.compile(
        optimizer=optimizers.SGD(learning_rate=0.01),
        loss=losses.BinaryCrossentropy(reduction="sum"),
        metrics=["accuracy"],
    )
    mean_loss = losses.BinaryCrossentropy()
    before = mean_loss(y, model.predict(x, batch_size=len(x), verbose=0))
    started = time.perf_counter()
    history = model.fit(x, y, batch_size=len(x), epochs=epochs, verbose=0)
    seconds = time.perf_counter() - started
    after = mean_loss(y, model.predict(x, batch_size=len(x), verbose=0))
    accuracy = _accuracy(model, x, y)
    console.print(f"Binary network, {epochs} epochs of one batch of {len(x)} points")
    console.print(f"  loss before training  {before:.10f}")
    console.print(f"  loss after training   {after:.10f}")
    console.print(f"  accuracy              {accuracy}")
    remark = f"loss {before:.4f} to {after:.4f}; the notebook ends at {NOTEBOOK_BINARY_LOSS:.4f}"
    return Outcome(
        "binary", "blobs", accuracy, _accuracy(model, *test), seconds, remark, model, history, test
    )


def digits_network(console: Any, options: argparse.Namespace) -> Outcome:
    """Train 784-512-256-128-10, ReLU and softmax, by plain SGD."""
    minidl.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = _load(options.dataset, options.data)
    small = options.dataset == "digits"
    settings = DIGITS_SMALL if small else DIGITS_FULL
    epochs = settings["epochs"] if options.epochs is None else options.epochs
    rate = settings["learning_rate"] if options.learning_rate is None else options.learning_rate

    model = digits_model()
    model.compile(
        optimizer=optimizers.SGD(learning_rate=rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    console.print(
        f"Digits network, {len(x):,} images, {epochs} epochs, batch {options.batch_size}, "
        f"SGD {rate}"
    )
    one_hot, one_hot_test = (
        minidl.utils.to_categorical(y, 10),
        minidl.utils.to_categorical(y_test, 10),
    )
    started = time.perf_counter()
    history = model.fit(
        x,
        one_hot,
        batch_size=options.batch_size,
        epochs=int(epochs),
        validation_data=(x_test, one_hot_test),
        validation_batch_size=1000,
    )
    seconds = time.perf_counter() - started
    train = model.evaluate(x, one_hot, batch_size=1000, verbose=0)[1]
    test = model.evaluate(x_test, one_hot_test, batch_size=1000, verbose=0)[1]
    remark = "" if small else "the notebook, on EMNIST: 99.138 % and 98.547 %"
    return Outcome(
        "digits", options.dataset, train, test, seconds, remark, model, history, (x_test, y_test)
    )


def digits_model() -> Any:
    """Return the digits network. It takes images as they are stored, uint8, and scales a batch."""
    he_normal = minidl.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
    hidden = [
        layers.Dense(n, activation="relu", kernel_initializer=he_normal) for n in (512, 256, 128)
    ]
    return minidl.Sequential(
        [
            minidl.Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            *hidden,
            layers.Dense(10, activation="softmax", kernel_initializer=he_normal),
        ],
        name="digits",
    )


def _load(dataset: str, folder: str | None) -> Any:
    if dataset == "digits":
        return datasets.digits.load_data()
    if dataset == "mnist":
        return datasets.mnist.load_data(folder) if folder else datasets.mnist.load_data()
    return datasets.emnist.load_data("digits", folder)


def _accuracy(model: Any, x: Array, y: Array) -> float:
    """Return the share of points on the right side of one half."""
    return float(np.mean((model.predict(x, verbose=0) >= 0.5) == (y >= 0.5)))


def _table(outcomes: list[Outcome]) -> Any:
    from rich.table import Table

    table = Table(title="Accuracy")
    for heading in ("Network", "Data"):
        table.add_column(heading)
    for heading in ("Train", "Test", "Epochs", "Seconds"):
        table.add_column(heading, justify="right")
    table.add_column("Remark")
    for outcome in outcomes:
        table.add_row(
            outcome.network,
            outcome.data,
            f"{outcome.train_accuracy:.2%}",
            f"{outcome.test_accuracy:.2%}",
            str(len(outcome.history.epoch)),
            f"{outcome.seconds:.1f}",
            outcome.remark,
        )
    return table


def _pictures(console: Any, outcomes: list[Outcome], folder: str) -> None:
    """Write learning curves, and for the digits a confusion matrix and the images it got wrong."""
    from pathlib import Path

    from minidl import plotting

    if not plotting.is_available():
        console.print('No pictures: matplotlib is not installed (pip install "minidl[plot]").')
        return
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for outcome in outcomes:
        figures = {"learning_curves": plotting.plot_history(outcome.history)}
        if outcome.network == "digits":
            x, y = outcome.test
            predicted = outcome.model.predict(x, batch_size=1000, verbose=0)
            figures["confusion_matrix"] = plotting.confusion_matrix(y, predicted)
            wrong = np.flatnonzero(predicted.argmax(axis=-1) != y)[:25]
            if len(wrong):
                figures["misclassified"] = plotting.predictions(
                    x[wrong], y[wrong], predicted[wrong]
                )
        for name, figure in figures.items():
            path = target / f"{outcome.network}_{name}.png"
            figure.savefig(path, dpi=150)
            written.append(str(path))
    console.print("Pictures: " + ", ".join(written))
