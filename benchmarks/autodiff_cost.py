"""What a Dense costs that is written as `call` alone, in a training step of the digits network.

    python -m benchmarks.autodiff_cost

The digits network (784 → 512 → 256 → 128 → 10, relu between and softmax behind) and a small one
(784 → 128 → 10), by the built-in layers, by layers in one method, and its loss in plain NumPy by
minidl.autodiff and by HIPS autograd (where that is installed). All take turns, and the least of
the times counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

import minidl
from minidl import layers
from minidl.autodiff import value_and_grad

Step: TypeAlias = Callable[[], Any]

ROUNDS, STEPS = 15, 20
NETWORKS = {"digits": (784, 512, 256, 128, 10), "small": (784, 128, 10)}
"""The sizes of the layers, from the pixels to the classes."""


class PlainDense(minidl.Layer):
    """A Dense in one method."""

    def __init__(self, units: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = minidl.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return self.activation(x @ self.kernel + self.bias)


def network(sizes: tuple[int, ...], dense: Any, optimizer: str, batch: int) -> Step:
    """Return a training step of a network made of `dense`."""
    minidl.utils.set_random_seed(0)
    *hidden, classes = sizes[1:]
    model = minidl.Sequential(
        [
            minidl.Input((sizes[0],)),
            *(dense(units, "relu") for units in hidden),
            dense(classes, "softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = data(batch)
    return lambda: model.train_on_batch(x, y)


def data(batch: int) -> tuple[Any, Any]:
    """Return rows like images, and classes."""
    rng = np.random.default_rng(0)
    return rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)


def plain_loss(sizes: tuple[int, ...], xp: Any, batch: int) -> tuple[Callable[..., Any], Any]:
    """Return a network's loss as a function of its weights, in plain NumPy, and the weights."""
    rng = np.random.default_rng(0)
    x, y = data(batch)
    hot = np.eye(10, dtype=np.float32)[y]
    weights = [
        (rng.normal(0, 0.05, shape).astype(np.float32), np.zeros(shape[1], np.float32))
        for shape in pairwise(sizes)
    ]

    def loss(weights: Any) -> Any:
        h = x
        for kernel, bias in weights[:-1]:
            h = xp.maximum(xp.dot(h, kernel) + bias, 0)
        logits = xp.dot(h, weights[-1][0]) + weights[-1][1]
        logits = logits - xp.max(logits, axis=1, keepdims=True)
        logs = logits - xp.log(xp.sum(xp.exp(logits), axis=1, keepdims=True))
        return -xp.sum(logs * hot) / batch

    return loss, weights


def contenders(sizes: tuple[int, ...], batch: int) -> dict[str, Step]:
    """Return what is timed, by name."""
    loss, weights = plain_loss(sizes, np, batch)
    found = {
        f"{kind}, {optimizer}": network(sizes, dense, optimizer, batch)
        for optimizer in ("sgd", "adam")
        for kind, dense in (("built-in Dense", layers.Dense), ("Dense as `call` alone", PlainDense))
    }
    ours = value_and_grad(loss)
    found["plain NumPy, minidl.autodiff"] = lambda: ours(weights)
    try:
        import autograd
        import autograd.numpy
    except ImportError:
        return found
    theirs = autograd.value_and_grad(plain_loss(sizes, autograd.numpy, batch)[0])
    found["plain NumPy, HIPS autograd"] = lambda: theirs(weights)
    return found


def measure(sizes: tuple[int, ...], batch: int) -> dict[str, float]:
    """Return the least time of a step in microseconds, by name."""
    steps = contenders(sizes, batch)
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            step()
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            best[name] = min(best[name], (time.perf_counter() - start) / STEPS * 1e6)
    return best


def main() -> None:
    """Print the table."""
    print("| network | batch | what | µs a step | of the one above |\n|---|---:|---|---:|---:|")
    for network_name, sizes in NETWORKS.items():
        for batch in (32, 128):
            above = 0.0
            for name, value in measure(sizes, batch).items():
                second = "`call`" in name or "HIPS" in name
                ratio = f"{value / above:.2f}" if second else ""
                print(f"| {network_name} | {batch} | {name} | {value:.0f} | {ratio} |")
                above = value


if __name__ == "__main__":
    main()
