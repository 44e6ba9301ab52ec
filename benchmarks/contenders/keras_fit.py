"""Keras 3 through `compile` and `fit`, on the backends that train on a processor.

The model ends in logits and the loss is told so, its more accurate and not slower form; for
predictions a softmax or sigmoid stands behind it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks import networks
from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class KerasJax(Contender):
    """Keras on JAX."""

    requires: ClassVar[tuple[str, ...]] = ("keras", "jax")
    distributions: ClassVar[tuple[str, ...]] = ("keras", "jax", "jaxlib", "numpy")
    environment: ClassVar[dict[str, str]] = {"KERAS_BACKEND": "jax"}
    networks: ClassVar[tuple[str, ...]] = ("dense", "convnet", "lstm")

    def prepare(self) -> None:
        """Make and compile the model."""
        self.prepare_backend()
        import keras

        task = self.task
        keras.config.set_floatx(self.dtype)
        self.x = task.x.astype(self.dtype)
        self.model = keras.Sequential(
            [keras.Input(task.x.shape[1:]), *networks.in_keras(task, keras.layers, None)]
        )
        self.model.set_weights(networks.weights(task))
        if task.output == "softmax":
            self.y = task.labels
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        else:
            self.y = task.targets()
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
        optimizer: Any = (
            keras.optimizers.Adam(task.learning_rate)
            if task.optimizer == "adam"
            else keras.optimizers.SGD(task.learning_rate)
        )
        self.model.compile(optimizer=optimizer, loss=loss)
        self.predictor = keras.Sequential([self.model, keras.layers.Activation(task.output)])

    def prepare_backend(self) -> None:
        """Set what the backend wants to be told before Keras starts."""
        import jax

        jax.config.update("jax_enable_x64", self.dtype == "float64")

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

    def predict(self, x: Array) -> Any:
        """Return probabilities, by the call that costs least for one array."""
        return self.predictor.predict_on_batch(x)


class KerasTorch(KerasJax):
    """Keras on PyTorch."""

    requires = ("keras", "torch")
    distributions = ("keras", "torch", "numpy")
    environment: ClassVar[dict[str, str]] = {"KERAS_BACKEND": "torch", "KERAS_TORCH_DEVICE": "cpu"}

    def prepare_backend(self) -> None:
        """Set what the backend wants to be told before Keras starts."""
        import torch

        torch.set_num_threads(self.threads)
