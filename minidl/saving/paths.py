"""Paths to model files, looked at before anything is written or read.

Whole models are `*.keras`, weights alone are `*.weights.h5`; messages say what was meant.
"""

from __future__ import annotations

import os
from pathlib import Path


def checked_path(
    filepath: str | os.PathLike[str], ending: str, method: str, overwrite: bool
) -> Path:
    """Return a path to write to.

    Raises:
        ValueError: if it ends otherwise.
        FileExistsError: if it is there and must not be overwritten.
        IsADirectoryError, FileNotFoundError: if it is a folder, or its folder is not there.
    """
    path = Path(os.fspath(filepath))
    if not path.name.endswith(ending):
        raise ValueError(
            f"{method}: received the path {str(path)!r}, expected one that ends in {ending!r}. "
            "Whole models are written to *.keras and weights alone to *.weights.h5; Keras 2's *.h5 "
            "and SavedModel folders are not supported."
        )
    if path.is_dir():
        raise IsADirectoryError(f"{method}: {str(path)!r} is a folder, expected a file's path.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{method}: the folder {str(path.parent)!r} is not there. Make it first: "
            f"os.makedirs({str(path.parent)!r})."
        )
    if not overwrite and path.exists():
        raise FileExistsError(
            f"{method}: {str(path)!r} is there already, and overwrite=False. Choose another name, "
            "or pass overwrite=True."
        )
    return path


def existing_path(filepath: str | os.PathLike[str], endings: tuple[str, ...], method: str) -> Path:
    """Return a path to read from.

    Raises:
        ValueError: if it ends otherwise.
        FileNotFoundError: if there is no such file.
    """
    path = Path(os.fspath(filepath))
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*") if p.name.endswith(endings))[:5]
        hint = f" Beside it there is {near}." if near else ""
        raise FileNotFoundError(f"{method}: there is no file {str(path)!r}.{hint}")
    if path.is_dir():
        raise IsADirectoryError(
            f"{method}: {str(path)!r} is a folder; a model is one file that ends in .keras."
        )
    if not path.name.endswith(endings):
        raise ValueError(
            f"{method}: received the path {str(path)!r}, expected one that ends in "
            f"{' or '.join(endings)}. Keras 2's *.h5 files can be converted by Keras 3: "
            "keras.models.load_model('old.h5').save('new.keras')."
        )
    return path
