"""The files of CIFAR-10 and CIFAR-100: pickles of images, in a folder or in one `.tar.gz`.

Nothing is unpacked onto the disk, and no pickle is run: see `unpickling`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from minidl.datasets import download, unpickling
from minidl.datasets.errors import DataFileError, DataFileMissingError
from minidl.datasets.sources import as_path

Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array]

SITE = "https://www.cs.toronto.edu/~kriz/"
IMAGE = (3, 32, 32)
LARGEST = 400_000_000  # bytes of one file inside; the largest there is has 156 million


def load(
    path: str | os.PathLike[str] | None,
    archive: str,
    checksum: str,
    inner: str,
    parts: tuple[tuple[str, ...], ...],
    label_key: str,
    classes: int,
) -> tuple[Pair, Pair]:
    """Return the training and the test images that the files `parts` hold.

    Arguments:
        path: the archive, or the folder `inner` out of it; None for the cache folder.
        archive, checksum: the archive's name on the site, and its SHA-256.
        inner: the folder inside the archive.
        parts: names of the files to train on, and of those to test with.
        label_key: what the labels are called.
        classes: how many there are.
    """
    if path is None:
        name = archive.partition("-python")[0].replace("-", "")
        folder = download.cache_folder(name)
        place = download.fetch(archive, [SITE + archive], checksum, folder)
    else:
        place = as_path(path)
    if place.is_dir():
        within = place / inner if (place / inner).is_dir() else place
        files = {name: _from_folder(within, name) for group in parts for name in group}
    else:
        files = _from_archive(place, inner, [name for group in parts for name in group])
    pairs = []
    for group in parts:
        read = [_images(files.pop(n), f"{place}: {n}", label_key, classes) for n in group]
        pairs.append((np.concatenate([x for x, _ in read]), np.concatenate([y for _, y in read])))
    return pairs[0], pairs[1]


def _from_folder(folder: Path, name: str) -> bytes:
    file = folder / name
    if not file.is_file():
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())) or "nothing"
        raise DataFileMissingError(f"{folder}: expected the file {name}, found {found}.")
    return file.read_bytes()


def _from_archive(path: Path, inner: str, names: list[str]) -> dict[str, bytes]:
    """Return the members of these names; all others are passed over."""
    import tarfile

    if not path.is_file():
        raise DataFileMissingError(f"{path}: no such file or folder. Check the path.")
    wanted = {f"{inner}/{name}": name for name in names}
    files: dict[str, bytes] = {}
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:*") as archive:
            for member in archive:
                name = wanted.get(member.name.removeprefix("./"))
                if name is None or not member.isfile():
                    continue
                if member.size > LARGEST:
                    raise DataFileError(
                        f"{path}: {member.name} has {member.size} bytes, more than any file of "
                        "this dataset. It is another dataset's file."
                    )
                content = archive.extractfile(member)
                assert content is not None
                files[name] = content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataFileError(
            f"{path}: received a file that cannot be read as a .tar.gz archive ({error}). It is "
            "damaged or of another format: get it again."
        ) from None
    missing = [name for name in names if name not in files]
    if missing:
        raise DataFileMissingError(
            f"{path}: expected {', '.join(names)} in {inner}/, and {', '.join(missing)} is not "
            "there. It is another dataset's file."
        )
    return files


def _images(data: bytes, where: str, label_key: str, classes: int) -> Pair:
    """Return images (n, 32, 32, 3) and labels (n, 1) out of one file's bytes."""
    try:
        batch = unpickling.loads(data)
    except DataFileError as error:
        raise DataFileError(f"{where}: {error}. Get the file again.") from None
    named: dict[Any, Any] = {}
    if isinstance(batch, dict):
        named = {k.decode() if isinstance(k, bytes) else k: v for k, v in batch.items()}
    pixels: Any = named.get("data")
    labels: Any = named.get(label_key)
    size = int(np.prod(IMAGE))
    is_images = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2
    if not is_images or pixels.shape[1] != size:
        raise DataFileError(
            f"{where}: expected uint8 images of shape (n, {size}) under 'data', found "
            f"{getattr(pixels, 'shape', 'none')}. It is another dataset's file."
        )
    right = isinstance(labels, list) and len(labels) == len(pixels)
    if not right or not all(type(n) is int and 0 <= n < classes for n in labels):
        raise DataFileError(
            f"{where}: expected a class number from 0 to {classes - 1} for each of the "
            f"{len(pixels)} images under {label_key!r}. It is damaged or another dataset's file."
        )
    images = pixels.reshape(-1, *IMAGE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, dtype=np.uint8)[:, np.newaxis]
