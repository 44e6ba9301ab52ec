"""MNIST: 60,000 handwritten digits to train on and 10,000 to test with.

Read from a folder of IDX files or from Keras's `mnist.npz`; without either, downloaded once.
"""

from __future__ import annotations

import os
from pathlib import Path

from minidl.datasets import download, npz
from minidl.datasets.errors import DataFileError
from minidl.datasets.sources import Folder, Pair, as_path, check_pair, read_pair

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
KERAS_NAME = "mnist.npz"


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Return MNIST, in the files' order.

    Shapes:
        `x_train (60000, 28, 28)`, `y_train (60000,)`, `x_test (10000, 28, 28)`,
        `y_test (10000,)`.

    Arguments:
        path: a folder with the four IDX files, plain or gzipped, under either usual name
            (`train-images-idx3-ubyte`, `train-images.idx3-ubyte`); or a file `*.npz` as Keras
            keeps it. `None` (default) takes the cache folder, `~/.minidl/datasets/mnist` or
            `$MINIDL_HOME/datasets/mnist`, and downloads into it what is missing. Keras's own
            default, `"mnist.npz"`, means the same where there is no such file.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 (paper) to 255 (ink),
        labels 0 to 9.

    Raises:
        DataFileMissingError: if the folder or a file in it is missing.
        DataFileError: if a file is damaged, of another format or of another shape, or if there
            are not as many labels as images.
        DownloadError: if a missing file could not be downloaded; nothing of it is kept.
        ImportError: if a file has to be downloaded and `pooch` is not installed.

    Example:
        >>> import tempfile, idx2numpy, numpy as np
        >>> from minidl.datasets import mnist
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for part, n in ("train", 6), ("t10k", 2):
        ...         images, labels = np.zeros((n, 28, 28), "uint8"), np.arange(n, dtype="uint8")
        ...         idx2numpy.convert_to_file(f"{folder}/{part}-images-idx3-ubyte", images)
        ...         idx2numpy.convert_to_file(f"{folder}/{part}-labels-idx1-ubyte", labels)
        ...     (x_train, y_train), (x_test, y_test) = mnist.load_data(folder)
        >>> x_train.shape, y_test
        ((6, 28, 28), array([0, 1], dtype=uint8))

    Source:
        Yann LeCun, Corinna Cortes and Christopher J. C. Burges, "The MNIST database of
        handwritten digits", 1998; CC BY-SA 3.0.
    """
    if path is None or (os.fspath(path) == KERAS_NAME and not Path(path).exists()):
        folder = download.cache_folder("mnist")
        for name, md5 in MD5.items():
            download.fetch(name, [mirror + name for mirror in MIRRORS], md5, folder)
    else:
        folder = as_path(path)
        if folder.suffix == ".npz":
            return _read_npz(folder)
        if folder.is_file():
            raise DataFileError(
                f"{folder}: received a file, expected a folder of IDX files or a file *.npz. "
                f"Give the folder that holds it, or read it with minidl.datasets.idx.read()."
            )
    source = Folder(folder)
    return read_pair(source, "train"), read_pair(source, "t10k")


def _read_npz(path: Path) -> tuple[Pair, Pair]:
    x_train, y_train, x_test, y_test = npz.read(path, "x_train", "y_train", "x_test", "y_test")
    check_pair(x_train, y_train, f"{path}: x_train", f"{path}: y_train")
    check_pair(x_test, y_test, f"{path}: x_test", f"{path}: y_test")
    return (x_train, y_train), (x_test, y_test)
