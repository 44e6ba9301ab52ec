"""The recurrent layer over any cell: sequences in and out, states, masks, directions.

           y₁        y₂        y₃
           ▲         ▲         ▲
    s₀ ─► cell ─s₁► cell ─s₂► cell ─► s₃
           ▲         ▲         ▲
           x₁        x₂        x₃

Within, time is the first axis, so that the numbers of a step lie side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.layer import Layer
from minidl.layers.parameter import Parameter
from minidl.layers.recurrent.masking import time_major_mask
from minidl.layers.recurrent.stacked import StackedRNNCells, cell_from, initial_state_of
from minidl.layers.recurrent.states import flat, nested, output_size_of, put_in_front, sizes_of
from minidl.layers.recurrent.stepping import backward_cell, check_cell, forward_cell


class RNN(Layer):
    """A cell run along a sequence.

    Forward, with sₜ the states after step t, and s₀ zeros unless given:

        yₜ, sₜ = cell(xₜ, sₜ₋₁)                 t = 1 … T

    The output is y_T, or all of y. Backward, from the last step to the first, with dyₜ the
    gradient of the output of step t (0 but for the last where y_T alone is the output):

        dxₜ, dsₜ₋₁ = the cell's backward(dyₜ, dsₜ)
        dθ = Σₜ dθₜ                             for each parameter θ of the cell

    At a step that the mask leaves out (False) the states stay as they are, and the output is the
    one before it again; its gradient goes there too.

    Called as `layer(x, initial_state=None, mask=None, training=False)`.

    A cell of your own is a `Layer` with a `state_size`, an integer or a list of them, and the pair
    of every layer for one step; its first output may have another size, told by `output_size`:

        [y, *states], residuals = forward([x, *states], training)
        [dx, *dstates] = backward(residuals, [dy, *dstates])

    Or it writes `call(inputs, states)` alone, which returns `y, states`; `minidl.autodiff` then
    finds its gradient.

    Shapes:
        x: (batch, time, features); mask: (batch, time); states: (batch, size);
        y: (batch, output size), or (batch, time, output size) with return_sequences;
        with return_state a list of y and the last states.

    Arguments:
        cell: a cell, or a list of cells to be stacked.
        return_sequences: whether to give the output of every step, not the last alone.
        return_state: whether to give the last states too.
        go_backwards: whether to take the steps from the last to the first; the outputs then stand
            in that order too.
        stateful: whether the last states of a batch are the first of the next, until
            `reset_state()`. The batch size must be fixed.
        unroll: is Keras's, and has no effect here.
        zero_output_for_mask: whether the output of a step left out is zero instead.

    Raises:
        TypeError: if a cell is no layer.
        ValueError: if the cell has no valid `state_size`, or the rank of the input, the number or
            shape of the states, the mask's shape or the batch size does not fit.

    Example:
        >>> class Sum(Layer):
        ...     state_size = 3
        ...
        ...     def forward(self, inputs, training=False):
        ...         x, total = inputs
        ...         return [x + total, x + total], None
        ...
        ...     def backward(self, residuals, dys):
        ...         dy, dtotal = dys
        ...         return [dy + dtotal, dy + dtotal]
        >>> RNN(Sum(), return_sequences=True)(np.ones((1, 2, 3)))
        array([[[1., 1., 1.],
                [2., 2., 2.]]], dtype=float32)

    Source: Werbos, "Backpropagation through time: what it does and how to do it", 1990.
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell, dtype=self.dtype)
        check_cell(cell, self._owner)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.state_size = sizes_of(cell)
        self.states: list[Parameter] | None = None  # what a stateful layer remembers

    @property
    def _owner(self) -> str:
        return f"Layer {self.name!r} ({type(self).__name__})"

    # Building and shapes

    def build(self, input_shape: Any) -> None:
        """Build the cell for steps of the sequence; make the states that are remembered."""
        shape = self._check_shapes(input_shape)
        self._step_shape = shape[2:]
        self.cell.ensure_built((shape[0], *shape[2:]))
        put_in_front(self.name, self.cell.weights)
        if self.stateful:
            self._remember(shape)

    def _remember(self, shape: Shape) -> None:
        batch = shape[0]
        if batch is None:
            raise ValueError(
                f"{self._owner} is stateful and received an input of shape {shape}, expected a "
                "fixed batch size: it keeps states for every sample. Write "
                "Input(batch_shape=(32, ...)) or Input(..., batch_size=32)."
            )
        self.states = [
            Parameter(state, name="rnn_state", trainable=False)
            for state in initial_state_of(self.cell, batch)
        ]
        for parameter in self.states:
            parameter.path = f"{self.name}/rnn_state"

    def _check_shapes(self, shapes: Any) -> Shape:
        """Return the shape of the sequences; compare it and the states' with what is expected."""
        shape, *states = shapes if isinstance(shapes, list) else [shapes]
        if len(shape) < 3:
            raise ValueError(
                f"{self._owner} received an input of shape {tuple(shape)}, expected (batch, time, "
                "features). If the layer before it is recurrent, give that one "
                "return_sequences=True; sequences of single numbers need a last axis of size 1."
            )
        step = getattr(self, "_step_shape", None) if self.built else None
        if step is not None and shape[2:] != step:
            raise ValueError(
                f"{self._owner} received an input of shape {tuple(shape)}, expected "
                f"{('batch', 'time', *step)}: its weights were made for these features."
            )
        if states:
            self._check_states(shape[0], states)
        return tuple(shape)

    def _check_states(self, batch: int | None, states: list[Shape]) -> None:
        expected = [(batch, size) for size in self.state_size]
        fits = len(states) == len(expected) and all(
            len(given) == 2 and given[1] == size and (given[0] == n or None in (given[0], n))
            for given, (n, size) in zip(states, expected, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{self._owner} received initial states of shapes {[tuple(s) for s in states]}, "
                f"expected {len(expected)} of shapes {expected}. Pass them as "
                "layer(x, initial_state=[...])."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, or a list with those of the last states after it."""
        batch, steps, *_ = self._check_shapes(input_shape)
        size = output_size_of(self.cell)
        y = (batch, steps, size) if self.return_sequences else (batch, size)
        return [y, *((batch, n) for n in self.state_size)] if self.return_state else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the input's mask where every step has an output; states have none."""
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        own = mask if self.return_sequences else None
        return [own, *(None for _ in self.state_size)] if self.return_state else own

    # Calling

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Put the initial states behind the sequences, in one list."""
        return super().pack_inputs(*with_states(args, kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the cell along the sequences; the last states, if any, are nested as the cell's."""
        outputs = super().__call__(*args, **kwargs)
        if not self.return_state:
            return outputs
        y, *states = outputs
        return [y, *nested(states, self.cell.state_size)]

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Residuals]:
        """Return the output, with return_state a list of it and the last states."""
        x, *states = x if isinstance(x, list) else [x]
        self._check_shapes([x.shape, *(s.shape for s in states)] if states else x.shape)
        if x.shape[1] == 0:
            raise ValueError(
                f"{self._owner} received sequences of shape {x.shape}, which have no time steps."
            )
        mask = time_major_mask(mask, x.shape, self._owner)
        given = len(states)
        first = self._first_states(states, x)
        steps = self._in_order(x.astype(self.cell.dtype, copy=False).swapaxes(0, 1))
        if mask is not None and self.go_backwards:
            mask = mask[::-1]

        y, last, residuals = forward_cell(self.cell, steps, first, training, mask)
        if self.states is not None:
            for parameter, state in zip(self.states, last, strict=True):
                parameter.assign(state)
        if mask is not None and self.zero_output_for_mask:
            y = y * mask
        y = y.swapaxes(0, 1) if self.return_sequences else y[-1]
        y = np.array(y, self.dtype, order="C")
        kept = (residuals, mask, len(steps), given)
        return ([y, *(s.astype(self.dtype) for s in last)] if self.return_state else y), kept

    def backward(self, residuals: Residuals, dy: Any, need_dx: bool = True) -> Any:
        """Assign the cell's gradients; return dx, with given states a list of it and theirs."""
        kept, mask, steps, given = residuals
        dy, *dlast = dy if self.return_state else [dy]
        if not self.return_state:
            dlast = [None] * len(self.state_size)
        each: list[Array | None] = [None] * steps
        if dy is not None:
            dy = dy.astype(self.cell.dtype, copy=False)
            each = list(dy.swapaxes(0, 1)) if self.return_sequences else [*each[1:], dy]
        if mask is not None and self.zero_output_for_mask:
            each = [d if d is None else d * counts for d, counts in zip(each, mask, strict=True)]

        dx, dfirst = backward_cell(self.cell, kept, each, dlast, need_dx)
        if dx is None:
            return None
        dx = self._in_order(dx).swapaxes(0, 1).astype(self.dtype, order="C")
        return [dx, *(d.astype(self.dtype, copy=False) for d in dfirst)] if given else dx

    def _in_order(self, steps: Array) -> Array:
        """Return the steps in the order in which they are taken, side by side in memory."""
        return np.ascontiguousarray(steps[::-1] if self.go_backwards else steps)

    def _first_states(self, given: list[Array], x: Array) -> list[Array]:
        if self.states is not None and len(x) != len(self.states[0].value):
            raise ValueError(
                f"{self._owner} is stateful for batches of {len(self.states[0].value)} and "
                f"received one of {len(x)}. Give it batches of that size alone: leave out the "
                "rest of the data, or build the layer anew."
            )
        if given:
            return [state.astype(self.cell.dtype, copy=False) for state in given]
        if self.states is not None:
            return [parameter.value.copy() for parameter in self.states]
        return initial_state_of(self.cell, len(x))

    # States

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Return the states that a batch of that size starts with."""
        return initial_state_of(self.cell, batch_size)

    def reset_state(self) -> None:
        """Set the states that a stateful layer remembers back to zero."""
        for parameter in self.states or ():
            parameter.value[...] = 0

    reset_states = reset_state

    @property
    def state_weights(self) -> list[Parameter]:
        """What a forward pass may change: the states that are remembered, and the cell's own."""
        return super().state_weights + (self.states or [])

    # Configuration

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the layer from what `get_config` returned.

        Arguments:
            custom_objects: classes of cells of your own, by name.
        """
        if "cell" in config:
            config = {**config, "cell": cell_from(config["cell"], custom_objects)}
        return super().from_config(config)


def with_states(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call's arguments with the initial states behind the sequences, in one list."""
    kwargs = dict(kwargs)
    states = kwargs.pop("initial_state", None)
    if len(args) > 1:
        states, args = args[1], (args[0], *args[2:])
    if states is None:
        return args, kwargs
    return ([*flat(args[0]), *flat(states)], *args[1:]), kwargs
