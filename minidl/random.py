"""One tree of random generators: a root seed, and a child for whoever needs to draw.

`utils.set_random_seed(seed)` plants the root. Every initializer without a seed of its own, every
dropout layer and every shuffle then takes the next child, so the same seed and the same program
give the same bytes. NumPy's global generator is never read and never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_root: np.random.SeedSequence | None = None
_planted: ContextVar[np.random.SeedSequence | None] = ContextVar("_planted", default=None)


def set_root_seed(seed: int | None) -> None:
    """Plant the tree anew from `seed`; `None` takes fresh entropy from the operating system."""
    global _root
    if seed is not None:
        check_seed(seed)
    _root = np.random.SeedSequence(seed)


def check_seed(seed: object) -> int:
    """Return `seed` as an int.

    Raises:
        ValueError: if `seed` is not a non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(
            f"Received seed={seed!r}, expected a non-negative integer such as 42, or None."
        )
    return int(seed)


def spawn() -> np.random.SeedSequence:
    """Return the next child of the root; no two calls return the same."""
    global _root
    planted = _planted.get()
    if planted is not None:
        return planted.spawn(1)[0]
    if _root is None:
        _root = np.random.SeedSequence()
    return _root.spawn(1)[0]


@contextmanager
def planted(seed: int) -> Iterator[None]:
    """Let a tree of its own, from `seed`, stand in for the root within the block.

    It holds in the thread that entered the block and in no other, so fits that run side by side
    in threads draw what they would draw alone.

    Raises:
        ValueError: if `seed` is not a non-negative integer.

    Example:
        >>> def first():
        ...     with planted(3):
        ...         return SeedGenerator().generator.random()
        >>> first() == first()
        True
    """
    token = _planted.set(np.random.SeedSequence(check_seed(seed)))
    try:
        yield
    finally:
        _planted.reset(token)


@contextmanager
def untouched() -> Iterator[None]:
    """Within the block children of the root are for trial: afterwards it is as it was before."""
    global _root
    before = _root
    if before is not None:
        _root = np.random.SeedSequence(
            before.entropy,
            spawn_key=before.spawn_key,
            n_children_spawned=before.n_children_spawned,
        )
    try:
        yield
    finally:
        _root = before


def get_root_state() -> dict[str, Any] | None:
    """Return where the tree stands, as JSON can hold it; None where nothing was drawn yet."""
    tree = _planted.get() or _root
    if tree is None:
        return None
    entropy: Any = tree.entropy  # an int, or several
    return {
        "entropy": entropy if isinstance(entropy, int) else [int(part) for part in entropy],
        "spawn_key": [int(part) for part in tree.spawn_key],
        "children": tree.n_children_spawned,
    }


def set_root_state(state: dict[str, Any] | None) -> None:
    """Go on with the tree from a state that `get_root_state` returned."""
    global _root
    tree = None
    if state is not None:
        tree = np.random.SeedSequence(
            state["entropy"], spawn_key=state["spawn_key"], n_children_spawned=state["children"]
        )
    if _planted.get() is None:
        _root = tree
    else:
        _planted.set(tree)


class SeedGenerator:
    """A stream of random numbers with a state that can be saved and put back.

    Arguments:
        seed: a non-negative integer, or None for the next child of the root seed.

    Raises:
        ValueError: if `seed` is neither.

    Example:
        >>> a, b = SeedGenerator(7), SeedGenerator(7)
        >>> bool((a.generator.random(3) == b.generator.random(3)).all())
        True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else check_seed(seed)
        source = spawn() if seed is None else np.random.SeedSequence(self.seed)
        self.generator = np.random.Generator(np.random.PCG64DXSM(source))

    def get_state(self) -> dict[str, Any]:
        """Return the state of the stream, as JSON can hold it."""
        return dict(self.generator.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the stream from a state that `get_state` returned."""
        self.generator.bit_generator.state = state

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"seed": self.seed}
