"""Arrays from `.npz` archives, without ever running what a file says.

Plain arrays are read by NumPy with pickles forbidden. Lists of word numbers, which such archives
can hold only as pickles, are read by `unpickling`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.datasets import unpickling
from minidl.datasets.errors import DataFileError, DataFileMissingError

if TYPE_CHECKING:
    import zipfile

Array = np.ndarray[Any, Any]


def read(path: Path, *names: str, objects: bool = False) -> list[Array]:
    """Return the arrays of these names.

    Arguments:
        path: the archive.
        names: what the arrays are called in it.
        objects: whether arrays of lists are taken too.

    Raises:
        DataFileMissingError: if there is no such file.
        DataFileError: if it is damaged, lacks an array, or has one that is not plain.
    """
    import zipfile

    if not path.is_file():
        raise DataFileMissingError(
            f"{path}: no such file. Check the path, or leave it out to download the data."
        )
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            members = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [name for name in names if name not in members]
            if missing:
                raise DataFileError(
                    f"{path}: expected the arrays {', '.join(names)}; found "
                    f"{', '.join(members) or 'none'}. It is another dataset's file."
                )
            return [_read_array(archive, name, objects) for name in names]
    except (DataFileError, PermissionError):
        raise
    except Exception as error:  # NumPy's, zipfile's and each compression's own
        raise DataFileError(
            f"{path}: received a file that cannot be read as an .npz archive of plain arrays "
            f"({error}). It is damaged or of another format: get it again."
        ) from None


def _read_array(archive: zipfile.ZipFile, name: str, objects: bool) -> Array:
    with archive.open(f"{name}.npy") as member:
        data = member.read()  # the whole, so that its checksum is compared
    stream = io.BytesIO(data)
    if objects:
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(stream)
        if dtype.hasobject:
            value = unpickling.loads(data[stream.tell() :])
            if not isinstance(value, np.ndarray) or value.shape != shape:
                raise DataFileError(f"{name} is not the array of shape {shape} that it promises.")
            return value
        stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
