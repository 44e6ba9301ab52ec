"""Large arrays that are used again, instead of memory that is fetched from the system anew.

A fresh array of a megabyte costs more than the arithmetic that fills it: the system has to find,
clear and map every page. So `empty` keeps what it handed out, and hands it out again once nobody
holds it any more:

    y = empty((512, 512), float32)      a view of a store that the pool keeps
    del y                               nobody but the pool holds the store: it is free again

Whether a store is free is read off its reference count, so an array that someone still holds, in
a tape of residuals or on a user's shelf, is never written over. Each thread has a pool of its own.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

from minidl._typing import Array

SMALL = 1 << 15  # bytes; below this, malloc is as quick
LIMIT = 1 << 28  # bytes that one thread's pool keeps
CACHE_LINE = 64  # bytes
_FREE = 2  # references to a free store: its entry's, and getrefcount's own


class Pool(threading.local):
    """The stores of one thread, by their size in bytes, each with where its cache line begins."""

    def __init__(self) -> None:
        self.stores: dict[int, list[tuple[Array, int]]] = {}
        self.held = 0

    def take(self, nbytes: int) -> tuple[Array, int]:
        """Return a store of so many bytes that nobody else holds, and where to begin in it."""
        for entry in self.stores.get(nbytes, ()):
            if sys.getrefcount(entry[0]) <= _FREE:
                return entry
        store = np.empty(nbytes + CACHE_LINE, np.uint8)
        entry = store, -store.__array_interface__["data"][0] % CACHE_LINE
        if self.held + nbytes > LIMIT:
            self.clear()
        if nbytes <= LIMIT:
            self.stores.setdefault(nbytes, []).append(entry)
            self.held += nbytes
        return entry

    def clear(self) -> None:
        """Let go of every store; those that someone holds live on with their holder."""
        self.stores.clear()
        self.held = 0


pool = Pool()
_counts_references = getattr(sys, "_is_gil_enabled", lambda: True)()


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array of arbitrary contents, like `np.empty`, from the pool if it is large."""
    dtype = np.dtype(dtype)
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < SMALL or not _counts_references:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, *pool.take(nbytes))


def empty_like(array: Array) -> Array:
    """Return an array of the shape and dtype of another, in C order."""
    return empty(array.shape, array.dtype)
