"""Several cells on top of each other as one cell: each takes the output of the one below.

x ──► cells[0] ──► cells[1] ──► y
       ↺ s₀         ↺ s₁
"""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals
from minidl.layers.recurrent.sequence_cell import SequenceCell
from minidl.layers.recurrent.states import flat, output_size_of, put_in_front, sizes_of, zero_states
from minidl.layers.recurrent.stepping import backward_cell, check_cell, forward_cell


class StackedRNNCells(SequenceCell):
    """A stack of cells that behaves as one cell.

    Forward, with sₖ' the states of cell k before the step, and backward:

        y₀ = x;    yₖ₊₁, sₖ = cellₖ(yₖ, sₖ')
        dyₖ, dsₖ' = cellₖ's backward(dyₖ₊₁, dsₖ);    dx = dy₀

    A cell needs from the cell above nothing, so a whole sequence runs through the lowest cell
    first, all its steps, and then through the next.

    Shapes:
        x: (batch, features); y: (batch, output size of the last cell); the states, one list with
        those of all cells, from the lowest up: (batch, size).

    Arguments:
        cells: a list of cells, built in or of your own; see `RNN`.

    Raises:
        TypeError: if a cell is no layer.
        ValueError: if there is no cell, or one has no valid `state_size`.

    Example:
        >>> import numpy as np
        >>> from minidl.layers import GRUCell, LSTMCell
        >>> cell = StackedRNNCells([GRUCell(4), LSTMCell(3)])
        >>> y, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> y.shape, cell.state_size
        ((2, 3), [4, [3, 3]])
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)
        if not self.cells:
            raise ValueError(f"Layer {self.name!r} received no cells, expected at least one.")
        for cell in self.cells:
            check_cell(cell, f"Layer {self.name!r} (StackedRNNCells)")

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:  # type: ignore[override]
        """The size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Return the first states of all cells in one list."""
        return flat([initial_state_of(cell, batch_size) for cell in self.cells])

    def build(self, input_shape: Any) -> None:
        """Build each cell for the output of the one below."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        for cell in self.cells:
            cell.ensure_built(shape)
            put_in_front(self.name, cell.weights)
            shape = (shape[0], output_size_of(cell))

    def forward_sequence(
        self, x: Array, states: list[Array], training: bool, mask: Array | None
    ) -> tuple[Array, list[Array], Residuals]:
        """Return the last cell's outputs, the states of all cells, and their residuals."""
        after, kept = [], []
        for cell in self.cells:
            count = len(sizes_of(cell))
            own, states = states[:count], states[count:]
            x, own, residuals = forward_cell(cell, x, own, training, mask)
            after += own
            kept.append(residuals)
        return x, after, kept

    def backward_sequence(
        self, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
    ) -> tuple[Array | None, list[Array]]:
        """Go down the stack; return dx and the gradients of all first states."""
        before: list[Array] = []
        for cell, kept in zip(reversed(self.cells), reversed(residuals), strict=True):
            count = len(sizes_of(cell))
            dstates, own = dstates[:-count], dstates[-count:]
            wanted = need_dx or cell is not self.cells[0]
            dy, own_before = backward_cell(cell, kept, dy, own, wanted)
            before = own_before + before
        return dy, before

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StackedRNNCells:
        """Make the stack from what `get_config` returned.

        Arguments:
            custom_objects: classes of cells of your own, by name.
        """
        return cls(**{**config, "cells": [cell_from(c, custom_objects) for c in config["cells"]]})


def initial_state_of(cell: Any, batch_size: int) -> list[Array]:
    """Return a cell's own initial states, or zeros, as one list."""
    own = getattr(type(cell), "get_initial_state", None)
    if own is None:
        return zero_states(cell, batch_size, cell.dtype)
    return flat(own(cell, batch_size=batch_size))


def cell_from(config: Any, custom_objects: Any = None) -> Any:
    """Return the cell for an entry of a configuration."""
    from minidl.models.functional_config import layer_from_config

    return layer_from_config(config, custom_objects) if isinstance(config, dict) else config


def fresh_copy(layer: Any, **changes: Any) -> Any:
    """Return a layer or cell of the same configuration, with weights of its own yet to be made."""
    config = {**layer.get_config(), **changes}
    if "cell" in config:
        config["cell"] = fresh_copy(layer.cell)
    if "cells" in config:
        config["cells"] = [fresh_copy(cell) for cell in layer.cells]
    return type(layer).from_config(config)
