"""A small transformer encoder reads sentences in which the order of two words decides.

Each sentence is a row of made-up words, numbered, of 8 to 24 words and filled up with 0. Two of
them always occur, "sun" and "moon", somewhere; the question is which comes first. Counting words
does not help: it takes positions, and attention between them. A Keras script in which only the
imports were changed:

    python docs/examples/text_transformer.py            20,000 sentences
    python docs/examples/text_transformer.py --quick    2,000, to see that it runs
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import minidl as keras
from minidl import layers

WORDS, LENGTH = 40, 24
SUN, MOON = 1, 2


def make_sentences(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return sentences as word numbers, and 1 where the sun comes before the moon."""
    sentences = rng.integers(3, WORDS, size=(count, LENGTH))
    lengths = rng.integers(8, LENGTH + 1, size=count)
    sentences[np.arange(LENGTH) >= lengths[:, np.newaxis]] = 0
    places = np.array([rng.choice(n, size=2, replace=False) for n in lengths])
    rows = np.arange(count)
    sentences[rows, places[:, 0]] = SUN
    sentences[rows, places[:, 1]] = MOON
    return sentences, (places[:, 0] < places[:, 1]).astype("float32")


def transformer_block(x, embed_dim, num_heads, ff_dim, rate):
    """Attention and two dense layers, each with a way around it and a normalization behind."""
    attended = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)(x, x)
    attended = layers.Dropout(rate)(attended)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, attended]))
    dense = layers.Dense(ff_dim, activation="relu")(x)
    dense = layers.Dense(embed_dim)(dense)
    dense = layers.Dropout(rate)(dense)
    return layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, dense]))


def make_model(embed_dim: int = 32, num_heads: int = 2, ff_dim: int = 32) -> keras.Model:
    words = keras.Input(shape=(LENGTH,), dtype="int32", name="words")
    places = keras.Input(shape=(LENGTH,), dtype="int32", name="places")
    token = layers.Embedding(WORDS, embed_dim, mask_zero=True)(words)
    position = layers.Embedding(LENGTH, embed_dim)(places)
    x = layers.Add()([token, position])
    x = transformer_block(x, embed_dim, num_heads, ff_dim, rate=0.1)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(20, activation="relu")(x)
    return keras.Model([words, places], layers.Dense(1, activation="sigmoid")(x))


def with_places(sentences):
    """Return the model's two inputs: the words, and where each of them stands."""
    return [sentences, np.broadcast_to(np.arange(LENGTH), sentences.shape)]


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on sentences that the network has not seen."""
    parser = argparse.ArgumentParser(description="A small transformer encoder.")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="2,000 sentences, eight epochs")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    x_train, y_train = make_sentences(2_000 if options.quick else 20_000, rng)
    x_test, y_test = make_sentences(500 if options.quick else 5_000, rng)

    model = make_model()
    model.summary()
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.003),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    started = time.perf_counter()
    model.fit(
        with_places(x_train),
        y_train,
        batch_size=64,
        epochs=8 if options.quick else options.epochs,
        validation_data=(with_places(x_test), y_test),
    )
    _, accuracy = model.evaluate(with_places(x_test), y_test, verbose=0)
    print(f"Test accuracy {accuracy:.4f} after {time.perf_counter() - started:.0f} seconds.")
    return float(accuracy)


if __name__ == "__main__":
    main()
