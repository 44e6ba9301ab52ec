"""Matrix products whose bytes do not depend on the number of threads.

OpenBLAS adds a long inner axis up in parts, and cuts it elsewhere on one thread than on several:
into halves, which one thread rounds up. Where the length is a multiple of 32 the halves need no
rounding, and the sums agree to the last bit. So a long inner axis that is not is taken in two
products, of all its multiples of 32 and of the rest.

In a run that shares (`team`) a product is cut by its shape alone, which has the same effect.

This is what lets `threads` change the number of threads in the middle of a run, and a run with the
same seed still give the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minidl._typing import Array
from minidl.kernels import blas
from minidl.kernels.memory import empty
from minidl.kernels.shares import share_product
from minidl.kernels.team import here

_EVEN = 32
_LONG = 256  # at most what any OpenBLAS kernel adds up in one go
_SMALL = 4096  # numbers; arrays that NumPy makes as quickly by itself
_NARROW = 32  # columns


def product(left: Array, right: Array, out: Array | None = None) -> Array:
    """Return the product of the last axis of `left` with a matrix; `out`, if given, is filled.

    Shapes:
        left (..., inner), right (inner, columns); the result (..., columns), contiguous.
    """
    if out is None:
        inner, columns = right.shape
        rows = len(left)
        small = left.ndim == 2 and rows * columns <= _SMALL and (inner <= _LONG or rows == 1)
        if small or left.dtype != right.dtype:
            return np.matmul(left, right)
        out = empty((*left.shape[:-1], right.shape[1]), left.dtype)
    if left.ndim > 2:  # one product of many rows, not many of few
        left = left.reshape(-1, left.shape[-1])
        flat = out.reshape(-1, out.shape[-1])
    else:
        flat = out
    if here.sharing and share_product(left, right, 1.0, 0.0, flat):
        return out
    inner = left.shape[-1]
    rest = inner % _EVEN
    if rest and inner > _LONG and len(left) > 1:  # one row is no matrix product, and not cut
        np.matmul(left[:, :-rest], right[:-rest], out=flat)
        blas.add_product(left[:, -rest:], right[-rest:], 1.0, flat)
    else:
        np.matmul(left, right, out=flat)
    return out


def add_product(left: Array, right: Array, factor: float, out: Array) -> None:
    """Add `factor` times the product of two matrices to `out`, in place."""
    if here.sharing and share_product(left, right, factor, 1.0, out):
        return
    inner = left.shape[1]
    rest = inner % _EVEN
    if rest and inner > _LONG:
        blas.add_product(left[:, :-rest], right[:-rest], factor, out)
        left, right = left[:, -rest:], right[-rest:]
    blas.add_product(left, right, factor, out)


def sum_rows(x: Array, out: Array) -> None:
    """Fill `out` with the sum over the first of two axes.

    NumPy adds narrow rows up one by one; as a product with ones it takes a fifth of the time.
    """
    rows, columns = x.shape
    if columns < _NARROW and x.size <= _SMALL and x.dtype == out.dtype:  # on one thread, that is
        np.dot(_ones(rows, x.dtype.char), x, out=out)
    else:
        np.add.reduce(x, axis=0, out=out)


@lru_cache(maxsize=64)
def _ones(count: int, dtype: str) -> Array:
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones
