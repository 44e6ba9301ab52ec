"""Arguments and results: one array, or lists, tuples and dicts of them, as flat lists and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def leaves(value: Any) -> list[Any]:
    """Return what a structure of lists, tuples and dicts holds, in order.

    >>> leaves([1, (2, {"a": 3})])
    [1, 2, 3]
    """
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return [value]


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return the structure with each leaf replaced by function(leaf).

    >>> map_leaves(lambda x: x + 1, {"a": [1, 2]})
    {'a': [2, 3]}
    """
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_leaves(function, item) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(map_leaves(function, item) for item in value)
    if isinstance(value, dict):
        return {key: map_leaves(function, item) for key, item in value.items()}
    return function(value)


def rebuilt(like: Any, items: list[Any]) -> Any:
    """Return `items` in the structure of `like`."""
    rest = iter(items)
    return map_leaves(lambda _: next(rest), like)
