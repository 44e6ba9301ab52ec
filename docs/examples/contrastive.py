"""Learning without labels: two views of an image shall be alike, and unlike all other images.

A model with its own `train_step`, and a training loop written out, both by a `GradientTape`:

    python docs/examples/contrastive.py                  the digits that come with the package
    python docs/examples/contrastive.py --data FOLDER    MNIST, from a folder of IDX files
    python docs/examples/contrastive.py --quick          a few steps, to see that it runs

      image ─┬─► shifted, noisy ──► encoder ──► a ──┐
             │                         ║            ├──► a · b large, a · other b small
             └─► shifted, noisy ──► encoder ──► b ──┘

Then a linear layer learns to read the digits off what the encoder gives, with few labels.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import minidl as keras
from minidl import layers
from minidl.autodiff import GradientTape
from minidl.datasets import digits, mnist

LABELS = 500


class Contrastive(keras.Model):
    """An encoder that is trained to know an image again."""

    def __init__(self, encoder: keras.Model, temperature: float, seed: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.temperature = temperature
        self.generator = np.random.default_rng(seed)

    def call(self, x, training=False):
        return self.encoder(x, training=training)

    def view(self, x):
        """Return images moved by up to two pixels, each in its own way, with noise."""
        moved = np.empty_like(x)
        for i, (down, right) in enumerate(self.generator.integers(-2, 3, (len(x), 2))):
            moved[i] = np.roll(x[i], (down, right), axis=(0, 1))
        return moved + self.generator.normal(0, 0.1, x.shape).astype(x.dtype)

    def contrast(self, a, b):
        """Return the cross-entropy of finding each image's other view among all."""
        logits = a @ b.T / self.temperature
        logits = logits - np.max(logits, axis=1, keepdims=True)
        logs = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
        return -np.mean(np.diagonal(logs))

    def train_step(self, data):
        x = data[0]
        views = self.view(x), self.view(x)
        with GradientTape() as tape:
            a, b = (self.encoder(v, training=True) for v in views)
            loss = (self.contrast(a, b) + self.contrast(b, a)) / 2
        variables = self.encoder.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss}


def make_encoder() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(64),
            layers.UnitNormalization(),
        ],
        name="encoder",
    )


def read_off(features, labels, epochs: int) -> keras.Model:
    """Return a linear layer that was trained on features, in a loop written out."""
    probe = keras.Sequential([keras.Input(features.shape[1:]), layers.Dense(10)])
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.05)
    order = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(len(features)), len(features) // 50):
            with GradientTape() as tape:
                loss = loss_of(labels[rows], probe(features[rows], training=True))
            gradients = tape.gradient(loss, probe.trainable_variables)
            optimizer.apply_gradients(zip(gradients, probe.trainable_variables, strict=True))
    return probe


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on images that neither part has seen."""
    parser = argparse.ArgumentParser(
        description="Learn to read digits from mostly unlabelled images."
    )
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 2000 images")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = (
        digits.load_data() if options.data is None else mnist.load_data(options.data)
    )
    x_train, x_test = (x.astype("float32") / 255 for x in (x_train, x_test))
    if options.quick:
        x_train, y_train = x_train[:2000], y_train[:2000]

    model = Contrastive(make_encoder(), temperature=0.2, seed=options.seed)
    before = accuracy_of(model, x_train, y_train, x_test, y_test)
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    start = time.perf_counter()
    model.fit(x_train, batch_size=128, epochs=4 if options.quick else options.epochs)
    seconds = time.perf_counter() - start
    after = accuracy_of(model, x_train, y_train, x_test, y_test)
    print(
        f"With {LABELS} labels: test accuracy {before:.4f} on the encoder as it started, "
        f"{after:.4f} after {seconds:.0f} s of training without labels."
    )
    return after


def accuracy_of(model, x_train, y_train, x_test, y_test) -> float:
    """Return how well a linear layer reads the digits off the encoder's features."""
    features = model.encoder.predict(x_train[:LABELS], verbose=0)
    probe = read_off(features, y_train[:LABELS], epochs=40)
    logits = probe.predict(model.encoder.predict(x_test, verbose=0), verbose=0)
    return float(np.mean(np.argmax(logits, axis=-1) == y_test))


if __name__ == "__main__":
    main()
