"""Indices as vectors: a one at each index, or a count, for each number or each row of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Shape
from minidl.layers.symbolic import is_symbolic
from minidl.registry import nearest

DEPRECATED = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def one_array(layer: Any, inputs: Any) -> Any:
    """Return a list as the array that it stands for: these layers take one input, as a list too."""
    return (
        layer._to_array(inputs) if isinstance(inputs, list) and not is_symbolic(inputs) else inputs
    )


def check_output_mode(mode: Any, allowed: tuple[str, ...], owner: str) -> str:
    """Return the mode by its present name.

    Raises:
        ValueError: if it is none of those allowed; the message names the nearest.
    """
    mode = DEPRECATED.get(mode, mode) if isinstance(mode, str) else mode
    if mode not in allowed:
        raise ValueError(
            f"{owner}: received output_mode={mode!r}. {nearest(str(mode), list(allowed))}"
        )
    return mode


def refuse_sparse(sparse: Any, owner: str) -> bool:
    """Return False.

    Raises:
        ValueError: if sparse tensors are asked for.
    """
    if sparse:
        raise ValueError(
            f"{owner}: received sparse={sparse!r}, which minidl does not support. Leave it out: "
            "outputs are dense arrays."
        )
    return False


def encode(
    indices: Array, mode: str, depth: int, dtype: str, weights: Array | None = None
) -> Array:
    """Return indices as vectors of length `depth`; an index below 0 is left out.

    Arguments:
        indices: integers (..., n).
        mode: `"one_hot"` makes (..., n, depth), or (..., depth) where n is 1; `"multi_hot"` and
            `"count"` make one vector of each row, (..., depth).
        depth: the length of a vector; more than any index.
        dtype: of the vectors.
        weights: what each index counts, of the indices' shape; for `"count"`.
    """
    if indices.ndim == 0:
        indices = indices.reshape(1)
        weights = None if weights is None else weights.reshape(1)
        if mode == "one_hot":
            return encode(indices, mode, depth, dtype)[0]
    shape = encoded_shape(indices.shape, mode, depth)
    vectors = np.zeros(shape, dtype)
    rows = vectors.reshape(-1, depth) if vectors.size else vectors.reshape(0, depth)
    per_row = 1 if mode == "one_hot" else indices.shape[-1]
    row = np.repeat(np.arange(len(rows)), per_row)
    column = indices.reshape(-1)
    there = column >= 0
    if mode == "count":
        amounts: Any = 1 if weights is None else weights.reshape(-1)[there]
        np.add.at(rows, (row[there], column[there]), amounts)
    else:
        rows[row[there], column[there]] = 1
    return vectors


def encoded_shape(shape: Any, mode: str, depth: int | None) -> Any:
    """Return the shape that indices of `shape` are encoded in."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if not shape or (mode == "one_hot" and (len(shape) == 1 or shape[-1] != 1)):
        return (*shape, depth)
    return (*shape[:-1], depth)


def known_depth(shape: Shape, owner: str) -> None:
    """Refuse an encoding whose length is not known yet.

    Raises:
        ValueError: if the last axis is None.
    """
    if shape[-1] is None:
        raise ValueError(
            f"{owner} does not know how long its vectors are: it has no vocabulary yet. Call "
            "layer.adapt(data) or give it one before a model is described."
        )
