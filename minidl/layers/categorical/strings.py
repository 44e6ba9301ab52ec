"""Strings as they come, in lists, in arrays of any string dtype or as bytes, made alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array


def as_strings(value: Any, encoding: str, owner: str) -> Array:
    """Return an object array of `str`.

    Arguments:
        value: a string, a list of them (of lists), or an array.
        encoding: of bytes.
        owner: the layer, for messages.

    Raises:
        TypeError: if something else than strings is among them.
        ValueError: if rows differ in length, or bytes are not text in that encoding.
    """
    try:
        array = np.asarray(value, None if hasattr(value, "dtype") else object)
    except ValueError as error:
        raise ValueError(
            f"{owner} received rows of different lengths. Pad them, for instance with ''."
        ) from error
    result = np.empty(array.shape, object)
    flat = result.reshape(-1)
    for i, item in enumerate(array.reshape(-1)):
        flat[i] = _text(item, encoding, owner)
    return result


def _text(item: Any, encoding: str, owner: str) -> str:
    if isinstance(item, str):
        return str(item)
    if isinstance(item, bytes):
        try:
            return bytes(item).decode(encoding)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{owner} received bytes that are no text in {encoding!r}: {error}. Give the layer "
                "the right encoding."
            ) from None
    if isinstance(item, list | tuple):
        raise ValueError(f"{owner} received rows of different lengths. Pad them, say with ''.")
    raise TypeError(
        f"{owner} received {item!r} ({type(item).__name__}) among its inputs, expected strings. "
        "For integers there is IntegerLookup."
    )
