"""Arrays, lists and numbers out of a pickle, and nothing else.

A pickle is a program: Python's own reader imports and calls whatever the file names. Here a file
may name five things, which stand for classes of this module. Arrays are made anew from
their bytes, after their type and size have been checked; NumPy's own unpickling is never run.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from minidl.datasets.errors import DataFileError

Array = np.ndarray[Any, Any]

_KINDS = "biuf"


def loads(data: bytes) -> Any:
    """Return what a pickle of numbers, text, lists, dicts and plain arrays holds.

    Text of Python 2 stays bytes.

    Raises:
        DataFileError: if the pickle names anything else, or is damaged.

    Example:
        >>> loads(pickle.dumps({"labels": [3, 5], "data": np.arange(2)}))
        {'labels': [3, 5], 'data': array([0, 1])}
    """
    try:
        found = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        return _finished(found)
    except DataFileError:
        raise
    except Exception as error:  # a damaged pickle can raise almost anything
        raise DataFileError(
            f"it has a pickle that is damaged ({type(error).__name__}: {error})"
        ) from None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise DataFileError(
                f"it has a pickle that names {module}.{name}, which is neither an array, a list "
                "nor a number: it was not run"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise DataFileError("it has a pickle that refers to something outside the file")


class _Type:
    """A dtype as a pickle describes it: `b"u1"`, then the byte order."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("latin-1") if isinstance(code, bytes) else str(code)
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("latin-1") if isinstance(order, bytes) else str(order)

    def dtype(self) -> np.dtype[Any]:
        dtype = np.dtype(self.code)
        if dtype.kind not in _KINDS or dtype.fields or self.order not in "<>=|":
            raise DataFileError(f"it has a pickled array of type {self.code!r}, expected numbers")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


class _Array:
    """An array as a pickle describes it: shape, type, order of axes, and bytes or a list."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_fortran, data = state
        self.shape = tuple(shape)
        self.kind = kind
        self.is_fortran = bool(is_fortran)
        self.data = data

    def array(self) -> Array:
        if not all(type(n) is int and n >= 0 for n in self.shape):
            raise DataFileError(f"it has a pickled array of shape {self.shape}")
        size = math.prod(self.shape)
        if isinstance(self.data, list) and self.kind.code.lstrip("|<>=") in ("O", "O8", "O4"):
            items: Array = np.empty(len(self.data), dtype=object)
            for i, item in enumerate(self.data):
                items[i] = item.array() if isinstance(item, _Array) else item
        else:
            data = self.data.encode("latin-1") if isinstance(self.data, str) else self.data
            items = np.frombuffer(data, dtype=self.kind.dtype()).copy()
        if len(items) != size:
            raise DataFileError(
                f"it has a pickled array of shape {self.shape} with {len(items)} numbers"
            )
        return items.reshape(self.shape, order="F" if self.is_fortran else "C")


def _finished(found: Any) -> Any:
    """Return what was found with every array made; containers are changed in place."""
    if isinstance(found, _Array):
        made = found.array()
        return made if made.dtype != object else _walk(made, made)
    return _walk(found, found)


def _walk(root: Any, result: Any) -> Any:
    waiting, seen = [root], set()
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen or not isinstance(holder, list | dict | np.ndarray):
            continue
        seen.add(id(holder))
        if isinstance(holder, np.ndarray):
            if holder.dtype == object:
                waiting.extend(holder.ravel())
            continue
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in list(pairs):
            if isinstance(item, _Array):
                item = holder[key] = item.array()
            waiting.append(item)
    return result


class _Function:
    """What a file may call. It has no attributes, so a file cannot change it for the next one."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise DataFileError("it has a pickle that changes a function")


class _Reconstruct(_Function):
    def __call__(self, *_: Any) -> _Array:
        return _Array()


class _Encode(_Function):
    def __call__(self, text: str, encoding: Any = "latin-1") -> bytes:
        if encoding not in ("latin1", "latin-1", b"latin1"):
            raise DataFileError(f"it has a pickle that encodes text as {encoding!r}")
        return text.encode("latin-1")


class _Empty(_Function):
    def __call__(self) -> bytes:  # how old pickles write bytes of no length
        return b""


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Encode(),
    ("__builtin__", "bytes"): _Empty(),
}
