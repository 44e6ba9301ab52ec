"""Names for layers and models: `dense`, `dense_1`, `dense_2`, counted for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minidl.registry import snake_case

_counts: dict[str, int] = {}


def unique_name(prefix: str) -> str:
    """Return `prefix`, and from the second time on `prefix_1`, `prefix_2`, ..."""
    count = _counts.get(prefix, 0)
    _counts[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def check_or_make(name: str | None, cls: type) -> str:
    """Return `name` if it is a usable one, or a fresh one made from the class's name.

    Raises:
        ValueError: if `name` is not a string, is empty, or contains a slash.
    """
    if name is None:
        return unique_name(snake_case(cls.__name__))
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            f"Received name={name!r} for a {cls.__name__}, expected a non-empty string without "
            "'/', such as 'encoder_1': a slash separates a layer's name from its parameters'."
        )
    return name


@contextmanager
def untouched() -> Iterator[None]:
    """Within the block names are for trial: afterwards they are counted on as before."""
    before = dict(_counts)
    try:
        yield
    finally:
        _counts.clear()
        _counts.update(before)


def reset() -> None:
    """Start counting anew, as `utils.clear_session` does."""
    _counts.clear()
