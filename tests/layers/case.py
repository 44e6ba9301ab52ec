"""One line of the table of layers that the property tests go through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    make: Callable[..., Any]
    shape: Any  # with the batch axis; a list for several inputs
