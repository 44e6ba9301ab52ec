"""IMDB: 25,000 film reviews to train on and as many to test with, good or bad.

A review is a list of word numbers; the commonest word has the lowest.
"""

from __future__ import annotations

import os

import numpy as np

from minidl.datasets import npz, shuffled
from minidl.datasets.shuffled import Pair

NAME = "imdb.npz"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORDS_NAME = "imdb_word_index.json"
WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str | os.PathLike[str] = NAME,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Return the reviews, in an order that the seed draws.

    The file holds its lists as a pickle. It is read by a reader of minidl's own, which makes
    lists and arrays and nothing else.

    Shapes:
        `x_train (25000,)`, `y_train (25000,)`, `x_test (25000,)`, `y_test (25000,)`; each x is an
        array of lists.

    Arguments:
        path: the file `imdb.npz`. Its bare name, the default, means the cache folder
            (`~/.minidl/datasets/imdb` or `$MINIDL_HOME/datasets/imdb`), into which it is
            downloaded once (17 MB), unless a file of that name is right here.
        num_words: words with this number or a higher one are left out; by default the highest.
        skip_top: so are words below this one.
        maxlen: reviews of as many words or more are left out.
        seed: of the order.
        start_char: stands at each review's start; None leaves it out.
        oov_char: stands for words left out; None for nothing in their place.
        index_from: is added to each word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: lists of word numbers, and 1 for good, 0 for bad.

    Raises:
        ValueError: if no review is shorter than `maxlen`.
        DataFileError: if the file is damaged, another dataset's, or has anything but lists.
        DataFileMissingError: if there is no such file.
        DownloadError: if it could not be downloaded.

    Source:
        Maas et al., "Learning Word Vectors for Sentiment Analysis", 2011.
    """
    file = shuffled.locate(path, NAME, SHA256)
    x_train, y_train, x_test, y_test = npz.read(
        file, "x_train", "y_train", "x_test", "y_test", objects=True
    )
    draw = np.random.RandomState(seed)  # one stream for both parts
    texts, labels = [], []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        shuffled.check_texts(file, x, y)
        x, y = shuffled.shuffled(x, y, draw)
        kept, y = shuffled.shorter(shuffled.numbered(x, start_char, index_from), y, maxlen)
        texts.append(kept)
        labels.append(y)
    xs = shuffled.rare_words_out(texts[0] + texts[1], num_words, skip_top, oov_char)
    cut = len(texts[0])
    return (xs[:cut], labels[0]), (xs[cut:], labels[1])


def get_word_index(path: str | os.PathLike[str] = WORDS_NAME) -> dict[str, int]:
    """Return a dict from each word to its number, before `index_from` is added.

    Arguments:
        path: the file `imdb_word_index.json`, found or downloaded as the reviews are.

    Raises:
        DataFileError: if the file holds something else.
        DownloadError: if it could not be downloaded.
    """
    return shuffled.word_index(path, WORDS_NAME, WORDS_MD5)
