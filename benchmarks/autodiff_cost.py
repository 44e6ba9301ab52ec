"""What a Dense costs that is written as `call` alone, in a training step of the digits network.

    python -m benchmarks.autodiff_cost

The same network (784 → 128 relu → 10 softmax, plain gradient descent) by the built-in layers, by
layers in one method, and its loss in plain NumPy by minidl.autodiff and by HIPS autograd (where
that is installed). All take turns, and the least of the times counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import minidl
from minidl import layers
from minidl.autodiff import value_and_grad

ROUNDS, STEPS = 15, 20


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


def network(dense: Any, optimizer: str, batch: int) -> Callable[[], Any]:
    """Return a training step of the digits network made of `dense`."""
    minidl.utils.set_random_seed(0)
    model = minidl.Sequential([minidl.Input((784,)), dense(128, "relu"), dense(10, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = data(batch)
    return lambda: model.train_on_batch(x, y)


def data(batch: int) -> tuple[Any, Any]:
    """Return rows like images, and classes."""
    rng = np.random.default_rng(0)
    return rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)


def plain_loss(xp: Any, batch: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the network's loss as a function of its weights, in plain NumPy."""
    rng = np.random.default_rng(0)
    x, y = data(batch)
    hot = np.eye(10, dtype=np.float32)[y]
    weights = [
        rng.normal(0, 0.05, shape).astype(np.float32)
        for shape in ((784, 128), (128,), (128, 10), (10,))
    ]

    def loss(w: Any) -> Any:
        hidden = xp.maximum(xp.dot(x, w[0]) + w[1], 0)
        logits = xp.dot(hidden, w[2]) + w[3]
        logits = logits - xp.max(logits, axis=1, keepdims=True)
        logs = logits - xp.log(xp.sum(xp.exp(logits), axis=1, keepdims=True))
        return -xp.sum(logs * hot) / batch

    return loss, (weights,)


def contenders(batch: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    loss, arguments = plain_loss(np, batch)
    found = {
        f"{kind}, {optimizer}": network(dense, optimizer, batch)
        for optimizer in ("sgd", "adam")
        for kind, dense in (("built-in Dense", layers.Dense), ("Dense as `call` alone", PlainDense))
    }
    ours = value_and_grad(loss)
    found["plain NumPy, minidl.autodiff"] = lambda: ours(*arguments)
    try:
        import autograd
        import autograd.numpy
    except ImportError:
        return found
    theirs = autograd.value_and_grad(plain_loss(autograd.numpy, batch)[0])
    found["plain NumPy, HIPS autograd"] = lambda: theirs(*arguments)
    return found


def measure(batch: int) -> dict[str, float]:
    """Return the least time of a step in microseconds, by name."""
    steps = contenders(batch)
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
    print("| batch | what | µs a step |\n|---:|---|---:|")
    for batch in (32, 128):
        for name, value in measure(batch).items():
            print(f"| {batch} | {name} | {value:.0f} |")


if __name__ == "__main__":
    main()
