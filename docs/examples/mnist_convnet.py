"""A small convolutional network reads handwritten digits.

A Keras script in which only the imports were changed:

    python docs/examples/mnist_convnet.py                  the digits that come with the package
    python docs/examples/mnist_convnet.py --data FOLDER    MNIST, from a folder of IDX files
    python docs/examples/mnist_convnet.py --quick          a few steps, to see that it runs
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import minidl as keras
from minidl import layers
from minidl.datasets import digits, mnist

NUM_CLASSES = 10
INPUT_SHAPE = (28, 28, 1)


def load(folder: str | None, quick: bool) -> tuple[tuple, tuple]:
    if folder is None:
        train, test = digits.load_data()
    else:
        train, test = mnist.load_data(folder)
    if quick:
        train, test = ((x[:512], y[:512]) for x, y in (train, test))
    return prepare(*train), prepare(*test)


def prepare(images, labels):
    """Scale images to the range from 0 to 1, give them a channel; make labels one-hot vectors."""
    x = np.expand_dims(images.astype("float32") / 255, -1)
    return x, keras.utils.to_categorical(labels, NUM_CLASSES)


def make_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape=INPUT_SHAPE),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(NUM_CLASSES, activation="softmax"),
        ]
    )


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on images that the network has not seen."""
    parser = argparse.ArgumentParser(description="A small convolutional network on MNIST.")
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 512 images")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = load(options.data, options.quick)
    model = make_model()
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

    start = time.perf_counter()
    model.fit(
        x_train,
        y_train,
        batch_size=32 if options.quick else 128,
        epochs=3 if options.quick else options.epochs,
        validation_split=0.1,
    )
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.4f}, after {seconds:.0f} s of training.")
    return accuracy


if __name__ == "__main__":
    main()
