"""A recurrent network reads handwritten digits row by row, from top to bottom.

A Keras script in which only the imports were changed:

    python docs/examples/row_lstm.py                   the digits that come with the package
    python docs/examples/row_lstm.py --cell gru        with a GRU in place of the LSTM
    python docs/examples/row_lstm.py --data FOLDER     MNIST, from a folder of IDX files
    python docs/examples/row_lstm.py --quick           a few steps, to see that it runs
"""

from __future__ import annotations

import argparse
import time

import minidl as keras
from minidl import layers
from minidl.datasets import digits, mnist

NUM_CLASSES = 10
ROWS, COLUMNS = 28, 28  # a sequence of 28 steps, each a row of 28 pixels
RECURRENT = {"lstm": layers.LSTM, "gru": layers.GRU}


def load(folder: str | None, quick: bool) -> tuple[tuple, tuple]:
    (x_train, y_train), (x_test, y_test) = (
        digits.load_data() if folder is None else mnist.load_data(folder)
    )
    x_train, x_test = (x.astype("float32") / 255 for x in (x_train, x_test))
    if quick:
        return (x_train[:1000], y_train[:1000]), (x_test[:500], y_test[:500])
    return (x_train, y_train), (x_test, y_test)


def make_model(cell: str, units: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape=(ROWS, COLUMNS)),
            RECURRENT[cell](units),
            layers.Dense(NUM_CLASSES, activation="softmax"),
        ]
    )


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on images that the network has not seen."""
    parser = argparse.ArgumentParser(description="A recurrent network reads digits row by row.")
    parser.add_argument("--cell", choices=sorted(RECURRENT), default="lstm")
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 1000 images")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = load(options.data, options.quick)
    model = make_model(options.cell, units=32 if options.quick else 128)
    model.summary()
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(0.01 if options.quick else 0.001),
        metrics=["accuracy"],
    )

    start = time.perf_counter()
    model.fit(
        x_train,
        y_train,
        batch_size=32 if options.quick else 64,
        epochs=4 if options.quick else options.epochs,
        validation_split=0.1,
    )
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.4f}, after {seconds:.0f} s of training.")
    return accuracy


if __name__ == "__main__":
    main()
