"""Flat buffers: values and gradients of many parameters lie end to end in one array each.

    values  | kernel ........ | bias .. | kernel ...... | bias . |
    grads   | kernel ........ | bias .. | kernel ...... | bias . |

An optimizer then walks a few long stretches instead of many small arrays. A parameter moves once,
into the buffers of the first optimizer that is built with it, and stays there: another optimizer
that is given the same parameter (a model compiled again, two models that share layers) works on
it where it lies. So no optimizer can pull the arrays away from under another.

Every parameter starts on a cache line. The gaps hold zeros, in values and gradients alike, which
changes no norm and which no update rule moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.layers.parameter import Parameter

CACHE_LINE = 64  # bytes


class FlatBuffers:
    """The values and the gradients of parameters of one dtype, end to end.

    Making one moves the parameters in: their `value` and `grad` become views of `values` and
    `grads`, and their `home` the `Place` within.

    Arguments:
        parameters: one or more parameters of the same dtype.

    Example:
        >>> kernel, bias = Parameter(np.ones((2, 3))), Parameter(np.zeros(3))
        >>> buffers = FlatBuffers([kernel, bias])
        >>> kernel.home.start, bias.home.start
        (0, 8)
        >>> buffers.values[:6] = 5.0
        >>> float(kernel.value[1, 2])
        5.0
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        dtype = parameters[0].dtype
        # Matrices first: what is left when their steps are taken elsewhere lies in one stretch.
        parameters = sorted(parameters, key=lambda p: p.ndim < 2)
        starts, size = lay_out([p.size for p in parameters], dtype)
        self.values = aligned_full(size, 0.0, dtype)
        self.grads = aligned_full(size, 0.0, dtype)
        for p, start in zip(parameters, starts, strict=True):
            here = slice(start, start + p.size)
            value, grad = self.values[here], self.grads[here]
            p.move(value.reshape(p.shape), grad.reshape(p.shape), Place(self, start))


class Place(NamedTuple):
    """Where a parameter lies: in which buffers, and at which element it starts."""

    buffers: FlatBuffers
    start: int


def house(parameters: Sequence[Parameter]) -> None:
    """Move every parameter that has no home yet into flat buffers, one pair a dtype."""
    homeless: dict[np.dtype[Any], list[Parameter]] = {}
    for p in parameters:
        if p.home is None:
            homeless.setdefault(p.dtype, []).append(p)
    for group in homeless.values():
        FlatBuffers(group)


def lay_out(sizes: Sequence[int], dtype: np.dtype[Any]) -> tuple[list[int], int]:
    """Return the elements at which arrays of `sizes` start, end to end, and the total size."""
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end = next_start(end + size, dtype)
    return starts, end


def next_start(end: int, dtype: np.dtype[Any]) -> int:
    """Return the first element at or after `end` that begins a cache line."""
    line = max(CACHE_LINE // dtype.itemsize, 1)
    return -(-end // line) * line


def aligned_full(size: int, fill: float, dtype: np.dtype[Any]) -> Array:
    """Return a one-dimensional array full of `fill` that begins on a cache line."""
    line = max(CACHE_LINE // dtype.itemsize, 1)
    array = np.full(size + line, fill, dtype) if fill else np.zeros(size + line, dtype)
    shift = -array.__array_interface__["data"][0] % CACHE_LINE // dtype.itemsize
    return array[shift : shift + size]
