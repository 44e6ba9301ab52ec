"""How many numbers may be made while a model is being made from a file's configuration.

A configuration can ask for a layer of any size in a few bytes. What the weights in the file are
worth is known before, so a layer that asks for more is refused before memory is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_left: ContextVar[list[int] | None] = ContextVar("numbers_left", default=None)

TRIAL_NUMBERS = 2**26
"""The most numbers in an input of a trial run, while there is a limit."""


class TooLargeError(ValueError):
    """A layer of a file asks for more memory than the file bears out."""


@contextmanager
def weights_limited_to(numbers: int | None) -> Iterator[None]:
    """Within the block all new weights may have this many numbers together; None for any."""
    token = _left.set(None if numbers is None else [numbers])
    try:
        yield
    finally:
        _left.reset(token)


def spend(shape: Any, owner: str) -> None:
    """Take a new weight from what is left.

    Raises:
        TooLargeError: if less is left.
    """
    left = _left.get()
    if left is None:
        return
    left[0] -= math.prod(shape)
    if left[0] < 0:
        raise TooLargeError(
            f"Layer {owner!r} asks for a weight of shape {tuple(shape)}, more numbers than the "
            "file has for all weights."
        )


def check_trial(sizes: list[tuple[int, ...]], owner: str) -> None:
    """Refuse a trial run on inputs that are far too large, while there is a limit.

    Raises:
        TooLargeError: if they are.
    """
    if _left.get() is not None and sum(math.prod(size) for size in sizes) > TRIAL_NUMBERS:
        raise TooLargeError(
            f"Layer {owner!r} would have to be tried out on inputs of shapes {sizes}, far too many "
            "numbers. If the file is right, say the output's shape in compute_output_shape."
        )
