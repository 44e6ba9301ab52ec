"""One configuration of a layer that is compared with Keras."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    name: str
    arguments: dict[str, Any]
    shape: Any  # with the batch axis; a list for several inputs
    ints: bool = False  # small integers, so that ties and kinks occur
