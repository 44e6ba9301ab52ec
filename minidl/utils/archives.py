"""Unpacking archives from elsewhere: nothing is written outside the folder that was meant.

Only plain files and folders come out. A name that leads elsewhere, a link or a device is an error
before anything is written; and the folder is there as a whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple

FORMATS = ("tar", "zip")


class Member(NamedTuple):
    """A file of an archive: where it belongs, and what opens it. A folder has no `open`."""

    path: PurePosixPath
    open: Any


def unpack(archive: Path, folder: Path, formats: tuple[str, ...] = FORMATS) -> bool:
    """Unpack an archive, and return whether it was one.

    Arguments:
        archive: the file; what it is is told from its content.
        folder: is made, with the archive's content in it; one that is there is replaced.
        formats: those to try, of `"tar"` (also compressed) and `"zip"`.

    Raises:
        ValueError: if a member is no plain file or folder, or would lie outside `folder`.
    """
    import tarfile
    import zipfile

    for kind in formats:
        if kind == "tar" and tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                _write([*_of_tar(tar, archive)], folder)
            return True
        if kind == "zip" and zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _write([*_of_zip(zipped, archive)], folder)
            return True
    return False


def _of_tar(tar: Any, archive: Path) -> Iterator[Member]:
    for info in tar:
        if not info.isfile() and not info.isdir():
            raise ValueError(
                f"{archive}: its member {info.name!r} is a link or a device, expected plain files "
                "and folders. Nothing was unpacked."
            )
        path = _safe(info.name, archive)
        yield Member(path, None if info.isdir() else lambda info=info: tar.extractfile(info))


def _of_zip(zipped: Any, archive: Path) -> Iterator[Member]:
    for info in zipped.infolist():
        path = _safe(info.filename, archive)
        yield Member(path, None if info.is_dir() else lambda info=info: zipped.open(info))


def _safe(name: str, archive: Path) -> PurePosixPath:
    """Return a member's name as a path inside the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or "\0" in name:
        raise ValueError(
            f"{archive}: its member {name!r} would lie outside the folder it is unpacked into. "
            "Nothing was unpacked: do not trust this file."
        )
    return path


def _write(members: list[Member], folder: Path) -> None:
    import shutil
    import tempfile

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=folder.name) as place:
        made = Path(place) / "content"
        made.mkdir()
        for member in members:
            target = made / member.path
            if member.open is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            source: IO[bytes]
            with member.open() as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream)
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        os.replace(made, folder)
