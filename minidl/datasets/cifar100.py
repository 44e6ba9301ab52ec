"""CIFAR-100: 50,000 small colour photographs of 100 kinds to train on, and 10,000 to test with.

The kinds fall into 20 groups of five.
"""

from __future__ import annotations

import os

from minidl.datasets import cifar
from minidl.datasets.cifar import Pair

ARCHIVE = "cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
PARTS = (("train",), ("test",))
CLASSES = {"fine": 100, "coarse": 20}


def load_data(
    label_mode: str = "fine", path: str | os.PathLike[str] | None = None
) -> tuple[Pair, Pair]:
    """Return CIFAR-100, in the files' order.

    The files are pickles. They are read by a reader of minidl's own, which makes arrays, lists
    and dicts and nothing else.

    Shapes:
        `x_train (50000, 32, 32, 3)`, `y_train (50000, 1)`, `x_test (10000, 32, 32, 3)`,
        `y_test (10000, 1)`.

    Arguments:
        label_mode: `"fine"` for the 100 kinds, `"coarse"` for the 20 groups.
        path: the archive `cifar-100-python.tar.gz`, or the folder that is in it. `None` takes the
            cache folder, `~/.minidl/datasets/cifar100` or `$MINIDL_HOME/datasets/cifar100`, into
            which the archive is downloaded once (169 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 to 255, and labels.

    Raises:
        ValueError: if `label_mode` is neither.
        DataFileMissingError: if the archive, the folder or a file in it is missing.
        DataFileError: if a file is damaged, another dataset's, or has anything but images.
        DownloadError: if the archive could not be downloaded.

    Source:
        Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    if label_mode not in CLASSES:
        raise ValueError(
            f"load_data: received label_mode={label_mode!r}, expected 'fine' or 'coarse'."
        )
    return cifar.load(
        path,
        ARCHIVE,
        SHA256,
        "cifar-100-python",
        PARTS,
        f"{label_mode}_labels",
        CLASSES[label_mode],
    )
