"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl._typing import Array, DType
from minidl.validation import positive_integer

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DType = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Return sequences as an array (samples, maxlen, ...): short ones filled up, long ones cut.

    Arguments:
        sequences: a list of lists or arrays; their items are numbers, or arrays of one shape.
        maxlen: the length of all; that of the longest by default.
        dtype: of the result. Sequences of floats need `"float32"`; strings need `object`.
        padding: whether `value` is put before (`"pre"`) or behind (`"post"`) a short sequence.
        truncating: whether a long sequence loses its start (`"pre"`) or its end (`"post"`).
        value: what to fill up with.

    Raises:
        ValueError: if an argument is outside its range, an item of `sequences` is not a sequence,
            their items differ in shape, or a number cannot be held by `dtype` (Keras cuts 0.7
            down to 0 here).

    Example:
        >>> pad_sequences([[1], [2, 3, 4, 5]], maxlen=3)
        array([[0, 0, 1],
               [3, 4, 5]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise ValueError(f"pad_sequences: received {name}={side!r}, expected 'pre' or 'post'.")
    lengths = _lengths(sequences)
    if maxlen is None:
        maxlen = max(lengths, default=0)
    else:
        maxlen = positive_integer("maxlen", maxlen, "pad_sequences")
    target = np.dtype(dtype)
    first: Any = next((s for s, n in zip(sequences, lengths, strict=True) if n), [])
    item_shape = np.asarray(first).shape[1:]
    fill = _cast(value, target, "value")
    padded = np.full((len(lengths), maxlen, *item_shape), fill, dtype=target)
    for i, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        if not length:
            continue
        kept = _cast(
            sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen],
            target,
            f"sequence {i}",
        )
        if kept.shape[1:] != item_shape:
            raise ValueError(
                f"pad_sequences: received items of shape {kept.shape[1:]} in sequence {i}, "
                f"expected {item_shape} as in the first sequence that is not empty."
            )
        if padding == "pre":
            padded[i, maxlen - len(kept) :] = kept
        else:
            padded[i, : len(kept)] = kept
    return padded


def _lengths(sequences: Any) -> list[int]:
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"pad_sequences: received {type(sequences).__name__}, expected a list of sequences. "
            "Make one of an iterator with list(...)."
        )
    lengths = []
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(
                f"pad_sequences: received {sequence!r} at position {i}, expected a list or array. "
                "A single sequence goes into a list: pad_sequences([sequence])."
            )
        lengths.append(len(sequence))
    return lengths


def _cast(values: Any, dtype: np.dtype[Any], role: str) -> Array:
    """Return values in `dtype`; a ValueError where an integer type would change a number."""
    if dtype.kind not in "iu":
        if dtype.kind in "bfc" and isinstance(values, str):
            raise ValueError(_cannot_hold(role, dtype, "text", "dtype=object"))
        return np.asarray(values, dtype=dtype)
    given = np.asarray(values)
    if given.dtype == dtype:
        return given
    if given.dtype.kind not in "biuf":
        raise ValueError(_cannot_hold(role, dtype, f"dtype {given.dtype}", "dtype=object"))
    limits = np.iinfo(dtype)
    if given.dtype.kind == "f":
        inside = (given >= float(limits.min)) & (given < float(limits.max) + 1)
        bad = ~inside | (np.floor(given) != given)
    else:
        bad = (given < limits.min) | (given > limits.max)
    if bad.any():
        what = f"the number {given[bad].flat[0]}"
        advice = "dtype='float32'" if given.dtype.kind == "f" else "dtype='int64'"
        raise ValueError(_cannot_hold(role, dtype, what, advice))
    return given.astype(dtype)


def _cannot_hold(role: str, dtype: np.dtype[Any], what: str, advice: str) -> str:
    return (
        f"pad_sequences: {role} has {what}, which dtype={dtype.name!r} cannot hold. Pass {advice}."
    )
