"""Nested states, of plain values and arrays, as one file that no one need trust.

    {"epoch": 3, "weights": [kernel, bias]}  ◄─►  state.zip:  state.json   {"epoch": 3, ...}
                                                              0.npy, 1.npy

The file is written whole or not at all. Reading it never runs anything: the arrays are NumPy's own
format with pickles forbidden, and what they say of their size is compared with the bytes that are
there before memory is asked for.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.saving.atomic import atomic_write
from minidl.saving.errors import ModelFileError

_FORMAT = "minidl training state 1"
_INDEX = "state.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same state is the same bytes


def write_state(path: str | os.PathLike[str], state: Any) -> None:
    """Write a state to a file, which takes the place of an older one when it is complete.

    Arguments:
        path: where to write.
        state: None, truth values, numbers, strings, arrays, and lists and dicts of them. A tuple
            comes back as a list.

    Raises:
        TypeError: if something else is in it, or a key that is not a string.
        OSError: if it cannot be written; the older file is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_state(folder + "/state.zip", {"epoch": 3, "bias": np.array([0.5, 1.0])})
        ...     read_state(folder + "/state.zip")
        {'epoch': 3, 'bias': array([0.5, 1. ])}
    """
    arrays: list[Array] = []
    tree = packed(state, arrays, "state")
    index = json.dumps({"format": _FORMAT, "state": tree})
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for number, array in enumerate(arrays):
            with archive.open(_entry(f"{number}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.writestr(_entry(_INDEX), index)


def read_state(path: str | os.PathLike[str]) -> Any:
    """Return the state that `write_state` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ModelFileError: if it is damaged, or not such a file.
    """
    shown = os.fsdecode(path)
    size = os.path.getsize(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if sum(entry.file_size for entry in entries.values()) > size:
                raise ModelFileError("it says that it holds more than it has bytes")
            index = json.loads(_bytes_of(archive, entries, _INDEX))
            if not isinstance(index, dict) or index.get("format") != _FORMAT:
                raise ModelFileError(f"its first words are not {_FORMAT!r}")
            return unpacked(
                index.get("state"),
                lambda number: _array(_bytes_of(archive, entries, f"{number}.npy")),
            )
    except Exception as error:  # zipfile's, json's and NumPy's own
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # that is a place before 0
            raise
        raise ModelFileError(
            f"{shown}: received a file that cannot be read as a training state ({error}). It is "
            "damaged or of another kind, and nothing of it was used."
        ) from None


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _DATE)


def _bytes_of(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str) -> bytes:
    entry = entries.get(name)
    if entry is None:
        raise ModelFileError(f"it has no {name}")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ModelFileError(f"{name} is compressed")
    return archive.read(entry)  # the whole, so that its checksum is compared


def _array(data: bytes) -> Array:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ModelFileError(f"an array of {dtype} {shape} is not of that size")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


# Values that JSON has not are dicts of one entry: {"array": 0}, {"scalar": 1}, {"dict": {...}}.


def packed(value: Any, arrays: list[Array], where: str) -> Any:
    """Return a state as what JSON can hold; its arrays are appended to a list.

    Arguments:
        value: the state.
        arrays: the list.
        where: what the state is called in messages.

    Raises:
        TypeError: if something is in it that cannot be written.
    """
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, float | str):
        if value.dtype.hasobject:
            raise TypeError(f"{where} is an array of Python objects, expected numbers.")
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [packed(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} is a dict with the key {key!r}, expected strings.")
        return {"dict": {k: packed(v, arrays, f"{where}[{k!r}]") for k, v in value.items()}}
    raise TypeError(
        f"{where} is a {type(value).__name__}, expected None, numbers, strings, arrays, or lists "
        "and dicts of them."
    )


def unpacked(value: Any, array: Callable[[int], Array]) -> Any:
    """Return the state of which `packed` made a value.

    Arguments:
        value: the value, of which nothing is believed.
        array: gives the array of a number.
    """
    if isinstance(value, list):
        return [unpacked(item, array) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {key: unpacked(item, array) for key, item in content.items()}
    if kind == "scalar":
        return array(content)[()]
    if kind == "array":
        return array(content)
    raise ModelFileError(f"{kind!r} is no kind of value")
