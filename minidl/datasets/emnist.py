"""EMNIST: handwritten digits and letters in the format of MNIST, in six splits.

Read from a folder of IDX files or from the archive as NIST gives it out; without either, the
archive (about 540 MB) is downloaded once. Only the split asked for is unpacked.
"""

from __future__ import annotations

import os

from minidl.datasets import download
from minidl.datasets.sources import Archive, Array, Folder, Pair, Source, as_path, read_pair

URLS = ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",)
MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"
ARCHIVE = "gzip.zip"
SPLITS = ("digits", "letters", "balanced", "byclass", "bymerge", "mnist")

_IMAGES_AT_ONCE = 4096


def load_data(
    split: str = "digits", path: str | os.PathLike[str] | None = None, upright: bool = True
) -> tuple[Pair, Pair]:
    """Return one split of EMNIST, in the files' order.

    Shapes:
        `x (n, 28, 28)`, `y (n,)`, with n for training and test: digits 240,000 and 40,000;
        letters 124,800 and 20,800; balanced 112,800 and 18,800; byclass 697,932 and 116,323;
        bymerge 697,932 and 116,323; mnist 60,000 and 10,000.

    Arguments:
        split: `"digits"` (default), `"letters"`, `"balanced"`, `"byclass"`, `"bymerge"` or
            `"mnist"`.
        path: a folder with the IDX files (plain or gzipped, in it or in its folder `gzip`, each
            perhaps in a folder of its own name), or the archive `gzip.zip`. `None` (default)
            takes the archive in the cache folder, `~/.minidl/datasets/emnist` or
            `$MINIDL_HOME/datasets/emnist`, and downloads it if it is missing.
        upright: turn the images as they are read (default). The files hold them with rows and
            columns exchanged; `False` leaves them so.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 (paper) to 255 (ink), labels
        as in the files. They count from 0, but for letters, whose labels are 1 (A) to 26 (Z).

    Raises:
        ValueError: if `split` is not one of the six.
        DataFileMissingError: if the folder, the archive or a file in it is missing.
        DataFileError: if a file is damaged, of another format or of another shape, or if there
            are not as many labels as images.
        DownloadError: if the archive could not be downloaded; nothing of it is kept.
        ImportError: if it has to be downloaded and `pooch` is not installed.

    Example:
        >>> import tempfile, idx2numpy, numpy as np
        >>> from minidl.datasets import emnist
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for part, n in ("train", 6), ("test", 2):
        ...         name = f"{folder}/emnist-letters-{part}"
        ...         images, labels = np.zeros((n, 28, 28), "uint8"), np.ones(n, "uint8")
        ...         idx2numpy.convert_to_file(f"{name}-images-idx3-ubyte", images)
        ...         idx2numpy.convert_to_file(f"{name}-labels-idx1-ubyte", labels)
        ...     (x_train, y_train), (x_test, y_test) = emnist.load_data("letters", folder)
        >>> x_train.shape, y_test
        ((6, 28, 28), array([1, 1], dtype=uint8))

    Source:
        Gregory Cohen, Saeed Afshar, Jonathan Tapson and André van Schaik, "EMNIST: an extension
        of MNIST to handwritten letters", 2017, arXiv:1702.05373.
    """
    if split not in SPLITS:
        from minidl.registry import nearest

        raise ValueError(f"Unknown split {split!r} of EMNIST. {nearest(str(split), list(SPLITS))}")
    source = _source(path)
    pairs = [read_pair(source, f"emnist-{split}-{part}") for part in ("train", "test")]
    if upright:
        for images, _ in pairs:
            _transpose(images)
    return pairs[0], pairs[1]


def _source(path: str | os.PathLike[str] | None) -> Source:
    if path is None:
        return Archive(download.fetch(ARCHIVE, URLS, MD5, download.cache_folder("emnist")))
    place = as_path(path)
    if place.is_dir() and (place / ARCHIVE).is_file():
        place = place / ARCHIVE
    return Archive(place) if place.is_file() else Folder(place, inner=("gzip",))


def _transpose(images: Array) -> None:
    """Exchange rows and columns of every image, in place, some images at a time."""
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        some = images[start : start + _IMAGES_AT_ONCE]
        some[:] = some.transpose(0, 2, 1).copy()
