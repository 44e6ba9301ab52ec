"""What Keras's text and table datasets have in common: one shuffle by a seed, and a cut.

The order comes from NumPy's legacy `RandomState`, so that the samples fall into the same parts as
in Keras.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from minidl.datasets import download, npz
from minidl.datasets.errors import DataFileError
from minidl.datasets.sources import as_path
from minidl.validation import number

Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array]

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def locate(path: str | os.PathLike[str], name: str, checksum: str) -> Path:
    """Return the file to read: `path` itself, or the cached or downloaded file `name`.

    Keras's default, the bare name, means the cache folder, unless such a file is right here.
    """
    if os.fspath(path) == name and not Path(path).exists():
        folder = download.cache_folder(name.partition(".")[0])
        return download.fetch(name, [KERAS_FILES + name], checksum, folder)
    return as_path(path)


def word_index(path: str | os.PathLike[str], name: str, checksum: str) -> dict[str, int]:
    """Return the dict from words to their numbers that a JSON file holds.

    Raises:
        DataFileError: if it holds something else.
    """
    file = locate(path, name, checksum)
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataFileError(f"{file}: received a file that is no JSON ({error}).") from None
    if not isinstance(index, dict) or not all(type(n) is int for n in index.values()):
        raise DataFileError(f"{file}: expected a JSON object of words and their numbers.")
    return index


def read_table(path: Path, columns: int) -> Pair:
    """Return the arrays `x` (samples, columns) and `y` (samples,) of an archive, checked."""
    x, y = npz.read(path, "x", "y")
    if x.dtype.kind not in "fiu" or x.ndim != 2 or x.shape[1] != columns:
        raise DataFileError(
            f"{path}: received x of dtype {x.dtype} and shape {x.shape}, expected numbers of shape "
            f"(samples, {columns}). It is another dataset's file."
        )
    if y.dtype.kind not in "fiu" or y.shape != (len(x),):
        raise DataFileError(
            f"{path}: received y of dtype {y.dtype} and shape {y.shape}, expected a number for "
            f"each of the {len(x)} samples of x."
        )
    return x, y


def split(x: Any, y: Any, test_split: float) -> tuple[Pair, Pair]:
    """Return the first samples to train on, and the last share of them to test with."""
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def check_split(test_split: float) -> float:
    """Return the share of test samples, a number from 0 up to but not 1."""
    return number("test_split", test_split, "load_data", low=0, high=1, open_high=True)


def shuffled(x: Array, y: Array, draw: np.random.RandomState) -> Pair:
    """Return both in an order that is drawn, the same as Keras's."""
    order = np.arange(len(x))
    draw.shuffle(order)
    return x[order], y[order]


def check_texts(path: Path, xs: Array, labels: Array) -> None:
    """Refuse anything but lists of word numbers with a class number for each.

    Raises:
        DataFileError: if they are something else.
    """
    fits = xs.ndim == 1 and labels.shape == xs.shape and labels.dtype.kind in "iu"
    if not fits or not all(_is_text(x) for x in xs):
        raise DataFileError(
            f"{path}: expected lists of word numbers and a class number for each. It is damaged "
            "or another dataset's file."
        )


def _is_text(x: Any) -> bool:
    if isinstance(x, np.ndarray):
        return x.ndim == 1 and x.dtype.kind in "iu"
    return isinstance(x, list) and all(type(word) is int for word in x)


def numbered(xs: Array, start_char: int | None, index_from: int) -> list[list[int]]:
    """Return texts with their words' numbers moved up, behind a mark of the start."""
    start = [] if start_char is None else [start_char]
    return [start + [int(word) + index_from for word in x] for x in xs]


def shorter(
    xs: list[list[int]], labels: Array, maxlen: int | None
) -> tuple[list[list[int]], Array]:
    """Return the texts of fewer words than `maxlen`, and their labels."""
    if not maxlen:
        return xs, labels
    kept = [i for i, x in enumerate(xs) if len(x) < maxlen]
    if not kept:
        raise ValueError(
            f"load_data: no text is shorter than maxlen={maxlen}, the shortest has "
            f"{min(map(len, xs), default=0)} words. Increase maxlen."
        )
    return [xs[i] for i in kept], labels[kept]


def rare_words_out(
    xs: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None
) -> Array:
    """Return an array of texts without words outside skip_top ... num_words − 1.

    `oov_char` stands in their place, or nothing where it is None.
    """
    if not num_words:
        num_words = max((max(x, default=0) for x in xs), default=0)
    low, high = skip_top, num_words
    if oov_char is None:
        kept = [[word for word in x if low <= word < high] for x in xs]
    else:
        kept = [[word if low <= word < high else oov_char for word in x] for x in xs]
    return np.fromiter(kept, dtype=object, count=len(kept))
