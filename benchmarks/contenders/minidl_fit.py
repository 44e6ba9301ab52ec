"""minidl, through the calls of its README: `Sequential`, `compile`, `fit`, `predict`."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks import networks
from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class MiniDL(Contender):
    """A `Sequential` that ends in its softmax or sigmoid; NumPy alone."""

    requires: ClassVar[tuple[str, ...]] = ("minidl",)
    distributions: ClassVar[tuple[str, ...]] = ("minidl", "numpy")
    environment: ClassVar[dict[str, str]] = {"MINIDL_COMPILED": "0"}
    networks: ClassVar[tuple[str, ...]] = ("dense", "convnet", "lstm")
    peer = False

    def prepare(self) -> None:
        """Make and compile the model."""
        import minidl
        from minidl import config, layers, optimizers

        task = self.task
        config.set_floatx(self.dtype)
        self.x = task.x.astype(self.dtype)
        self.y = task.labels if task.output == "softmax" else task.targets()
        self.model = minidl.Sequential(
            [minidl.Input(task.x.shape[1:]), *networks.in_keras(task, layers, task.output)]
        )
        self.model.set_weights(networks.weights(task))
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


class MiniDLFast(MiniDL):
    """The same as `minidl[fast]`: with the kernels that Numba compiles."""

    requires = ("minidl", "numba")
    distributions = ("minidl", "numpy", "numba")
    environment: ClassVar[dict[str, str]] = {"MINIDL_COMPILED": "1"}
