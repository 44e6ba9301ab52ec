"""The HDF5 file of a model's weights, read with suspicion and written as Keras does.

    layers/dense/vars/0         a dataset: plain numbers of a fixed size
    layers/dense/vars           a group of datasets, in the order of the layer's variables

A file is looked through as a whole before anything of it is used. Nothing is accepted in it but
groups and plain datasets whose bytes are in the file: no links, no other files, nothing
compressed, nothing whose size is only claimed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np

from minidl._typing import Array, Shape
from minidl.saving.errors import ModelFileError

MAX_OBJECTS = 200_000
MAX_DEPTH = 64


def require_h5py() -> Any:
    """Return the package h5py.

    Raises:
        ImportError: if it is not installed; the message says how to.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "Models and weights are saved in HDF5 files, which need h5py. Install it: "
            "pip install 'minidl[files]'."
        ) from error
    return h5py


class Group(Mapping[str, Array]):
    """The variables of one part of a model, read when they are asked for.

    Arguments:
        path: where the group stands, for messages.
        datasets: the datasets by name.
    """

    def __init__(self, path: str, datasets: Mapping[str, Any]) -> None:
        self.path = path
        self._datasets = datasets

    def shape(self, name: str) -> Shape:
        """Return the shape of a variable, which is not read for that."""
        return tuple(self._datasets[name].shape)

    def __getitem__(self, name: str) -> Array:
        dataset = self._datasets[name]
        try:
            return np.asarray(dataset[()], dataset.dtype.newbyteorder("="))
        except Exception as error:
            raise ModelFileError(
                f"{self.path}/vars/{name} cannot be read, so the file is damaged: {error}"
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)


class WeightsReader:
    """An HDF5 file of weights, looked through and found to be plain.

    Arguments:
        content: the bytes of the file.
        source: what the file is called in messages.

    Attributes:
        numbers: how many numbers all datasets have together.

    Raises:
        ModelFileError: if it is no HDF5 file, is damaged, or has something in it that weights do
            not need.
        ImportError: if h5py is not installed.
    """

    def __init__(self, content: bytes, source: str) -> None:
        self._h5py = require_h5py()
        self._source = source
        self._size = len(content)
        self._groups: dict[str, dict[str, Any]] = {}
        self.numbers = 0
        self._objects = 0
        self._bytes = 0
        try:
            self._file = self._h5py.File(io.BytesIO(content), "r")
        except Exception as error:
            raise ModelFileError(
                f"{source} is no HDF5 file, or it is damaged: {_first_line(error)}"
            ) from error
        try:
            self._look_through(self._file, "", 0)
        except ModelFileError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise ModelFileError(
                f"{source} is damaged: {type(error).__name__}: {_first_line(error)}"
            ) from error

    def group(self, path: str) -> Group:
        """Return the variables of the part at `path`; none if the file does not have it."""
        return Group(path, self._groups.get(path, {}))

    def paths(self) -> list[str]:
        """Return the paths of all parts that have variables."""
        return [path for path, datasets in self._groups.items() if datasets]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Looking through

    def _look_through(self, group: Any, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._refusal(path, f"is nested more than {MAX_DEPTH} deep")
        for name in group:
            self._objects += 1
            if self._objects > MAX_OBJECTS:
                raise self._refusal(path, f"is among more than {MAX_OBJECTS:,} objects")
            here = f"{path}/{name}" if path else name
            link = group.get(name, getclass=True, getlink=True)
            if link is not self._h5py.HardLink:
                raise self._refusal(here, f"is a link to elsewhere ({link.__name__})")
            found = group[name]
            if isinstance(found, self._h5py.Group):
                self._look_through(found, here, depth + 1)
            elif isinstance(found, self._h5py.Dataset):
                self._look_at(found, here)
                owner, _, last = path.rpartition("/")
                if last == "vars":
                    self._groups.setdefault(owner, {})[name] = found
            else:
                raise self._refusal(here, "is neither a group nor a dataset")

    def _look_at(self, dataset: Any, path: str) -> None:
        """See that a dataset is nothing but numbers, all of which are in the file."""
        if dataset.external:
            raise self._refusal(path, "has its numbers in another file")
        if dataset.is_virtual:
            raise self._refusal(path, "is put together of other datasets")
        if dataset.dtype.kind not in "fiub" or dataset.dtype.hasobject:
            raise self._refusal(path, f"has the type {dataset.dtype}, not of plain numbers")
        if dataset.shape is None:
            raise self._refusal(path, "has no shape")
        if dataset.chunks is not None or dataset.maxshape != dataset.shape:
            raise self._refusal(path, "is compressed, or in pieces, or can grow")
        declared = math.prod(dataset.shape) * dataset.dtype.itemsize
        stored = dataset.id.get_storage_size()
        if declared != stored:
            raise self._refusal(
                path, f"claims {declared:,} bytes (shape {dataset.shape}), and {stored:,} are there"
            )
        self._bytes += declared
        if self._bytes > self._size:  # also where many datasets share the same bytes
            raise self._refusal(
                path,
                f"and those before claim {self._bytes:,} bytes in a file of {self._size:,}",
            )
        self.numbers += math.prod(dataset.shape)

    def _refusal(self, path: str, what: str) -> ModelFileError:
        return ModelFileError(
            f"{self._source} is refused: {path or 'its root'} {what}. A weights file is made of "
            "groups and plain datasets of numbers. Files that Keras and minidl write are."
        )


def written(groups: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> bytes:
    """Return the HDF5 file of some groups of variables as bytes; the same bytes for the same.

    Arguments:
        groups: for each part's path its variables by name.
        names: for some paths what the part is called; Keras writes it too, and reads past it.
    """
    h5py = require_h5py()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, variables in groups.items():
            group = file.create_group(f"{path}/vars" if path else "vars")
            if path in names:
                group.attrs["name"] = names[path]
            for name, value in variables.items():
                array = np.asarray(value)
                if array.dtype.kind not in "fiub":
                    raise TypeError(
                        f"{path}/vars/{name} is of dtype {array.dtype}, expected numbers."
                    )
                group.create_dataset(name, data=array)
    return buffer.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
