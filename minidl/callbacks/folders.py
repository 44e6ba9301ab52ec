"""Folders that callbacks write to: made, and tried, before hours of training are spent."""

from __future__ import annotations

import os
from typing import Any


def make_folder(folder: str, owner: Any) -> None:
    """Make a folder where it does not exist, and see that files can be made in it.

    Raises:
        OSError: if not; the message has the folder and the callback.
    """
    import tempfile

    try:
        os.makedirs(folder or os.curdir, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder or os.curdir):
            pass
    except OSError as error:
        raise OSError(
            error.errno,
            f"{type(owner).__name__} cannot write to the folder {folder!r} ({error.strerror}). "
            "Choose one that you can write to. The path was",
            folder,
        ) from None


def make_folder_of(path: str, owner: Any) -> None:
    """Make the folder that a file is to be in, and see that files can be made in it.

    Raises:
        OSError: if not.
    """
    make_folder(os.path.dirname(path), owner)
