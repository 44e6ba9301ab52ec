"""Recurrent layers, step by step: a cell is a function of a step and the states before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import layers

from .functions import Definition, activated
from .normalizations import batch
from .plain import dense, dropout


def draws(cell: Any, size: int, features: int) -> tuple[Any, Any]:
    """Return the dropout masks of steps and states for each gate, drawn once a call."""
    found = cell._dropped(np.empty((1, size, features)), True)
    return tuple([1.0] * cell.gates if m is None else [*m] * (cell.gates // len(m)) for m in found)  # type: ignore[return-value]


def gate(cell: Any, place: int, x: Any, h: Any, masks: Any) -> tuple[Any, Any]:
    """Return x W + b and h U of one gate; b' is on the side of the state."""
    columns = slice(place * cell.units, (place + 1) * cell.units)
    xw = (x * masks[0][place]) @ cell.kernel[:, columns]
    hu = (h * masks[1][place]) @ cell.recurrent_kernel[:, columns]
    if cell.bias is not None:
        b = cell.bias[columns] if cell.bias.ndim == 1 else cell.bias[0, columns]
        xw = xw + b
        hu = hu if cell.bias.ndim == 1 else hu + cell.bias[1, columns]
    return xw, hu


def simple_step(cell: Any, x: Any, states: Any, masks: Any) -> tuple[Any, list[Any]]:
    """h = φ(x W + h' U + b)"""
    h = activated(cell.activation, sum(gate(cell, 0, x, states[0], masks)))
    return h, [h]


def lstm_step(cell: Any, x: Any, states: Any, masks: Any) -> tuple[Any, list[Any]]:
    """c = f c' + i g,  h = o φ(c)"""
    z = [sum(gate(cell, n, x, states[0], masks)) for n in range(4)]
    i, f, o = (activated(cell.recurrent_activation, z[n]) for n in (0, 1, 3))
    c = f * states[1] + i * activated(cell.activation, z[2])
    h = o * activated(cell.activation, c)
    return h, [h, c]


def gru_step(cell: Any, x: Any, states: Any, masks: Any) -> tuple[Any, list[Any]]:
    """h = z h' + (1 − z) ĥ, with r on h' U + b' or on h'"""
    (old,) = states
    z, r = (activated(cell.recurrent_activation, sum(gate(cell, n, x, old, masks))) for n in (0, 1))
    if cell.reset_after:
        xw, hu = gate(cell, 2, x, old, masks)
        candidate = activated(cell.activation, xw + r * hu)
    else:
        candidate = activated(cell.activation, sum(gate(cell, 2, x, r * old, masks)))
    h = z * old + (1 - z) * candidate
    return h, [h]


def accumulator_step(cell: Any, x: Any, states: Any, masks: Any) -> tuple[Any, list[Any]]:
    """g = tanh(x W + s);  a = s + g;  b = b' g₀;  y = a g"""
    g = np.tanh(x @ cell.kernel + states[0])
    a = states[0] + g
    return a * g, [a, states[1] * g[:, :1]]


STEPS: dict[type, Callable[..., Any]] = {
    layers.SimpleRNNCell: simple_step,
    layers.LSTMCell: lstm_step,
    layers.GRUCell: gru_step,
}


def run(cell: Any, xs: list[Any], states: list[Any], mask: Any) -> tuple[list[Any], list[Any]]:
    """Return the outputs of all steps and the last states; steps that are left out change nothing.

    Arguments:
        xs: the steps, (batch, features) each.
        mask: (time, batch, 1), or None.
    """
    if isinstance(cell, layers.StackedRNNCells):
        after: list[Any] = []
        for one in cell.cells:
            count = len(one.state_size) if isinstance(one.state_size, list) else 1
            own, states = states[:count], states[count:]
            xs, own = run(one, xs, own, mask)
            after += own
        return xs, after
    built_in = type(cell) in STEPS
    step = STEPS.get(type(cell), accumulator_step)
    masks = draws(cell, *xs[0].shape) if built_in else None
    y: Any = states[0]  # what stands for the output before a step has counted
    outputs = []
    for t, x in enumerate(xs):
        new_y, new = step(cell, x, states, masks)
        if mask is not None:
            new_y = np.where(mask[t], new_y, y)
            new = [np.where(mask[t], n, s) for n, s in zip(new, states, strict=True)]
        y, states = new_y, new
        outputs.append(y)
    return outputs, states


def one_step(cell: Any, inputs: Any) -> Any:
    x, *states = inputs
    (y,), after = run(cell, [x], states, None)
    return [y, *after]


def recurrent(layer: Any, x: Any, mask: Any = None) -> Any:
    """Run the cell along the steps of x."""
    x, *states = x if isinstance(x, list) else [x]
    if not states:
        remembered = [p.value for p in layer.states] if layer.states is not None else None
        states = remembered or [np.zeros((len(x), size)) for size in layer.state_size]
    steps = [x[:, t] for t in range(x.shape[1])]
    counts = None if mask is None else np.transpose(mask)[..., None]
    if layer.go_backwards:
        steps = steps[::-1]
        counts = None if counts is None else counts[::-1]
    outputs, last = run(layer.cell, steps, states, counts)
    if counts is not None and layer.zero_output_for_mask:
        outputs = [y * c for y, c in zip(outputs, counts, strict=True)]
    y = np.stack(outputs, axis=1) if layer.return_sequences else outputs[-1]
    return [y, *last] if layer.return_state else y


def bidirectional(layer: Any, x: Any, mask: Any = None) -> Any:
    """Both directions, with the outputs put in one order and merged."""
    x, *states = x if isinstance(x, list) else [x]
    half = len(layer.forward_layer.state_size)
    both = []
    for one, own in ((layer.forward_layer, states[:half]), (layer.backward_layer, states[half:])):
        found = recurrent(one, [x, *own], mask)
        both.append(found if layer.return_state else [found])
    (y, *last), (z, *last_back) = both
    z = np.flip(z, 1) if layer.return_sequences else z
    merged = {
        "concat": lambda: [np.concatenate([y, z], axis=-1)],
        "sum": lambda: [y + z],
        "ave": lambda: [(y + z) / 2],
        "mul": lambda: [y * z],
        None: lambda: [y, z],
    }[layer.merge_mode]()
    outputs = [*merged, *last, *last_back]
    return outputs if len(outputs) > 1 else outputs[0]


def time_distributed(layer: Any, x: Any, mask: Any = None) -> Any:
    """The layer within, on each step by itself, or where that is the same on all at once."""
    inner = layer.layer
    if isinstance(inner, layers.BatchNormalization):
        marks = [None] * x.shape[1] if mask is None else list(np.transpose(mask))
        steps = [batch(inner, x[:, t], m) for t, m in enumerate(marks)]
        return np.stack(steps, axis=1)
    if isinstance(inner, layers.Dropout):
        return np.reshape(dropout(inner, np.reshape(x, (-1, *x.shape[2:]))), x.shape)
    for member in [inner] if isinstance(inner, layers.Dense) else inner.layers:
        x = dense(member, x)
    return x


SEQUENCES: dict[type, Definition] = {
    **dict.fromkeys(STEPS, one_step),
    layers.Bidirectional: bidirectional,
    layers.GRU: recurrent,
    layers.LSTM: recurrent,
    layers.RNN: recurrent,
    layers.SimpleRNN: recurrent,
    layers.StackedRNNCells: one_step,
    layers.TimeDistributed: time_distributed,
}
