"""Where a dataset's IDX files lie: in a folder, or in one zip archive.

Both find a file under any of its usual names, and say what was there when it is not.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast

import numpy as np

from minidl.datasets import idx
from minidl.datasets.errors import DataFileError, DataFileMissingError

Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array]

IMAGE_SHAPE = (28, 28)


class Source(Protocol):
    """A place to read IDX files from."""

    def read(self, stem: str, axes: int) -> tuple[Array, str]:
        """Return the array of the file `<stem>-idx<axes>-ubyte`, and where it was found."""
        ...


class Folder:
    """IDX files in a folder, plain or gzipped, or each in a folder of its own name.

    Arguments:
        path: the folder.
        inner: names of folders inside it in which to look as well.
    """

    def __init__(self, path: Path, inner: tuple[str, ...] = ()) -> None:
        if not path.exists():
            raise DataFileMissingError(
                f"{path}: no such folder. Expected a folder of IDX files; check the path."
            )
        self.path = path
        self.folders = (path, *(path / name for name in inner))

    def read(self, stem: str, axes: int) -> tuple[Array, str]:
        names = usual_names(stem, axes)
        for folder in self.folders:
            for name in names:
                for candidate in (folder / name, folder / name / name):
                    if candidate.is_file():
                        return idx.read(candidate), str(candidate)
        found = sorted(entry.name for entry in self.path.iterdir())
        raise DataFileMissingError(_missing(str(self.path), found, names))


class Archive:
    """Gzipped IDX files in a zip archive; a member is read without unpacking the others.

    Arguments:
        path: the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, stem: str, axes: int) -> tuple[Array, str]:
        import zipfile

        names = usual_names(stem, axes)
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = {
                    PurePosixPath(member.filename).name: member
                    for member in archive.infolist()
                    if not member.is_dir()
                }
                for name in names:
                    if name in members:
                        where = f"{self.path}: {members[name].filename}"
                        with archive.open(members[name]) as stream:
                            size = members[name].file_size
                            return idx.read_stream(cast(BinaryIO, stream), where, size), where
        except (DataFileError, PermissionError):
            raise
        except Exception as error:  # zipfile's and each compression's own
            raise DataFileError(
                f"{self.path}: received a file that cannot be read as a zip archive ({error}). "
                f"It is damaged or was not downloaded whole: get it again."
            ) from None
        raise DataFileMissingError(_missing(str(self.path), sorted(members), names))


def usual_names(stem: str, axes: int) -> list[str]:
    """Return the names that an IDX file usually bears.

    >>> usual_names("train-labels", 1)[:2]
    ['train-labels-idx1-ubyte', 'train-labels.idx1-ubyte']
    """
    return [f"{stem}{dash}idx{axes}-ubyte{end}" for end in ("", ".gz") for dash in "-."]


def read_pair(source: Source, prefix: str) -> Pair:
    """Read images `(n, 28, 28)` and labels `(n,)`, both uint8, and check that they belong together.

    Arguments:
        source: the folder or archive.
        prefix: what the two files' names begin with, such as `"train"`.

    Raises:
        DataFileError: if a file is missing or damaged, or is of another shape, type or number.
    """
    labels, labels_at = source.read(f"{prefix}-labels", 1)
    images, images_at = source.read(f"{prefix}-images", 3)
    check_pair(images, labels, images_at, labels_at)
    return images, labels


def check_pair(images: Array, labels: Array, images_at: str, labels_at: str) -> None:
    """Raise `DataFileError` if these are not as many images 28 × 28 as labels, all uint8."""
    height, width = IMAGE_SHAPE
    for array, at, shape, fits in (
        (images, images_at, f"(n, {height}, {width})", images.shape[1:] == IMAGE_SHAPE),
        (labels, labels_at, "(n,)", labels.ndim == 1),
    ):
        if array.dtype != np.uint8 or not fits:
            raise DataFileError(
                f"{at}: received {array.dtype.name} of shape {array.shape}, expected uint8 of "
                f"shape {shape}. Another file bears this name: check the path, or read it with "
                f"minidl.datasets.idx.read()."
            )
    if len(images) != len(labels):
        raise DataFileError(
            f"received {len(images):,} images in {images_at}, but {len(labels):,} labels in "
            f"{labels_at}; expected as many labels as images. "
            f"The two are not of the same set: get both again."
        )


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` with `~` written out."""
    return Path(path).expanduser()


def _missing(where: str, found: list[str], names: list[str]) -> str:
    some = ", ".join(found[:12]) + (", …" if len(found) > 12 else "")
    return (
        f"{where}: expected one of {', '.join(names)}; found {some or 'nothing'}. "
        f"Give the folder that holds the IDX files."
    )
