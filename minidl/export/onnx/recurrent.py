"""Recurrent layers in ONNX's operators: LSTM, GRU and RNN where they say the same, else Scan.

ONNX's operators want the time in front, the gates in another order (i, o, f, c for the LSTM) and
two biases; they know a few activations and no masks with gaps. What they cannot say, a Scan says
step by step: masks, stacked cells, other activations (`cells.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minidl import activations, layers
from minidl._typing import Array
from minidl.export.onnx import cells
from minidl.export.onnx.graph import FLOAT, Graph, Value
from minidl.export.onnx.table import refusal, register_onnx_converter
from minidl.layers.recurrent.states import output_size_of, sizes_of

ACTIVATIONS = {
    activations.Sigmoid: "Sigmoid",
    activations.Softplus: "Softplus",
    activations.Softsign: "Softsign",
    activations.Tanh: "Tanh",
}
"""The activations that ONNX's recurrent operators have under these names; and plain ReLU."""


class Run(NamedTuple):
    """What a layer makes of a sequence.

    Attributes:
        sequence: the output of every step (batch, time, size), in the order of the input.
        last: the output of the step that was run last.
        states: the states after it.
    """

    sequence: str
    last: str
    states: list[str]


@register_onnx_converter(layers.LSTM, layers.GRU, layers.SimpleRNN, layers.RNN)
def recurrent(graph: Graph, layer: Any, x: Any, mask: Any = None) -> Any:
    """Return the outputs, of all steps or of the last, and the states if wanted."""
    run = _run(graph, layer, x, mask)
    y = run.last
    if layer.return_sequences:
        y = graph.reverse(run.sequence, 1) if layer.go_backwards else run.sequence
    return [y, *run.states] if layer.return_state else y


@register_onnx_converter(layers.Bidirectional)
def bidirectional(graph: Graph, layer: layers.Bidirectional, x: Any, mask: Any = None) -> Any:
    """Return both directions' outputs joined, and their states if wanted."""
    pairs = zip((layer.forward_layer, layer.backward_layer), layer._halves(x), strict=True)
    runs = []
    for inner, inputs in pairs:
        outside, graph.scope = graph.scope, f"{graph.scope}/{inner.name}"
        runs.append(_run(graph, inner, inputs, mask))
        graph.scope = outside
    forward, backward = runs
    # Both sequences are in the order of the input; a forward layer that goes backwards gives its
    # own in the order it ran, and the other one is turned to meet it.
    if not layer.return_sequences:
        y, y_back = forward.last, backward.last
    elif layer.forward_layer.go_backwards:
        y, y_back = (graph.reverse(run.sequence, 1) for run in runs)
    else:
        y, y_back = forward.sequence, backward.sequence
    states = forward.states + backward.states if layer.return_state else []
    if layer.merge_mode is None:
        return [y, y_back, *states]
    joined = _joined(graph, layer.merge_mode, y, y_back)
    return [joined, *states] if layer.return_state else joined


def _joined(graph: Graph, mode: str, y: str, y_back: str) -> str:
    if mode == "concat":
        return str(graph.op("Concat", y, y_back, axis=-1))
    if mode == "mul":
        return str(graph.op("Mul", y, y_back))
    total = graph.op("Add", y, y_back)
    return str(graph.op("Mul", total, graph.number(0.5)) if mode == "ave" else total)


