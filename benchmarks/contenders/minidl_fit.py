"""minidl, through the calls of its README: `Sequential`, `compile`, `fit`, `predict`."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class MiniDL(Contender):
    """A `Sequential` of `Dense` layers that ends in its softmax or sigmoid."""

    requires = ("minidl",)
    distributions = ("minidl", "numpy")
    peer = False

    def prepare(self) -> None:
        """Make and compile the model."""
        import minidl
        from minidl import config, layers, optimizers

        task = self.task
        config.set_floatx(self.dtype)
        self.x = task.x.astype(self.dtype)
        self.y = task.labels if task.output == "softmax" else task.targets()
        names = [task.hidden] * (len(task.kernels) - 1) + [task.output]
        self.model = minidl.Sequential(
            [
                minidl.Input((task.sizes[0],)),
                *(layers.Dense(n, a) for n, a in zip(task.sizes[1:], names, strict=True)),
            ]
        )
        self.model.set_weights(
            [array for pair in zip(task.kernels, task.biases, strict=True) for array in pair]
        )
        optimizer: Any = (
            optimizers.Adam(task.learning_rate)
            if task.optimizer == "adam"
            else optimizers.SGD(task.learning_rate)
        )
        softmax = task.output == "softmax"
        loss = "sparse_categorical_crossentropy" if softmax else "binary_crossentropy"
        self.model.compile(optimizer=optimizer, loss=loss)

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        self.model.fit(
            self.x[:rows],
            self.y[:rows],
            batch_size=self.task.batch_size,
            epochs=epochs,
            shuffle=False,
            verbose=0,
        )

    def predict(self, x: Array) -> Array:
        """Return probabilities."""
        return self.model.predict(x, batch_size=len(x), verbose=0)
