"""CIFAR-10: 50,000 small colour photographs of 10 kinds to train on, and 10,000 to test with.

Aeroplane, car, bird, cat, deer, dog, frog, horse, ship, lorry.
"""

from __future__ import annotations

import os

from minidl.datasets import cifar
from minidl.datasets.cifar import Pair

ARCHIVE = "cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
PARTS = (tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",))


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Return CIFAR-10, in the files' order.

    The files are pickles. They are read by a reader of minidl's own, which makes arrays, lists
    and dicts and nothing else.

    Shapes:
        `x_train (50000, 32, 32, 3)`, `y_train (50000, 1)`, `x_test (10000, 32, 32, 3)`,
        `y_test (10000, 1)`.

    Arguments:
        path: the archive `cifar-10-python.tar.gz`, or the folder that is in it. `None` takes the
            cache folder, `~/.minidl/datasets/cifar10` or `$MINIDL_HOME/datasets/cifar10`, into
            which the archive is downloaded once (170 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 to 255, labels 0 to 9.

    Raises:
        DataFileMissingError: if the archive, the folder or a file in it is missing.
        DataFileError: if a file is damaged, another dataset's, or has anything but images.
        DownloadError: if the archive could not be downloaded.

    Source:
        Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    return cifar.load(path, ARCHIVE, SHA256, "cifar-10-batches-py", PARTS, "labels", 10)
