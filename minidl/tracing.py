"""What the package at large knows of tracing: what a traced array is, and whether a tape listens.

`minidl.autodiff` records what a function does to its arrays. Layers, activations and losses that
are called meanwhile must notice, without loading autodiff where nobody needs it: so they ask here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

listening = 0
"""How many tapes are recording, in all threads: while it is 0, nobody need ask further."""

_lock = threading.Lock()


class _Thread(threading.local):
    tape: Any = None  # the innermost tape of this thread


_thread = _Thread()


class Traced:
    """The base of arrays that a tape follows; what it can do is in `minidl.autodiff.traced`.

    Attributes:
        inner: the array that is followed; with nested tapes it may be a traced one itself.
    """

    __slots__ = ("inner",)

    inner: Any


def current() -> Any:
    """Return the tape that is recording in this thread, or None."""
    return _thread.tape


def read(parameter: Any) -> Any:
    """Return a parameter's value, followed by this thread's tape if there is one."""
    tape = _thread.tape
    return parameter._value if tape is None else tape.read(parameter)


def plain(item: Any) -> Any:
    """Return the array behind a traced one, and anything else as it is."""
    while isinstance(item, Traced):
        item = item.inner
    return item


def begin(tape: Any) -> Any:
    """Let `tape` listen in this thread until `end`; return the tape that listened before."""
    global listening
    with _lock:
        listening += 1
    outer, _thread.tape = _thread.tape, tape
    return outer


def end(outer: Any) -> None:
    """Let the tape that `begin` returned listen again."""
    global listening
    _thread.tape = outer
    with _lock:
        listening -= 1


class Collector:
    """Listens where nothing is followed: takes what layers add to the loss, in evaluation.

    Attributes:
        losses: what was added, each with the layer that added it.
        training: what layers that are called meanwhile take for `training`, if they are not told.
        depth: how many calls of layers are under way; at least the one that this is for.
    """

    recording = False

    def __init__(self, training: bool = False) -> None:
        outer = _thread.tape
        self.level: int = -1 if outer is None else outer.level
        self.training = training
        self.losses: list[tuple[Any, Any]] = []
        self.depth = 1

    def read(self, parameter: Any) -> Any:
        """Return a parameter's value, which is not followed."""
        return parameter._value


@contextmanager
def recording(tape: Any) -> Iterator[None]:
    """Let `tape` listen within the block; None lets nobody listen."""
    outer = begin(tape)
    try:
        yield
    finally:
        end(outer)
