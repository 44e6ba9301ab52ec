"""Reuters: 11,228 news wires of 46 topics.

A wire is a list of word numbers; the commonest word has the lowest.
"""

from __future__ import annotations

import os

import numpy as np

from minidl.datasets import npz, shuffled
from minidl.datasets.shuffled import Pair

NAME = "reuters.npz"
SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORDS_NAME = "reuters_word_index.json"
WORDS_MD5 = "4d44cc38712099c9e383dc6e5f11a921"
LABELS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves "
    "ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange "
    "pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str | os.PathLike[str] = NAME,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Return the wires, in an order that the seed draws.

    The file holds its lists as a pickle. It is read by a reader of minidl's own, which makes
    lists and arrays and nothing else.

    Shapes:
        `x_train (8982,)`, `y_train (8982,)`, `x_test (2246,)`, `y_test (2246,)`; each x is an
        array of lists.

    Arguments:
        path: the file `reuters.npz`. Its bare name, the default, means the cache folder
            (`~/.minidl/datasets/reuters` or `$MINIDL_HOME/datasets/reuters`), into which it is
            downloaded once (2 MB), unless a file of that name is right here.
        num_words: words with this number or a higher one are left out; by default the highest.
        skip_top: so are words below this one.
        maxlen: wires of as many words or more are left out.
        test_split: the share of the wires to test with.
        seed: of the order.
        start_char: stands at each wire's start; None leaves it out.
        oov_char: stands for words left out; None for nothing in their place.
        index_from: is added to each word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: lists of word numbers, and topics from 0 to 45,
        whose names `get_label_names` has.

    Raises:
        ValueError: if no wire is shorter than `maxlen`, or `test_split` is outside its range.
        DataFileError: if the file is damaged, another dataset's, or has anything but lists.
        DataFileMissingError: if there is no such file.
        DownloadError: if it could not be downloaded.

    Source:
        David D. Lewis, "Reuters-21578 text categorization test collection", 1997.
    """
    shuffled.check_split(test_split)
    file = shuffled.locate(path, NAME, SHA256)
    x, y = npz.read(file, "x", "y", objects=True)
    shuffled.check_texts(file, x, y)
    x, y = shuffled.shuffled(x, y, np.random.RandomState(seed))
    texts, y = shuffled.shorter(shuffled.numbered(x, start_char, index_from), y, maxlen)
    xs = shuffled.rare_words_out(texts, num_words, skip_top, oov_char)
    return shuffled.split(xs, y, test_split)


def get_word_index(path: str | os.PathLike[str] = WORDS_NAME) -> dict[str, int]:
    """Return a dict from each word to its number, before `index_from` is added.

    Arguments:
        path: the file `reuters_word_index.json`, found or downloaded as the wires are.

    Raises:
        DataFileError: if the file holds something else.
        DownloadError: if it could not be downloaded.
    """
    return shuffled.word_index(path, WORDS_NAME, WORDS_MD5)


def get_label_names() -> tuple[str, ...]:
    """Return the topics' names, in the order of their numbers.

    Example:
        >>> len(get_label_names()), get_label_names()[3]
        (46, 'earn')
    """
    return tuple(LABELS.split())
