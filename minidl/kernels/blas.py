"""What NumPy's own BLAS can do and NumPy does not offer: to add a multiple or a product in place.

    y ← y + α x          in one pass over y (axpy)
    C ← C + α A B        in one pass over C (gemm with β = 1)

The library is the one that `np.matmul` itself calls, reached through `ctypes`: a second BLAS in
one process would bring a second pool of threads, and the two slow each other down many times.
Where it cannot be found (NumPy built on another BLAS) the same is done in NumPy, with one pass
over memory more.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minidl._typing import Array

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_TINY = 1 << 14  # multiplications; fewer are done before ctypes has passed its arguments


class Library:
    """NumPy's BLAS: its functions by the letter of their type, and its number of threads.

    `wide` tells whether its whole numbers have 64 bits.
    """

    def __init__(self, library: ctypes.CDLL, prefix: str, suffix: str, integer: Any) -> None:
        def function(name: str, result: Any, *arguments: Any) -> Any:
            found = getattr(library, name)
            found.restype, found.argtypes = result, arguments
            return found

        c_int, pointer = ctypes.c_int, ctypes.c_void_p
        self.axpy: dict[str, Any] = {}
        self.gemm: dict[str, Any] = {}
        for letter, name, real in (("f", "s", ctypes.c_float), ("d", "d", ctypes.c_double)):
            self.axpy[letter] = function(
                f"{prefix}cblas_{name}axpy{suffix}", None,
                integer, real, pointer, integer, pointer, integer,
            )  # fmt: skip
            self.gemm[letter] = function(
                f"{prefix}cblas_{name}gemm{suffix}", None,
                c_int, c_int, c_int, integer, integer, integer,
                real, pointer, integer, pointer, integer, real, pointer, integer,
            )  # fmt: skip
        self.threads = function(f"{prefix}openblas_get_num_threads{suffix}", c_int)
        self.wide = integer is ctypes.c_int64
        self.set_threads = function(f"{prefix}openblas_set_num_threads{suffix}", None, c_int)


@cache
def library() -> Library | None:
    """Return NumPy's BLAS if it is an OpenBLAS that came with NumPy, or None."""
    root = Path(np.__file__).parent
    folders = (root.parent / "numpy.libs", root / ".libs", root / ".dylibs")
    for path in sorted(p for folder in folders if folder.is_dir() for p in folder.iterdir()):
        if "openblas" not in path.name:
            continue
        for prefix, suffix, integer in (
            ("scipy_", "64_", ctypes.c_int64),
            ("", "64_", ctypes.c_int64),
            ("scipy_", "", ctypes.c_int),
            ("", "", ctypes.c_int),
        ):
            try:
                return Library(ctypes.CDLL(str(path)), prefix, suffix, integer)
            except (AttributeError, OSError):
                continue
    return None


def add_scaled(x: Array, factor: float, out: Array, scratch: Array) -> None:
    """Add `factor` times x to `out`, in place; `scratch` is used where it takes two passes.

    All three have one shape and one float type.
    """
    blas = library() if out.ndim == 1 else None
    if (
        blas is None
        or x.dtype != out.dtype
        or out.dtype.char not in "fd"
        or not (x.flags.c_contiguous and out.flags.c_contiguous)
    ):
        out += np.multiply(x, factor, out=scratch)
        return
    blas.axpy[out.dtype.char](out.size, factor, _address(x), 1, _address(out), 1)


def add_product(left: Array, right: Array, factor: float, out: Array) -> None:
    """Add `factor` times the matrix product to `out`, in place.

    Shapes:
        left (rows, inner), right (inner, columns), out (rows, columns); one float type. `out` is
        contiguous.
    """
    blas = library() if out.size * left.shape[1] > _TINY else None
    layouts = None if blas is None else _layouts(left, right, out)
    if blas is None or layouts is None:
        product = np.matmul(left, right)
        product *= factor
        out += product
        return
    (left_order, left_step), (right_order, right_step), (_, out_step) = layouts
    blas.gemm[out.dtype.char](
        _ROW_MAJOR, left_order, right_order, *out.shape, left.shape[1],
        factor, _address(left), left_step, _address(right), right_step,
        1.0, _address(out), out_step,
    )  # fmt: skip


def _layouts(left: Array, right: Array, out: Array) -> tuple[tuple[int, int], ...] | None:
    """Return the layout of each, or None where gemm cannot work on them."""
    if not (left.dtype == right.dtype == out.dtype and out.dtype.char in "fd"):
        return None
    of_left, of_right, of_out = _layout(left), _layout(right), _layout(out)
    if of_left is None or of_right is None or of_out is None or of_out[0] != _PLAIN:
        return None
    return of_left, of_right, of_out


def _layout(matrix: Array) -> tuple[int, int] | None:
    """Return gemm's words for a matrix: as it is or transposed, and the step between its rows.

    None where it lies in memory in a way that gemm cannot read.
    """
    rows, columns = matrix.shape
    down, across = matrix.strides
    size = matrix.itemsize
    if across == size and down >= columns * size and down % size == 0:
        return _PLAIN, down // size
    if down == size and across >= rows * size and across % size == 0:
        return _TRANSPOSED, across // size
    return None


def _address(array: Array) -> int:
    try:  # the quickest way there is, for arrays that may be written to
        return ctypes.addressof(_from_buffer(array if array.flags.c_contiguous else array.T))
    except (TypeError, ValueError, BufferError):
        return array.ctypes.data


_from_buffer: Any = ctypes.c_char.from_buffer
