"""The notebook's recipe: the two networks written out in plain NumPy, an expression at a time.

Its passes over memory are kept as they are: every intermediate result is a new array, and the
weights are updated layer by layer. Two things are not. The gradient is the true one: each layer's
error is passed back through the weights that made it, not through those just updated. And nothing
is shuffled, for no contender shuffles.
"""

from __future__ import annotations

import numpy as np

from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class Notebook(Contender):
    """In float64, as the notebook computes."""

    distributions = ("numpy",)
    own_dtype = "float64"
    peer = False

    def prepare(self) -> None:
        """Copy data and weights in the contender's own dtype."""
        task = self.task
        self.x = task.x.astype(self.dtype)
        self.y = task.targets().astype(self.dtype)
        self.W = [kernel.astype(self.dtype) for kernel in task.kernels]
        self.b = [bias.reshape(1, -1).astype(self.dtype) for bias in task.biases]
        self.steps = 0
        if task.optimizer == "adam":
            self.moments = [
                (np.zeros_like(array), np.zeros_like(array)) for array in [*self.W, *self.b]
            ]

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        size = self.task.batch_size
        for _ in range(epochs):
            for start in range(0, rows, size):
                self.step(self.x[start : start + size], self.y[start : start + size])

    def predict(self, x: Array) -> Array:
        """Return the last layer's activations."""
        return self.forward(x)[1][-1]

    def forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        """Return every layer's z = a W + b, and x followed by every layer's activation."""
        zs, activations = [], [x]
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            z = np.matmul(activations[-1], W) + b
            name = self.task.output if i == len(self.W) - 1 else self.task.hidden
            zs.append(z)
            activations.append(_ACTIVATIONS[name](z))
        return zs, activations

    def step(self, x: Array, y: Array) -> None:
        """Train on one batch."""
        zs, activations = self.forward(x)
        m = len(x)
        self.steps += 1
        delta = activations[-1] - y  # of softmax and of sigmoid, each with its cross-entropy
        for i in reversed(range(len(self.W))):
            dW = np.matmul(activations[i].T, delta * (1 / m))
            db = np.mean(delta, axis=0, keepdims=True)
            if i > 0:
                delta = np.matmul(delta, self.W[i].T) * self.slope(zs[i - 1], activations[i])
            self.update(self.W[i], dW, i)
            self.update(self.b[i], db, len(self.W) + i)

    def slope(self, z: Array, a: Array) -> Array:
        """Return the hidden activation's derivative."""
        return (z > 0).astype(self.dtype) if self.task.hidden == "relu" else a * (1 - a)

    def update(self, value: Array, gradient: Array, place: int) -> None:
        """Change weights in place, by SGD or Adam (Kingma and Ba, 2014; ε outside the root)."""
        rate = self.task.learning_rate
        if self.task.optimizer == "sgd":
            value -= gradient * rate
            return
        m, v = self.moments[place]
        m += (gradient - m) * (1 - 0.9)
        v += (gradient * gradient - v) * (1 - 0.999)
        rate *= (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        value -= rate * m / (np.sqrt(v) + 1e-7)


class Notebook32(Notebook):
    """The same in float32."""

    own_dtype = "float32"


def _relu(z: Array) -> Array:
    return np.maximum(0, z)


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _softmax(z: Array) -> Array:
    exponentials = np.exp(z - np.max(z, axis=1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=1, keepdims=True)


_ACTIVATIONS = {"relu": _relu, "sigmoid": _sigmoid, "softmax": _softmax}
