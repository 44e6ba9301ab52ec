"""Are these two images the same digit? Two inputs go through one shared layer, and are compared.

A Keras script in which only the imports were changed:

    python docs/examples/two_inputs.py                  the digits that come with the package
    python docs/examples/two_inputs.py --data FOLDER    MNIST, from a folder of IDX files
    python docs/examples/two_inputs.py --quick          a few steps, to see that it runs

      left ──► encoder ──► a ──┐
                  ║            ├──► (a − b)², a b ──► Dense ──► same?
      right ─► encoder ──► b ──┘
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import minidl as keras
from minidl import layers
from minidl.datasets import digits, mnist


def load(folder: str | None, quick: bool) -> tuple[tuple, tuple]:
    train, test = digits.load_data() if folder is None else mnist.load_data(folder)
    pairs = 2000 if quick else 40000
    return make_pairs(*train, pairs, seed=0), make_pairs(*test, pairs // 4, seed=1)


def make_pairs(images, labels, count: int, seed: int) -> tuple[list, np.ndarray]:
    """Return pairs of images, half of them of the same digit, and 1 for those, else 0."""
    rng = np.random.default_rng(seed)
    left = rng.integers(len(images), size=count)
    same = rng.integers(2, size=count)
    by_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    other = (labels[left] + np.where(same, 0, rng.integers(1, 10, size=count))) % 10
    right = np.array([rng.choice(by_class[digit]) for digit in other])
    x = images.astype("float32") / 255
    return [x[left], x[right]], same.astype("float32")


def make_model() -> keras.Model:
    encoder = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
        ],
        name="encoder",
    )
    left = keras.Input(shape=(28, 28), name="left")
    right = keras.Input(shape=(28, 28), name="right")
    a, b = encoder(left), encoder(right)  # the same weights twice
    difference = layers.subtract([a, b])
    distance = layers.multiply([difference, difference])
    joined = layers.concatenate([distance, layers.multiply([a, b])])
    hidden = layers.Dense(32, activation="relu")(layers.Dropout(0.2)(joined))
    same = layers.Dense(1, activation="sigmoid", name="same")(hidden)
    return keras.Model(inputs=[left, right], outputs=same)


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on pairs of images that the network has not seen."""
    parser = argparse.ArgumentParser(description="Tell whether two images are the same digit.")
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 2000 pairs")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = load(options.data, options.quick)
    model = make_model()
    model.summary()
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])

    start = time.perf_counter()
    model.fit(
        x_train,
        y_train,
        batch_size=32 if options.quick else 128,
        epochs=6 if options.quick else options.epochs,
        validation_data=(x_test, y_test),
    )
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.4f}, after {seconds:.0f} s of training.")
    return accuracy


if __name__ == "__main__":
    main()
