"""Files from the network, kept in a cache and unpacked where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from minidl.utils import archives


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded if it is not in the cache, unpacked if asked.

    A download lies in its place only when it is whole and has its checksum. An archive is unpacked
    whole or not at all, and one with a member that would lie outside its folder is refused.

    Arguments:
        fname: what to call the file; the last part of `origin` by default.
        origin: its address.
        untar: an old name of `extract` for tar archives.
        md5_hash: an old name of `file_hash`.
        file_hash: its MD5 or SHA-256 in hexadecimal digits. Without one any file is taken.
        cache_subdir: the folder within the cache.
        hash_algorithm: `"auto"` (by the length of `file_hash`), `"md5"` or `"sha256"`.
        extract: whether to unpack the file, and return the folder. It is called like the file
            without its endings, with `_extracted` behind it; a file without an ending is kept
            as `fname` + `_archive` and unpacked into `fname`.
        archive_format: `"auto"`, `"tar"`, `"zip"`, a list of these, or None.
        cache_dir: the cache; `$MINIDL_HOME` or `~/.minidl` by default.
        force_download: whether to download a file that is there, too.

    Raises:
        ValueError: if an argument is missing or wrong, or the archive is none or not to be trusted.
        DownloadError: if the file could not be downloaded whole.
        ImportError: if it has to be downloaded and `pooch` is not installed.
    """
    from urllib.parse import urlsplit

    from minidl.datasets import download

    if origin is None:
        raise ValueError("get_file: received no origin, the address to download from.")
    checksum = _checksum(file_hash or md5_hash, hash_algorithm if file_hash else "auto")
    given, name = fname, fname or os.path.basename(urlsplit(origin).path)
    if not name or name in (".", "..") or Path(name).name != name or "\\" in name:
        raise ValueError(
            f"get_file: received fname={given!r} and origin={origin!r}, expected a bare name of a "
            "file. Name folders with cache_dir and cache_subdir."
        )
    home = Path(cache_dir).expanduser() if cache_dir else download.cache_folder("").parent
    folder = home / cache_subdir
    unpacked = folder / name
    if extract or untar:
        if given and "." in name:
            unpacked = folder / f"{name.partition('.')[0]}_extracted"
        else:
            name += "_archive"
    if force_download:
        (folder / name).unlink(missing_ok=True)
    before = _stamp(folder / name)
    path = download.fetch(name, [origin], checksum, folder)
    if not (extract or untar):
        return str(path)
    if before != _stamp(path) or not unpacked.is_dir():
        formats = _formats("tar" if untar else archive_format)
        if not archives.unpack(path, unpacked, formats):
            raise ValueError(
                f"get_file: {path} is no archive of the format {' or '.join(formats) or 'None'}. "
                "Pass extract=False, or the right archive_format."
            )
    return str(unpacked)


def _stamp(path: Path) -> Any:
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None


def _checksum(value: str | None, algorithm: str) -> str | None:
    lengths = {"md5": (32,), "sha256": (64,), "auto": (32, 64)}
    if algorithm not in lengths:
        raise ValueError(
            f"get_file: received hash_algorithm={algorithm!r}, expected 'auto', 'md5' or 'sha256'."
        )
    if value is None:
        return None
    if len(value) not in lengths[algorithm] or not all(
        c in "0123456789abcdefABCDEF" for c in value
    ):
        raise ValueError(
            f"get_file: received file_hash={value!r}, expected "
            f"{' or '.join(map(str, lengths[algorithm]))} hexadecimal digits."
        )
    return value.lower()


def _formats(given: Any) -> tuple[str, ...]:
    formats = archives.FORMATS if given == "auto" else (given,) if isinstance(given, str) else given
    formats = tuple(formats or ())
    if not set(formats) <= set(archives.FORMATS):
        raise ValueError(
            f"get_file: received archive_format={given!r}, expected 'auto', 'tar' or 'zip'."
        )
    return formats
