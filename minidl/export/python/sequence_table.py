"""Recurrent layers, wrappers and attention as expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import layers
from minidl.export.python import sequences
from minidl.export.python.table import converter_of, converts
from minidl.export.python.writer import NONE, Code, NotExportableError, Writer
from minidl.layers.attention.projected import TENSORS, ProjectedAttention
from minidl.layers.recurrent.states import sizes_of


def _cell(w: Writer, cell: Any) -> Code:
    """Return a function of the sequences, the states and the mask."""
    arguments = [Code("x"), Code("states"), Code("mask")]
    if isinstance(cell, layers.StackedRNNCells):
        parts = [(len(sizes_of(one)), _cell(w, one)) for one in cell.cells]
        call = w.call(sequences.stacked, *arguments, parts)
        return Code(f"lambda x, states, mask: {call}")
    W, U = w.weight(cell.kernel), w.weight(cell.recurrent_kernel)
    b = w.weight(cell.bias)
    phi = w.gate(cell.activation)
    if isinstance(cell, layers.SimpleRNNCell):
        call = w.call(sequences.simple_rnn, *arguments, W, U, b, phi)
    elif isinstance(cell, layers.LSTMCell):
        sigma = w.gate(cell.recurrent_activation)
        call = w.call(sequences.lstm, *arguments, W, U, b, sigma, phi)
    elif isinstance(cell, layers.GRUCell) and cell.reset_after:
        sigma = w.gate(cell.recurrent_activation)
        both = (NONE, NONE) if cell.bias is None else (Code(f"{b}[0]"), Code(f"{b}[1]"))
        call = w.call(sequences.gru, *arguments, W, U, *both, sigma, phi)
    elif isinstance(cell, layers.GRUCell):
        sigma = w.gate(cell.recurrent_activation)
        call = w.call(sequences.gru_reset_before, *arguments, W, U, b, sigma, phi)
    else:
        raise NotExportableError(
            f"its cell {cell.name!r} ({type(cell).__name__}) is your own. Use minidl's cells"
        )
    return Code(f"lambda x, states, mask: {call}")


def _run(w: Writer, layer: Any, x: Code, states: list[Code], mask: Code) -> Code:
    """Return the pair of the output and the last states."""
    if layer.stateful:
        raise NotExportableError(
            "it is stateful: what it gives depends on the calls before. Make it with "
            "stateful=False, and hand the states on as inputs and outputs"
        )
    dtype = layer.cell.dtype
    sizes = sizes_of(layer.cell)
    first: Any = [w.cast(s, dtype) for s in states]
    if not states:
        first = w.call(sequences.zero_states, x, sizes, dtype)
    return w.call(
        sequences.recurrent,
        w.cast(x, dtype),
        first,
        mask,
        _cell(w, layer.cell),
        layer.go_backwards,
        layer.return_sequences,
        layer.zero_output_for_mask,
    )


@converts(layers.RNN)
def _rnn(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Any:
    x, *states = xs
    run = _run(w, layer, x, states, masks[0] if masks else NONE)
    if not layer.return_state:
        return Code(f"{run}[0]")
    return Code(f"(lambda y, states: [y, *states])(*{run})")


@converts(layers.Bidirectional)
def _bidirectional(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Any:
    x, *states = xs
    half = len(states) // 2
    mask = masks[0] if masks else NONE
    one = _run(w, layer.forward_layer, x, states[:half], mask)
    other = _run(w, layer.backward_layer, x, states[half:], mask)
    arguments = layer.return_sequences, layer.merge_mode
    if not layer.return_state:
        ys = Code(f"{one}[0]"), Code(f"{other}[0]")
        merged = w.call(sequences.both_directions, *ys, *arguments)
        return Code(f"{merged}[0]") if layer.merge_mode is not None else merged
    merged = w.call(sequences.both_directions, Code("a[0]"), Code("b[0]"), *arguments)
    return Code(f"(lambda a, b: [*{merged}, *a[1], *b[1]])({one}, {other})")


@converts(layers.TimeDistributed)
def _time_distributed(
    w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any
) -> Code:
    inner = layer.layer
    if inner.unrolled_graph() is not None:
        raise NotExportableError(
            "it runs a whole model on every step. Give it the layers one by one"
        )
    (x,) = xs
    step, mask = Code("step"), Code("step_mask")
    w.dtypes[step], w.ranks[step] = w.dtypes[x], w.ranks[x] - 1
    given = [mask] if masks and masks[0] != NONE else []
    body = converter_of(inner)(w, inner, [step], given, {})
    function = Code(f"lambda {step}, {mask}: {body}")
    return w.call(sequences.time_distributed, x, masks[0] if masks else NONE, function)


@converts(ProjectedAttention)
def _projected(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Any:
    names = options.get("given") or TENSORS[: len(xs)]
    tensors: dict[str, Any] = dict(zip(names, xs, strict=True))
    carried = {f"{n}_mask": m for n, m in zip(names, masks, strict=False) if m != NONE}
    carried |= {name: x for name, x in tensors.items() if name.endswith("mask")}
    query, value = tensors["query"], tensors["value"]
    weights: dict[str, Any] = {}
    for name, dense in (
        ("query", layer.query_dense),
        ("key", layer.key_dense),
        ("value", layer.value_dense),
        ("output", layer.output_dense),
        *([("gate", layer.gate_dense)] if layer.use_gate else []),
    ):
        bias = w.weight(dense.bias) if dense.use_bias else NONE
        weights[name] = (w.weight(dense.kernel), bias)
    asked = bool(options.get("return_attention_scores"))
    call = w.call(
        sequences.multi_head_attention,
        *(w.cast(x, layer.dtype) for x in (query, value, tensors.get("key", value))),
        carried,
        weights,
        tuple(layer.attention_axes or ()),
        bool(options.get("use_causal_mask")),
        not layer.dropout and not asked and w.ranks[query] == 3,
        getattr(layer, "num_key_value_heads", None),
        layer.sliding_window,
    )
    return call if asked else Code(f"{call}[0]")


@converts(layers.Attention)
def _attention(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Any:
    q, v, *rest = [w.floats(x, layer.dtype) for x in xs]
    k = rest[0] if rest else v
    one = w.constant(f"{layer.name}/one", np.ones((), layer.dtype))
    scale = w.weight(layer.scale) if layer.use_scale else None
    if isinstance(layer, layers.AdditiveAttention):
        scores = w.call(sequences.concatenated_scores, q, k, scale or one, one)
    elif layer.score_mode == "concat":
        a = w.weight(layer.concat_score_weight)
        scores = w.call(sequences.concatenated_scores, q, k, a, scale or one)
    else:
        scores = w.call(sequences.dot_scores, q, k, scale or NONE)
    query_mask, value_mask = [*masks, NONE, NONE][:2]
    causal = bool(options.get("use_causal_mask"))
    call = w.call(sequences.attention, scores, v, query_mask, value_mask, causal)
    return call if options.get("return_attention_scores") else Code(f"{call}[0]")
