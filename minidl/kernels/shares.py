"""A matrix product that the threads of the `team` share: each calls the BLAS for its part.

    C ← α A B + β C        part i:  its columns of B and C, or, where C is tall, its rows of A and C

The BLAS is NumPy's own, called from compiled code by its address. Parts of a product of few rows
are so small that it multiplies them where they lie; larger ones it first copies into the order in
which it reads them, which for a small batch takes as long as the multiplications.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from minidl._typing import Array
from minidl.kernels import team
from minidl.kernels.blas import library
from minidl.kernels.team import here, machine_code, prange

WORTH = 500_000  # multiplications; fewer are done before the others have begun

# What compiled code calls gemm by; it is made where Numba is there.
_call: Any = None


def share_product(left: Array, right: Array, alpha: float, beta: float, out: Array) -> bool:
    """Make `out` α A B + β `out` in shares; return False, and do nothing, where that cannot be.

    Shapes:
        left (rows, inner), right (inner, columns), out (rows, columns).
    """
    letter = out.dtype.char
    if (
        out.size * left.shape[1] < WORTH
        or letter not in "fd"
        or left.dtype.char != letter
        or right.dtype.char != letter
    ):
        return False
    return bool(_function(letter, here.together)(left, right, alpha, beta, out))


@cache
def _function(letter: str, together: bool) -> Any:
    """Return the compiled product of a float type, for the team or for one thread."""
    import numba

    real = numba.float32 if letter == "f" else numba.float64
    operand = numba.types.Array(real, 2, "A", readonly=True)
    result = numba.types.Array(real, 2, "A")
    code = machine_code(
        _product,
        parallel=together,
        signature=numba.boolean(
            numba.intp, numba.intp, operand, operand, numba.float64, numba.float64, result
        ),
        _call=caller(letter),
        _layout=machine_code(_layout),
        _cut=machine_code(_cut),
    )
    address, parts = gemm_address(letter), team.size()
    return lambda *arguments: code(address, parts, *arguments)


@cache
def gemm_address(letter: str) -> int:
    """Return where the product of a float type lies in NumPy's BLAS."""
    blas = library()
    assert blas is not None
    return ctypes.cast(blas.gemm[letter], ctypes.c_void_p).value or 0


def _product(gemm, parts, left, right, alpha, beta, out):  # type: ignore[no-untyped-def]
    rows, columns = out.shape
    inner, size = left.shape[1], out.itemsize
    left_order, left_step = _layout(left)
    right_order, right_step = _layout(right)
    out_order, out_step = _layout(out)
    if left_order == 0 or right_order == 0 or out_order != 111:
        return False
    a, b, c = left.ctypes.data, right.ctypes.data, out.ctypes.data
    by_rows, width = _cut(rows, columns, inner, parts)
    if by_rows:
        down = size * (left_step if left_order == 111 else 1)
        for i in prange((rows + width - 1) // width):
            first = i * width
            _call(
                gemm, left_order, right_order, min(width, rows - first), columns, inner, alpha,
                a + first * down, left_step, b, right_step, beta, c + first * size * out_step,
                out_step,
            )  # fmt: skip
    else:
        across = size * (1 if right_order == 111 else right_step)
        for i in prange((columns + width - 1) // width):
            first = i * width
            _call(
                gemm, left_order, right_order, rows, min(width, columns - first), inner, alpha,
                a, left_step, b + first * across, right_step, beta, c + first * size, out_step,
            )  # fmt: skip
    return True


def _layout(matrix):  # type: ignore[no-untyped-def]
    """Return gemm's words for a matrix, 111 as it is or 112 transposed, and its step; or 0, 0."""
    rows, columns = matrix.shape
    down, across = matrix.strides
    size = matrix.itemsize
    if across == size and down >= columns * size and down % size == 0:
        return 111, down // size
    if down == size and across >= rows * size and across % size == 0:
        return 112, across // size
    return 0, 0


def _cut(rows, columns, inner, parts):  # type: ignore[no-untyped-def]
    """Return whether to cut by rows, and the width of a part."""
    by_rows = rows >= 128
    count, other = (rows, columns) if by_rows else (columns, rows)
    if 32 * other * inner <= 1_000_000:  # what OpenBLAS multiplies without copying
        return by_rows, 32
    return by_rows, 16 * ((count + 16 * parts - 1) // (16 * parts))


@cache
def caller(letter: str) -> Any:
    """Return a function of compiled code that calls the gemm at an address."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    real = types.float32 if letter == "f" else types.float64
    whole, word, place = types.intp, types.int32, types.intp
    arguments = (
        word, word, word, whole, whole, whole, real, place, whole, place, whole, real, place, whole,
    )  # fmt: skip

    @intrinsic
    def call(  # type: ignore[no-untyped-def]
        context, gemm, left_order, right_order, rows, columns, inner, alpha,
        left, left_step, right, right_step, beta, out, out_step,
    ):  # fmt: skip
        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            types_of = [context.get_value_type(t) for t in arguments]
            function = ir.FunctionType(ir.VoidType(), types_of)
            row_major = context.get_constant(word, 101)
            pointer = builder.inttoptr(values[0], function.as_pointer())
            builder.call(pointer, [row_major, *values[1:]])
            return context.get_dummy_value()

        return types.void(place, *arguments[1:]), generate

    return call
