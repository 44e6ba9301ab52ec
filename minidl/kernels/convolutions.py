"""Convolutions that the threads of the `team` share: each takes windows, or samples, of its own.

    z = P W + b                part i: its windows
    dW = Pᵀ dz, db = Σ dz      part i: sums over its windows, which are added up at the end
    dx from dP = dz Wᵀ         part i: its samples; windows of one add to the same places

P, whose row o is what window o sees, would be many times as large as the input. So a thread makes
a slice of it at a time, in scratch memory of its own that stays in its processor's cache, and has
that multiplied. What is in a part depends on the shape and on the machine alone.

Shapes: x, dx (batch, first axis, second axis, numbers of a line); z, dz (windows, filters);
W (numbers of a window, filters).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels import team
from minidl.kernels.memory import empty
from minidl.kernels.shares import WORTH, caller, gemm_address
from minidl.kernels.team import here, loop, machine_code, prange, share

SLICE = 1 << 19  # bytes of a slice of P: part of a second-level cache, which is some megabytes
LIMIT = 1 << 24  # bytes that one never passes, but for a single row

FEW = 16
"""In runs of fewer numbers, P is gathered number by number in rows of windows."""

Sizes = tuple[int, ...]  # one for each of three axes
Lines = tuple[int, ...]  # what `lines` returns

# What compiled code calls gemm by; it is made where Numba is there.
_call: Any = None


def lines(
    output: Sizes, taps: Sizes, strides: Sizes, dilation: Sizes, before: Sizes, run: int
) -> Lines:
    """Return where windows lie on three axes, the last of which joins places and channels.

    Arguments:
        output: windows on each axis.
        taps: what a window sees on each axis; on the last one, runs of neighbouring numbers.
        strides, dilation, before: as in `geometry.Windows`; the last of each in numbers.
        run: how many numbers a run has.
    """
    return (*output, *taps, *strides, *dilation, *before, run)  # the team takes no nested tuples


def can_share(work: int, *arrays: Array) -> bool:
    """Return whether this run shares, and can with such arrays; `work` is in multiplications."""
    letter = arrays[0].dtype.char
    return (
        here.sharing
        and work >= WORTH
        and letter in "fd"
        and all(a.dtype.char == letter and a.flags.c_contiguous for a in arrays)
    )


def correlate(x: Array, W: Array, bias: Array | None, windows: Lines, z: Array) -> None:
    """z = P W + b"""
    b = np.empty(0, W.dtype) if bias is None else bias
    _run(_correlate, _correlate_part, W.dtype.char, x, W, b, windows, *_scratch(W), z)


def kernel_gradient(x: Array, dz: Array, windows: Lines, dW: Array, db: Array | None) -> None:
    """dW = Pᵀ dz, and db = Σ dz where it is wanted."""
    parts = team.size()
    dWs, dbs = empty((parts, *dW.shape), dW.dtype), np.empty((parts, dW.shape[1]), dW.dtype)
    _run(
        _kernel_gradient, _kernel_gradient_part, dW.dtype.char, x, dz, windows, *_scratch(dW),
        dWs, dbs,
    )  # fmt: skip
    dWs.sum(axis=0, out=dW)
    if db is not None:
        dbs.sum(axis=0, out=db)


def input_gradient(dz: Array, W: Array, windows: Lines, dx: Array) -> None:
    """dx ← what all windows add to it, of dP = dz Wᵀ."""
    _run(_input_gradient, _input_gradient_part, W.dtype.char, dz, W, windows, *_scratch(W), dx)


def _scratch(W: Array) -> tuple[int, Array]:
    """Return how many rows a slice of P has, and memory for one in each part.

    It has as many as W has columns at least, for W is read anew for each slice.
    """
    row = W.itemsize * len(W)
    rows = max(1, SLICE // row, min(W.shape[1], LIMIT // row))
    return rows, empty((team.size(), rows * len(W)), W.dtype)


def _run(division: Any, of_part: Any, letter: str, *arguments: Any) -> None:
    """Compute all parts, on the team if this thread has it."""
    code = _compiled(division, of_part, letter, here.together)
    code(gemm_address(letter), team.size(), *arguments)


@cache
def _compiled(division: Any, of_part: Any, letter: str, together: bool) -> Any:
    steps: dict[str, Any] = {f.__name__: machine_code(f) for f in (begin, following)}
    names: dict[str, Any] = {
        f.__name__: machine_code(f, **steps) for f in (gather, gather_columns, add_back)
    }
    names["share"] = machine_code(share)
    return machine_code(
        division, parallel=together, loop=machine_code(of_part, _call=caller(letter), **names)
    )


def _correlate(gemm, n, x, W, bias, windows, rows, P, z):  # type: ignore[no-untyped-def]
    for i in prange(n):
        loop(gemm, i, n, x, W, bias, windows, rows, P[i], z)


def _correlate_part(gemm, i, n, x, W, bias, windows, rows, P, z):  # type: ignore[no-untyped-def]
    width, filters = W.shape
    first, last = share(i, n, len(z))
    while first < last:
        count = min(rows, last - first)
        order, step = 111, width
        if windows[15] < FEW:
            order, step = 112, count
            gather_columns(x, windows, first, count, P)
        else:
            gather(x, windows, first, count, P)
        out = z[first : first + count]
        _call(
            gemm, order, 111, count, filters, width, 1.0, P.ctypes.data, step,
            W.ctypes.data, filters, 0.0, out.ctypes.data, filters,
        )  # fmt: skip
        if bias.size:
            for r in range(count):
                for f in range(filters):
                    out[r, f] += bias[f]
        first += count


def _kernel_gradient(gemm, n, x, dz, windows, rows, P, dW, db):  # type: ignore[no-untyped-def]
    for i in prange(n):
        loop(gemm, i, n, x, dz, windows, rows, P[i], dW[i], db[i])


def _kernel_gradient_part(  # type: ignore[no-untyped-def]
    gemm, i, n, x, dz, windows, rows, P, dW, db
):
    width, filters = dW.shape
    dW[:] = 0
    db[:] = 0
    sums = np.empty_like(db)
    first, last = share(i, n, len(dz))
    while first < last:
        count = min(rows, last - first)
        order, step = 112, width
        if windows[15] < FEW:
            order, step = 111, count
            gather_columns(x, windows, first, count, P)
        else:
            gather(x, windows, first, count, P)
        of_slice = dz[first : first + count]
        _call(
            gemm, order, 111, width, filters, count, 1.0, P.ctypes.data, step,
            of_slice.ctypes.data, filters, 1.0, dW.ctypes.data, filters,
        )  # fmt: skip
        sums[:] = 0  # slice by slice, for float32 to keep its digits
        for r in range(count):
            for f in range(filters):
                sums[f] += of_slice[r, f]
        for f in range(filters):
            db[f] += sums[f]
        first += count


def _input_gradient(gemm, n, dz, W, windows, rows, P, dx):  # type: ignore[no-untyped-def]
    for i in prange(n):
        loop(gemm, i, n, dz, W, windows, rows, P[i], dx)


def _input_gradient_part(gemm, i, n, dz, W, windows, rows, P, dx):  # type: ignore[no-untyped-def]
    width, filters = W.shape
    size = len(dz) // len(dx)  # windows of a sample
    sample, end = share(i, n, len(dx))
    while sample < end:
        samples = min(max(1, rows // size), end - sample)
        dx[sample : sample + samples] = 0
        first, last = sample * size, (sample + samples) * size
        while first < last:
            count = min(rows, last - first)
            _call(
                gemm, 111, 112, count, width, filters, 1.0, dz[first:].ctypes.data, filters,
                W.ctypes.data, filters, 0.0, P.ctypes.data, width,
            )  # fmt: skip
            add_back(P, windows, first, count, dx)
            first += count
        sample += samples


def gather(x, windows, first, count, P):  # type: ignore[no-untyped-def]
    """Fill P with its rows from `first` on; what a window sees outside of x is zero."""
    output, taps, strides = windows[0:3], windows[3:6], windows[6:9]
    dilation, before, run = windows[9:12], windows[12:15], windows[15]
    o, p, q, n = begin(output, first)
    at = 0
    for _ in range(count):
        for i in range(taps[0]):
            a = o * strides[0] - before[0] + i * dilation[0]
            for j in range(taps[1]):
                b = p * strides[1] - before[1] + j * dilation[1]
                for k in range(taps[2]):
                    c = q * strides[2] - before[2] + k * dilation[2]
                    # Slices, for indices from 0 on make the quickest loops.
                    numbers = P[at : at + run]
                    at += run
                    if a < 0 or a >= x.shape[1] or b < 0 or b >= x.shape[2]:
                        numbers[:] = 0
                    elif c >= 0 and c + run <= x.shape[3]:
                        seen = x[n, a, b, c : c + run]
                        for m in range(run):
                            numbers[m] = seen[m]
                    else:
                        for m in range(run):
                            numbers[m] = x[n, a, b, c + m] if 0 <= c + m < x.shape[3] else 0
        o, p, q, n = following(output, o, p, q + 1, n)


def gather_columns(x, windows, first, count, P):  # type: ignore[no-untyped-def]
    """Fill P with the same numbers, but the windows side by side: its transpose."""
    output, taps, strides = windows[0:3], windows[3:6], windows[6:9]
    dilation, before, run = windows[9:12], windows[12:15], windows[15]
    o, p, q, n = begin(output, first)
    step = strides[2]
    done = 0
    while done < count:
        some = min(output[2] - q, count - done)  # those in one line
        at = done
        for i in range(taps[0]):
            a = o * strides[0] - before[0] + i * dilation[0]
            for j in range(taps[1]):
                b = p * strides[1] - before[1] + j * dilation[1]
                for k in range(taps[2]):
                    for m in range(run):
                        c = q * step - before[2] + k * dilation[2] + m
                        last = c + (some - 1) * step
                        numbers = P[at : at + some]
                        at += count
                        if a < 0 or a >= x.shape[1] or b < 0 or b >= x.shape[2]:
                            numbers[:] = 0
                        elif c >= 0 and last < x.shape[3] and step == 1:
                            seen = x[n, a, b, c : last + 1]
                            for r in range(some):
                                numbers[r] = seen[r]
                        else:
                            for r in range(some):
                                d = c + r * step
                                numbers[r] = x[n, a, b, d] if 0 <= d < x.shape[3] else 0
        done += some
        o, p, q, n = following(output, o, p, q + some, n)


def add_back(P, windows, first, count, dx):  # type: ignore[no-untyped-def]
    """Add the rows of P from `first` on to the places that `gather` takes them from."""
    output, taps, strides = windows[0:3], windows[3:6], windows[6:9]
    dilation, before, run = windows[9:12], windows[12:15], windows[15]
    o, p, q, n = begin(output, first)
    at = 0
    for _ in range(count):
        for i in range(taps[0]):
            a = o * strides[0] - before[0] + i * dilation[0]
            for j in range(taps[1]):
                b = p * strides[1] - before[1] + j * dilation[1]
                for k in range(taps[2]):
                    c = q * strides[2] - before[2] + k * dilation[2]
                    start, stop = max(c, 0), min(c + run, dx.shape[3])
                    inside = 0 <= a < dx.shape[1] and 0 <= b < dx.shape[2]
                    if inside and start < stop:
                        numbers, seen = P[at + start - c : at + stop - c], dx[n, a, b, start:stop]
                        for m in range(stop - start):
                            seen[m] += numbers[m]
                    at += run
        o, p, q, n = following(output, o, p, q + 1, n)


def begin(output, first):  # type: ignore[no-untyped-def]
    """Return the places on the three axes of the window `first`, and its sample."""
    rest, q = divmod(first, output[2])
    rest, p = divmod(rest, output[1])
    n, o = divmod(rest, output[0])
    return o, p, q, n


def following(output, o, p, q, n):  # type: ignore[no-untyped-def]
    """Return where a window lies, with q counted on beyond the end of its axis."""
    if q == output[2]:
        q, p = 0, p + 1
        if p == output[1]:
            p, o = 0, o + 1
            if o == output[0]:
                o, n = 0, n + 1
    return o, p, q, n
