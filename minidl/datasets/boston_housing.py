"""Boston housing: 13 figures of each of 506 districts in 1978, and what a house there cost.

One of the figures is the share of Black inhabitants, entered as if it bore on the price by itself.
Read about it before using the data for more than an exercise; `california_housing` is free of it.
"""

from __future__ import annotations

import os

import numpy as np

from minidl.datasets import shuffled
from minidl.datasets.shuffled import Pair

NAME = "boston_housing.npz"
SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
COLUMNS = 13


def load_data(
    path: str | os.PathLike[str] = NAME, test_split: float = 0.2, seed: int = 113
) -> tuple[Pair, Pair]:
    """Return the districts, in an order that the seed draws.

    Shapes:
        `x_train (404, 13)`, `y_train (404,)`, `x_test (102, 13)`, `y_test (102,)`.

    Arguments:
        path: the file `boston_housing.npz`. Its bare name, the default, means the cache folder
            (`~/.minidl/datasets/boston_housing` or `$MINIDL_HOME/datasets/boston_housing`), into
            which it is downloaded once (57 kB), unless a file of that name is right here.
        test_split: the share of the districts to test with.
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; y in thousands of dollars.

    Raises:
        ValueError: if `test_split` is outside its range.
        DataFileError: if the file is damaged or another dataset's.
        DataFileMissingError: if there is no such file.
        DownloadError: if it could not be downloaded.

    Source:
        Harrison and Rubinfeld, "Hedonic prices and the demand for clean air", 1978.
    """
    shuffled.check_split(test_split)
    file = shuffled.locate(path, NAME, SHA256)
    x, y = shuffled.shuffled(*shuffled.read_table(file, COLUMNS), np.random.RandomState(seed))
    return shuffled.split(x, y, test_split)
