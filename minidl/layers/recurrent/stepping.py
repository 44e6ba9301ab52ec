"""Any cell over a sequence: the built-in ones as a whole, a user's own cell step by step.

A user's own cell is a `Layer` with a `state_size` and the pair of every layer, for one step:

    [y, *states], residuals = forward([x, *states], training)
    [dx, *dstates] = backward(residuals, [dy, *dstates])

It assigns its parameters' gradients as if the step were the only one; they are added up here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer, accepts, call_forward
from minidl.layers.recurrent.masking import hold, take_held
from minidl.layers.recurrent.sequence_cell import SequenceCell
from minidl.layers.recurrent.states import flat, nested, output_size_of, sizes_of


def check_cell(cell: Any, owner: str) -> None:
    """See that `cell` can stand in a recurrent layer.

    Raises:
        TypeError: if it is no layer.
        ValueError: if it has no valid `state_size`, or neither `forward` nor `call`.
    """
    if not isinstance(cell, Layer):
        raise TypeError(
            f"{owner} received {cell!r} ({type(cell).__name__}) as a cell, expected a Layer with a "
            "state_size, such as LSTMCell(32), or a list of them."
        )
    if not hasattr(type(cell), "state_size") and "state_size" not in vars(cell):
        raise ValueError(
            f"{owner} received the cell {cell.name!r} ({type(cell).__name__}) without a "
            "state_size. Set self.state_size in its __init__: an integer, or a list with one "
            "integer for each state."
        )
    sizes_of(cell)
    if type(cell).forward is Layer.forward and type(cell).call is Layer.call:
        raise ValueError(
            f"{owner} received the cell {cell.name!r} ({type(cell).__name__}) with neither forward "
            "nor call. Write forward(self, inputs, training=False) -> ([y, *states], residuals), "
            "where inputs is [x, *states], and backward(self, residuals, dys) -> [dx, *dstates]."
        )


def forward_cell(
    cell: Any, x: Array, states: list[Array], training: bool, mask: Array | None
) -> tuple[Array, list[Array], Residuals]:
    """Return the outputs (time, batch, ...), the states after the last step, and the residuals."""
    if isinstance(cell, SequenceCell):
        return cell.forward_sequence(x, states, training, mask)
    outputs: list[Array] = []
    kept = []
    for t, x_t in enumerate(x):
        (y, *after), residuals = _forward_step(cell, [x_t, *states], training)
        y = np.array(y, copy=None if mask is None else True)
        if mask is not None:
            hold(y, outputs[-1] if outputs else _before_the_first(y, states), mask, t)
            after = [s.copy() for s in after]
            for new, old in zip(after, states, strict=True):
                hold(new, old, mask, t)
        outputs.append(y)
        kept.append(residuals)
        states = after
    return np.stack(outputs), states, (x, states, mask, kept)


def backward_cell(
    cell: Any, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
) -> tuple[Array | None, list[Array]]:
    """Assign the parameters' gradients; return dx and those of the states before the first step."""
    if isinstance(cell, SequenceCell):
        return cell.backward_sequence(residuals, dy, dstates, need_dx)
    x, states, mask, kept = residuals
    ds = [np.zeros_like(s) if d is None else d.copy() for d, s in zip(dstates, states, strict=True)]
    dx = np.empty_like(x)
    trained = cell.trainable_weights
    totals = [np.zeros_like(p.value) for p in trained]
    dy_held: Array | None = None
    for t in reversed(range(len(x))):
        dy_t = _added(dy[t], dy_held, (x.shape[1], output_size_of(cell)), x.dtype)
        dy_held = take_held(dy_t, mask, t)
        ds_held = [take_held(d, mask, t) for d in ds]
        dx[t], *ds = cell.backward(kept[t], [dy_t, *ds])
        ds = [d if h is None else d + h for d, h in zip(ds, ds_held, strict=True)]
        for total, parameter in zip(totals, trained, strict=True):
            total += parameter.grad
    for total, parameter in zip(totals, trained, strict=True):
        parameter.grad = total
    if dy_held is not None and dy_held.shape == ds[0].shape:
        ds[0] = ds[0] + dy_held  # where no step counts, the output is the first state
    return (dx if need_dx else None), ds


def _added(
    dy: Array | None, held: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """Return the gradient of one step's output, in an array of its own."""
    total = np.zeros(shape, dtype) if dy is None else np.array(dy, dtype)
    if held is not None:
        total += held
    return total


def _before_the_first(y: Array, states: list[Array]) -> Array:
    """Return what stands for the output while no step has counted yet."""
    return states[0] if states[0].shape == y.shape else np.zeros_like(y)


def _forward_step(cell: Any, inputs: list[Array], training: bool) -> tuple[list[Array], Residuals]:
    """Run one step of a cell that writes `forward`, or `call(inputs, states)` alone."""
    if type(cell).forward is not Layer.forward:
        outputs, residuals = call_forward(cell, inputs, training, {})
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    else:
        from minidl.autodiff import pairs

        options = {"training": training} if accepts(type(cell).call, "training") else {}

        def call(arguments: list[Any]) -> list[Any]:
            x, *states = arguments
            y, after = cell.call(x, nested(states, cell.state_size), **options)
            return [y, *flat(after)]

        outputs, residuals = pairs.on_tape(call, inputs, training)
    if cell.added_loss(residuals):
        raise NotImplementedError(
            f"The cell {cell.name!r} ({type(cell).__name__}) adds to the loss within a step, which "
            "a recurrent layer does not hand on. Add it in a layer behind it, from the sequence."
        )
    shapes = [np.shape(s) for s in outputs[1:]]
    if shapes != [s.shape for s in inputs[1:]]:
        raise ValueError(
            f"The cell {cell.name!r} ({type(cell).__name__}) returned an output and states of "
            f"shapes {shapes}, expected states of shapes {[s.shape for s in inputs[1:]]}, those "
            "it was given. Return [y, *states] from forward."
        )
    return outputs, residuals
