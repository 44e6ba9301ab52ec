"""California housing: 8 figures of each of 20,640 districts in 1990, and what a house there cost.

The figures are longitude, latitude, median age, rooms, bedrooms, people, households and income.
"""

from __future__ import annotations

import os

import numpy as np

from minidl.datasets import shuffled
from minidl.datasets.shuffled import Pair

NAME = "california_housing.npz"
SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
COLUMNS = 8
SMALL = 600


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = NAME,
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Pair, Pair]:
    """Return the districts, in an order that the seed draws.

    Shapes:
        `x_train (16512, 8)`, `y_train (16512,)`, `x_test (4128, 8)`, `y_test (4128,)`; 480 and
        120 of them with `version="small"`.

    Arguments:
        version: `"large"`, or `"small"` for the file's first 600 districts.
        path: the file `california_housing.npz`. Its bare name, the default, means the cache
            folder (`~/.minidl/datasets/california_housing`, or the same in `$MINIDL_HOME`), into
            which it is downloaded once (0.7 MB), unless a file of that name is right here.
        test_split: the share of the districts to test with.
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; y in dollars.

    Raises:
        ValueError: if `version` is neither, or `test_split` is outside its range.
        DataFileError: if the file is damaged or another dataset's.
        DataFileMissingError: if there is no such file.
        DownloadError: if it could not be downloaded.

    Source:
        Pace and Barry, "Sparse spatial autoregressions", 1997.
    """
    if version not in ("large", "small"):
        raise ValueError(f"load_data: received version={version!r}, expected 'large' or 'small'.")
    shuffled.check_split(test_split)
    file = shuffled.locate(path, NAME, SHA256)
    x, y = shuffled.read_table(file, COLUMNS)
    if version == "small":
        x, y = x[:SMALL], y[:SMALL]
    return shuffled.split(*shuffled.shuffled(x, y, np.random.RandomState(seed)), test_split)
