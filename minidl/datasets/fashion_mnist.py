"""Fashion-MNIST: MNIST's shapes and sizes, with clothes instead of digits.

The classes: T-shirt, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.
"""

from __future__ import annotations

import os

from minidl.datasets import download
from minidl.datasets.shuffled import KERAS_FILES
from minidl.datasets.sources import Folder, Pair, as_path, read_pair

MIRRORS = (
    KERAS_FILES,
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Return Fashion-MNIST, in the files' order.

    Shapes:
        `x_train (60000, 28, 28)`, `y_train (60000,)`, `x_test (10000, 28, 28)`,
        `y_test (10000,)`.

    Arguments:
        path: a folder with the four IDX files, plain or gzipped. `None` takes the cache folder,
            `~/.minidl/datasets/fashion_mnist` or `$MINIDL_HOME/datasets/fashion_mnist`, and
            downloads into it what is missing (30 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 (ground) to 255, labels 0 to 9.

    Raises:
        DataFileMissingError: if the folder or a file in it is missing.
        DataFileError: if a file is damaged, of another format or of another shape.
        DownloadError: if a missing file could not be downloaded.

    Source:
        Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
        learning algorithms", 2017; MIT licence.
    """
    if path is None:
        folder = download.cache_folder("fashion_mnist")
        for name, md5 in MD5.items():
            download.fetch(name, [mirror + name for mirror in MIRRORS], md5, folder)
    else:
        folder = as_path(path)
    source = Folder(folder)
    return read_pair(source, "train"), read_pair(source, "t10k")
