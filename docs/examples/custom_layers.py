"""Handwritten digits, read by layers of one's own: each writes `call` alone, with keras.ops.

A Keras script in which only the imports were changed:

    python docs/examples/custom_layers.py                  the digits that come with the package
    python docs/examples/custom_layers.py --data FOLDER    MNIST, from a folder of IDX files
    python docs/examples/custom_layers.py --quick          a few steps, to see that it runs

      image ──► patches ──► Excite ──► Dense ──► Highway ──► Highway ──► class
"""

from __future__ import annotations

import argparse
import time

import minidl as keras
from minidl import layers, ops
from minidl.datasets import digits, mnist


class Patches(layers.Layer):
    """Cuts images into squares that do not overlap, and lays each out as a row."""

    def __init__(self, size: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        side = x.shape[1] // self.size
        x = ops.reshape(x, (-1, side, self.size, side, self.size))
        x = ops.transpose(x, (0, 1, 3, 2, 4))
        return ops.reshape(x, (-1, side * side, self.size * self.size))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class Excite(layers.Layer):
    """Weighs every patch by a gate that sees how bright all of them are."""

    def build(self, input_shape):
        count = input_shape[1]
        self.kernel = self.add_weight(shape=(count, count), name="kernel")
        self.bias = self.add_weight(shape=(count,), initializer="zeros", name="bias")
        super().build(input_shape)

    def call(self, x):
        brightness = ops.mean(x, axis=-1)
        gate = ops.sigmoid(ops.matmul(brightness, self.kernel) + self.bias)
        return x * ops.expand_dims(gate, -1)


class Highway(layers.Layer):
    """Lets a learned share of its input through as it is; a term in the loss keeps gates apart."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.normalize = layers.LayerNormalization()

    def build(self, input_shape):
        size = input_shape[-1]
        closed = keras.initializers.Constant(-1.0)
        self.transform = layers.Dense(size, activation="relu")
        self.gate = layers.Dense(size, activation="sigmoid", bias_initializer=closed)
        for part in (self.normalize, self.transform, self.gate):
            part.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        h = self.normalize(x)
        gate = self.gate(h)
        self.add_loss(1e-3 * ops.mean(gate * (1 - gate)))
        return gate * self.transform(h) + (1 - gate) * x


def make_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            Patches(7),
            Excite(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            Highway(),
            Highway(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def load(folder: str | None, quick: bool) -> tuple[tuple, tuple]:
    (x_train, y_train), (x_test, y_test) = (
        digits.load_data() if folder is None else mnist.load_data(folder)
    )
    if quick:
        x_train, y_train, x_test, y_test = (
            x_train[:2000],
            y_train[:2000],
            x_test[:500],
            y_test[:500],
        )
    return (x_train.astype("float32") / 255, y_train), (x_test.astype("float32") / 255, y_test)


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on images that the network has not seen."""
    parser = argparse.ArgumentParser(description="Read handwritten digits with custom layers.")
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 2000 images")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = load(options.data, options.quick)
    model = make_model()
    model.summary()
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(2e-3),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    model.fit(
        x_train,
        y_train,
        batch_size=64,
        epochs=4 if options.quick else options.epochs,
        validation_data=(x_test, y_test),
    )
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.4f}, after {seconds:.0f} s of training.")
    return accuracy


if __name__ == "__main__":
    main()
