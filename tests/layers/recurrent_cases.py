"""Recurrent layers for the property tests; those that give one output, as the tests expect."""

from __future__ import annotations

from functools import partial
from typing import Any

from minidl import layers

from .case import Case

SHAPE = (3, 4, 2)


def stack(**kwargs: Any) -> Any:
    cells = [cls(2, dtype=kwargs.get("dtype")) for cls in (layers.LSTMCell, layers.GRUCell)]
    return layers.RNN(cells, return_sequences=True, **kwargs)


def both_ways(name: str, merge_mode: str, return_sequences: bool, **kwargs: Any) -> Any:
    inner = getattr(layers, name)(2, return_sequences=return_sequences, dtype=kwargs.get("dtype"))
    return layers.Bidirectional(inner, merge_mode, **kwargs)


RECURRENT: dict[str, Case] = {
    f"{name}{suffix}": Case(partial(getattr(layers, name), 3, **arguments), shape)
    for name in ("SimpleRNN", "LSTM", "GRU")
    for suffix, arguments, shape in (
        ("", {}, SHAPE),
        ("-sequences", {"return_sequences": True, "go_backwards": True}, SHAPE),
        ("-dropout", {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 5}, (3, 4, 5)),
        ("-one-step", {"use_bias": False, "dropout": 0.3, "seed": 5}, (2, 1, 4)),
    )
}
RECURRENT |= {
    "LSTM-states": Case(partial(layers.LSTM, 2), [(3, 4, 5), (3, 2), (3, 2)]),
    "GRU-states": Case(partial(layers.GRU, 2), [(3, 4, 5), (3, 2)]),
    "GRU-reset-before": Case(partial(layers.GRU, 3, reset_after=False), SHAPE),
    "RNN-stack": Case(stack, SHAPE),
    "Bidirectional": Case(partial(both_ways, "LSTM", "concat", True), SHAPE),
    "Bidirectional-last": Case(partial(both_ways, "GRU", "mul", False), SHAPE),
    "Bidirectional-states": Case(
        partial(both_ways, "GRU", "ave", True), [(3, 4, 5), (3, 2), (3, 2)]
    ),
}
