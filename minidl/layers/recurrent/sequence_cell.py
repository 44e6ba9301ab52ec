"""What a cell is that can also run a whole sequence, and a step as a sequence of one.

A cell is a layer that makes one step of a sequence. Its inputs are the step's input and the
states before it, its outputs the step's output and the states after it:

        x, s' ──► cell ──► y, s
"""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer
from minidl.layers.recurrent.states import (
    check_step_shapes,
    flat,
    nested,
    output_size_of,
    sizes_of,
    zero_states,
)


class SequenceCell(Layer):
    """The base of the cells that are built in.

    A subclass writes what happens to a whole sequence:

        y, states, residuals = forward_sequence(x, states, training, mask)
        dx, dstates = backward_sequence(residuals, dy, dstates, need_dx)

    x and y are time-major, (time, batch, ...), and so is the mask, (time, batch, 1). `dy` may be
    a list with None for steps whose output nobody uses. A single step is a sequence of one.
    """

    state_size: Any
    output_size: int

    def forward_sequence(
        self, x: Array, states: list[Array], training: bool, mask: Array | None
    ) -> tuple[Array, list[Array], Residuals]:
        """Return the outputs of all steps, the states after the last, and the residuals."""
        raise NotImplementedError

    def backward_sequence(
        self, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
    ) -> tuple[Array | None, list[Array]]:
        """Assign the parameters' gradients; return dx and those of the states before."""
        raise NotImplementedError

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Return states of zeros for a batch of that size."""
        return zero_states(self, batch_size, self.dtype)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make one step: `y, states = cell(x, states)`."""
        if args:
            states = args[1:2] or kwargs.pop("states", ())
            args = ([*flat(args[0]), *flat(states)], *args[2:])
        y, *after = super().__call__(*args, **kwargs)
        return y, nested(after, self.state_size)

    def forward(self, inputs: list[Array], training: bool = False) -> tuple[Any, Residuals]:
        """Return the output and the states after one step, as a list."""
        check_step_shapes(self, [a.shape for a in inputs])
        x, *states = [a.astype(self.dtype, copy=False) for a in inputs]
        y, states, residuals = self.forward_sequence(x[None], states, training, None)
        return [y[0], *states], residuals

    def backward(
        self, residuals: Residuals, dys: list[Array | None], need_dx: bool = True
    ) -> list[Array | None]:
        """Return the gradients of the step's input and of the states before it."""
        dy, *dstates = dys
        dx, before = self.backward_sequence(residuals, [dy], dstates, need_dx)
        return [None if dx is None else dx[0], *before]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the output and of the states after."""
        batch = input_shape[0][0]
        return [(batch, output_size_of(self)), *((batch, size) for size in sizes_of(self))]
