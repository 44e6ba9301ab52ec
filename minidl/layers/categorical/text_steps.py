"""The way from a text to its tokens: made alike, split, joined into n-grams.

Letters are lowered and spaces found among ASCII alone, as in Keras, whose text is bytes.
"""

from __future__ import annotations

import re
import string
from typing import Any

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile("[^ \t\n\r\x0b\x0c]+")


def standardized(text: str, how: str | None) -> str:
    """Return a text in lower case, without punctuation, both or neither."""
    if how in ("lower", "lower_and_strip_punctuation"):
        text = text.translate(_LOWER)
    if how in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = text.translate(_NO_PUNCTUATION)
    return text


def split(text: str, how: str | None) -> list[str]:
    """Return the words of a text, its characters, or the text as its one token."""
    if how == "whitespace":
        return _WORD.findall(text)
    return list(text) if how == "character" else [text]


def ngrams(tokens: list[str], widths: tuple[int, ...] | None) -> list[str]:
    """Return all runs of so many tokens, joined by spaces, one width after the other."""
    if widths is None:
        return tokens
    return [
        " ".join(tokens[i : i + width]) for width in widths for i in range(len(tokens) - width + 1)
    ]


def check_choice(argument: str, value: Any, allowed: tuple[str, ...], owner: str) -> Any:
    """Return one of the names, None or a function.

    Raises:
        ValueError: if it is neither.
    """
    from minidl.registry import nearest

    if value is None or callable(value) or value in allowed:
        return value
    raise ValueError(
        f"{owner}: received {argument}={value!r}, expected None, a function or a name. "
        f"{nearest(str(value), list(allowed))}"
    )
