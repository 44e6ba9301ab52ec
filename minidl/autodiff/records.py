"""What a tape holds: a record for each call, with the way back through it.

A record has an edge for each traced array that went in: its number on the tape, the function that
turns the output's gradient into its own, and its array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

Vjp: TypeAlias = Callable[..., Any]
"""vjp(g, y, *args, **kwargs): the gradient of one argument, from the output's gradient g."""

Edge: TypeAlias = tuple[int, Vjp, Any]
"""A traced argument: its number on the tape, its vjp, its array."""


class Record:
    """A call of a function that the table has a rule for.

    Attributes:
        edges: the traced arguments.
        y: the output.
        args, kwargs: all arguments, none of them traced by this tape.
    """

    __slots__ = ("args", "edges", "kwargs", "y")

    def __init__(
        self, edges: list[Edge], y: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        self.edges = edges
        self.y = y
        self.args = args
        self.kwargs = kwargs


class Part:
    """One of several outputs of the call with the number `whole`."""

    __slots__ = ("count", "place", "whole")

    def __init__(self, whole: int, place: int, count: int) -> None:
        self.whole = whole
        self.place = place
        self.count = count


class PairRecord(Protocol):
    """A call whose way back is a pair's: all its gradients come at once.

    Attributes:
        parents: the numbers of what went in.
    """

    parents: list[int]

    def pull(self, g: Any, backward: Any) -> Iterator[tuple[int, Any]]:
        """Yield the number and the gradient of each parent that needs one.

        Arguments:
            g: the output's gradient; a list, with None for outputs that have none, for several.
            backward: the walk in progress; it knows who needs a gradient.
        """