def _run(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Run:
    """Append a recurrent layer's operators, ONNX's own one if it can say it."""
    if layer.stateful:
        raise refusal(
            layer,
            "It is stateful, and a file remembers nothing from call to call. Make it with "
            "return_state=True, and pass the states as inputs (initial_state).",
        )
    x, *states = inputs if isinstance(inputs, list) else [inputs]
    mask = mask[0] if isinstance(mask, list) else mask
    x = graph.as_float(x)
    kind = _operator(layer.cell)
    if kind is None or mask is not None or x.ndim != 3:
        return _scan(graph, layer, x, states, mask)
    return _fused(graph, kind, layer, x, states)


# ONNX's own operators


def _operator(cell: Any) -> str | None:
    """Return ONNX's operator for a cell, or None where none does just this."""
    kind = {layers.LSTMCell: "LSTM", layers.GRUCell: "GRU", layers.SimpleRNNCell: "RNN"}.get(
        type(cell)
    )
    return None if kind is None or None in _activations(cell) else kind


def _activations(cell: Any) -> list[str | None]:
    own = _name(cell.activation)
    if isinstance(cell, layers.SimpleRNNCell):
        return [own]
    gates = _name(cell.recurrent_activation)
    return [gates, own, own] if isinstance(cell, layers.LSTMCell) else [gates, own]


def _name(activation: Any) -> str | None:
    if type(activation) is activations.Relu and activation._is_plain:
        return "Relu"
    return ACTIVATIONS.get(type(activation))


def _fused(graph: Graph, kind: str, layer: Any, x: Value, states: list[Value]) -> Run:
    cell = layer.cell
    given = [graph.unsqueeze(graph.as_float(state), 0) for state in states]
    options: dict[str, Any] = (
        {"linear_before_reset": int(cell.reset_after)} if kind == "GRU" else {}
    )
    y, *after = graph.op(
        kind,
        graph.transpose(x, (1, 0, 2)),
        graph.weight(cell.kernel, _rows(kind, cell.kernel.value)),
        graph.weight(cell.recurrent_kernel, _rows(kind, cell.recurrent_kernel.value)),
        None if cell.bias is None else graph.weight(cell.bias, _biases(kind, cell.bias.value)),
        None,  # the sequences' lengths: all of them as long as x
        *given,
        outputs=3 if kind == "LSTM" else 2,
        hidden_size=cell.units,
        direction="reverse" if layer.go_backwards else "forward",
        activations=_activations(cell),
        **options,
    )
    last = [graph.squeeze(state, 0) for state in after]
    sequence = graph.transpose(graph.squeeze(y, 1), (1, 0, 2))
    return Run(sequence, last[0], last)


def _in_onnx_order(kind: str, columns: Array) -> Array:
    """Return the columns of the gates as ONNX has them: an LSTM's i, f, c, o as i, o, f, c."""
    if kind != "LSTM":
        return columns
    i, f, c, o = np.split(columns, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def _rows(kind: str, kernel: Array) -> Array:
    """Return a kernel (features, gates · units) as (1, gates · units, features)."""
    return _in_onnx_order(kind, kernel).T[np.newaxis]


def _biases(kind: str, bias: Array) -> Array:
    """Return the biases beside the input's and the state's kernel in one row; the second is 0."""
    own = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return _in_onnx_order(kind, own).reshape(1, -1)


# A loop


def _scan(graph: Graph, layer: Any, x: Value, states: list[Value], mask: Value | None) -> Run:
    """Append a Scan whose body is the cell's step, in the form that every runtime knows:
    over the first axis, forwards.
    """
    cell = layer.cell
    sizes = sizes_of(cell)
    first = [graph.as_float(s).name for s in states] or [_zeros(graph, x, n) for n in sizes]
    size = output_size_of(cell)
    body = graph.body()
    before = [body.input(f"{graph.scope}/state", (None, n)) for n in sizes]
    x_t = body.input(f"{graph.scope}/x_t", (x.shape[0], *x.shape[2:]))
    scanned = [_steps(graph, layer, x)]
    counts = None
    if mask is not None:
        counts = body.input(f"{graph.scope}/counts_t", (None, 1), "bool").name
        scanned.append(graph.unsqueeze(_steps(graph, layer, mask), -1))
    y_t, after = cells.step(body, cell, x_t.name, [s.name for s in before], counts)
    body.outputs = [
        Value(str(body.op("Identity", name)), (None, n))
        for name, n in zip([*after, y_t], [*sizes, size], strict=True)
    ]
    *last, sequence = graph.op(
        "Scan",
        *first,
        *scanned,
        outputs=len(sizes) + 1,
        body=body,
        num_scan_inputs=len(scanned),
    )
    if mask is not None and layer.zero_output_for_mask:
        sequence = graph.op("Where", scanned[1], sequence, graph.number(0))
    y = str(graph.op("Gather", sequence, graph.number(-1, "int64"), axis=0))
    if layer.go_backwards:
        sequence = graph.reverse(sequence, 0)
    return Run(graph.transpose(sequence, (1, 0, 2)), y, last)


def _steps(graph: Graph, layer: Any, x: Value) -> str:
    """Return x with its steps in front, in the order in which the layer takes them."""
    steps = graph.transpose(x, (1, 0, *range(2, x.ndim)))
    return graph.reverse(steps, 0) if layer.go_backwards else steps


def _zeros(graph: Graph, x: Value, size: int) -> str:
    """Return a state of zeros for every sample."""
    shape = graph.op("Concat", graph.sizes(x, 0, 1), graph.integers(size), axis=0)
    return str(graph.op("Expand", graph.array("constant/zero", np.zeros((1, 1), FLOAT)), shape))
