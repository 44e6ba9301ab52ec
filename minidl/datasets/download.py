"""Files from the network: fetched once into a cache folder, checked, and kept only when whole.

`pooch` fetches and checks them, `rich` draws the progress bar. A file is written under another
name beside its place and moved there when its checksum is right.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.datasets.errors import DownloadError

if TYPE_CHECKING:
    from rich.progress import Progress

TIMEOUT = (10.0, 30.0)  # seconds: to connect, and from one piece of the file to the next
_CHUNK = 1 << 16


def cache_folder(name: str) -> Path:
    """Return the folder in which the dataset `name` is kept.

    It is `$MINIDL_HOME/datasets/<name>`; without `MINIDL_HOME`, `~/.minidl/datasets/<name>`.
    """
    home = os.environ.get("MINIDL_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".minidl") / "datasets" / name


def fetch(name: str, urls: Sequence[str], checksum: str | None, folder: Path) -> Path:
    """Return the file `name` in `folder`, downloaded from the first of `urls` that gives it.

    A file that is there already and has the checksum is taken as it is.

    Arguments:
        name: what the file is called in `folder`.
        urls: where to get it, in the order in which they are tried.
        checksum: 32 hexadecimal digits of its MD5, or 64 of its SHA-256; with None any file does.
        folder: where to keep it; made if it is missing.

    Raises:
        DownloadError: if none of `urls` gives the whole file, or `folder` cannot be written to.
        ImportError: if the file has to be downloaded and `pooch` is not installed.
    """
    path = folder / name
    algorithm = "sha256" if checksum is not None and len(checksum) == 64 else "md5"
    present = digest(path, algorithm)
    if present is not None and checksum in (None, present):
        return path
    try:
        import pooch
    except ImportError:
        raise ImportError(
            f"{name} is not in {folder}, and downloading it needs pooch, which is not installed. "
            f'Install it with: pip install "minidl[datasets]". '
            f"Or download {urls[0]} by hand and put it there as {path}."
        ) from None
    from requests.exceptions import RequestException

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # the progress bar says the same
    reasons = []
    known = None if checksum is None else f"{algorithm}:{checksum}"
    expected = "" if checksum is None else f" (expected {algorithm} {checksum})"
    try:
        for url in urls:
            try:
                with _progress() as progress:
                    downloader = pooch.HTTPDownloader(
                        progressbar=_Bar(progress, name),
                        chunk_size=_CHUNK,
                        timeout=TIMEOUT,
                        headers={"Accept-Encoding": "identity"},  # the .gz itself, not its content
                    )
                    pooch.retrieve(url, known, name, folder, downloader=downloader)
                return path
            except (RequestException, ValueError) as error:  # ValueError: pooch's, the checksum
                reasons.append(f"{url}: {_reason(error)}")
    except OSError as error:
        raise DownloadError(
            f"{name} could not be written into {folder} ({error}). Nothing of it was kept. "
            f"Make room there or set MINIDL_HOME to another folder that you can write to."
        ) from None
    finally:
        logger.setLevel(level)
    there = (
        f"\nThe file that is there now has {algorithm} {present} and was not used."
        if present
        else ""
    )
    raise DownloadError(
        f"{name} could not be downloaded{expected}. Nothing was kept of:\n  "
        + "\n  ".join(reasons)
        + there
        + f"\nCheck the network and try again; or download one of the addresses by hand and put it "
        f"into {folder} as {name}; or give the folder that holds your own copy: load_data(path=…)."
    )


def _reason(error: Exception) -> str:
    """Return what went wrong with one address, in words, with the library's own behind it."""
    from requests import exceptions

    for kind, words in (
        (exceptions.HTTPError, "the server does not give it"),
        (exceptions.ChunkedEncodingError, "the connection broke off in the middle of the file"),
        (exceptions.Timeout, "no answer in time"),
        (exceptions.ConnectionError, "no connection"),
        (exceptions.RequestException, "it cannot be asked for"),
    ):
        if isinstance(error, kind):
            return f"{words} ({error})"
    return f"another file was received ({error})"


def digest(path: Path, algorithm: str) -> str | None:
    """Return a file's checksum in hexadecimal digits, or `None` if there is no such file."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(
            stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Bar:
    """The progress bar as pooch drives it: `total` is set, then `update` by bytes, then `close`.

    It is not drawn before the server answers: an address that has no file leaves no empty bar.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None, visible=False)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, total: int) -> None:
        self._progress.update(self._task, total=total or None, visible=True)

    def update(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        self._progress.reset(self._task, total=self.total, visible=True)

    def close(self) -> None:
        pass
