"""A finding: what is wrong, where, and what to do. The checks return these and nothing else."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong with a run.

    Attributes:
        kind: what it is in a word, such as `"dead_relu"`.
        where: the layer, parameter, output or part of the data.
        message: the sentence for people.

    Example:
        >>> print(Finding("inputs_not_scaled", "x", "Input x reaches up to 255: scale it."))
        Input x reaches up to 255: scale it.
    """

    kind: str
    where: str
    message: str

    def __str__(self) -> str:
        return self.message
