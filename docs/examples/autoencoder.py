"""A convolutional autoencoder takes the noise out of handwritten digits.

The encoder makes images smaller with strides of pooling, the decoder larger again with transposed
convolutions. A Keras script in which only the imports were changed:

    python docs/examples/autoencoder.py                  the digits that come with the package
    python docs/examples/autoencoder.py --data FOLDER    MNIST, from a folder of IDX files
    python docs/examples/autoencoder.py --quick          a few steps, to see that it runs
"""

from __future__ import annotations

import argparse

import numpy as np

import minidl as keras
from minidl import layers
from minidl.datasets import digits, mnist
from minidl.models import Model


def load(folder: str | None, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    if folder is None:
        (train, _), (test, _) = digits.load_data()
    else:
        (train, _), (test, _) = mnist.load_data(folder)
    if quick:
        train, test = train[:256], test[:64]
    return prepare(train), prepare(test)


def prepare(images):
    """Scale to the range from 0 to 1, and give the images a channel."""
    return images.astype("float32")[..., np.newaxis] / 255


def with_noise(images, rng, amount=0.4):
    noisy = images + amount * rng.standard_normal(images.shape, dtype="float32")
    return np.clip(noisy, 0.0, 1.0)


def make_autoencoder() -> Model:
    image = layers.Input(shape=(28, 28, 1))

    x = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(image)
    x = layers.MaxPooling2D((2, 2), padding="same")(x)
    x = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(x)
    x = layers.MaxPooling2D((2, 2), padding="same")(x)

    x = layers.Conv2DTranspose(32, (3, 3), strides=2, activation="relu", padding="same")(x)
    x = layers.Conv2DTranspose(32, (3, 3), strides=2, activation="relu", padding="same")(x)
    x = layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
    return Model(image, x)


def main(arguments: list[str] | None = None) -> float:
    """Train, and return by what share the mean squared error of unseen images went down."""
    parser = argparse.ArgumentParser(description="A convolutional autoencoder without noise.")
    parser.add_argument("--data", help="a folder with MNIST's IDX files; else the package's digits")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, on 256 images")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    train, test = load(options.data, options.quick)
    noisy_train, noisy_test = with_noise(train, rng), with_noise(test, rng)

    autoencoder = make_autoencoder()
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    autoencoder.summary()
    autoencoder.fit(
        x=noisy_train,
        y=train,
        epochs=3 if options.quick else options.epochs,
        batch_size=8 if options.quick else 128,
        shuffle=True,
        validation_data=(noisy_test, test),
    )

    cleaned = autoencoder.predict(noisy_test)
    before = float(np.mean((noisy_test - test) ** 2))
    after = float(np.mean((cleaned - test) ** 2))
    print(f"Mean squared error: {before:.4f} with noise, {after:.4f} without.")
    return 1 - after / before


if __name__ == "__main__":
    main()
