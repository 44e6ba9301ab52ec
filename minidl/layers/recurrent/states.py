"""The states of a cell: how many there are, of what sizes, and how to write them in one list.

A cell's `state_size` is an integer or a list of integers; for a stack of cells it is a list with
the `state_size` of each. In a call the states stand in one flat list, in that order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Shape
from minidl.layers.parameter import Parameter


def flat(value: Any) -> list[Any]:
    """Return a nest of lists and tuples as one list.

    >>> flat([[1, 2], 3]), flat(4)
    ([1, 2, 3], [4])
    """
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def nested(leaves: list[Any], like: Any) -> list[Any]:
    """Return one item for each entry of `like`: a leaf for an integer, a list for a list.

    >>> nested(["a", "b", "c"], [[4, 4], 2])
    [['a', 'b'], 'c']
    """
    waiting = iter(leaves)

    def shaped(size: Any) -> Any:
        return [shaped(item) for item in size] if isinstance(size, list) else next(waiting)

    return [shaped(size) for size in (like if isinstance(like, list) else [like])]


def sizes_of(cell: Any) -> list[int]:
    """Return the sizes of a cell's states as one list.

    Raises:
        ValueError: if `state_size` has anything but positive integers in it.
    """
    sizes = flat(cell.state_size)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(
                f"The cell {cell.name!r} ({type(cell).__name__}) has "
                f"state_size={cell.state_size!r}, expected a positive integer, or a list of them, "
                "one for each state."
            )
    return [int(size) for size in sizes]


def output_size_of(cell: Any) -> int:
    """Return the size of a cell's output: its `output_size`, or that of its first state."""
    size = getattr(cell, "output_size", None)
    return sizes_of(cell)[0] if size is None else int(size)


def zero_states(cell: Any, batch: int, dtype: str) -> list[Array]:
    """Return states of zeros."""
    return [np.zeros((batch, size), dtype) for size in sizes_of(cell)]


def check_step_shapes(cell: Any, shapes: list[Shape]) -> None:
    """Compare the inputs of one step of a cell with what it was built for.

    Raises:
        ValueError: if the number of states, or a shape, is another.
    """
    sizes = sizes_of(cell)
    expected = [(shapes[0][0], size) for size in sizes]
    if list(shapes[1:]) != expected:
        raise ValueError(
            f"Layer {cell.name!r} ({type(cell).__name__}) received states of shapes "
            f"{[tuple(s) for s in shapes[1:]]} with a step of shape {tuple(shapes[0])}, expected "
            f"{expected}. cell.get_initial_state(batch_size) makes them."
        )


def put_in_front(name: str, parameters: list[Parameter]) -> None:
    """Put the name of the layer that they are within in front of the parameters' paths."""
    for parameter in parameters:
        parameter.path = f"{name}/{parameter.path}"
