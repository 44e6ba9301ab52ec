"""Every recurrent layer and cell: directions, states, masks, dropout, activations, merge modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import layers
from minidl.layers.recurrent.states import sizes_of
from minidl.testing import arrays
from minidl.testing.strategies import sizes

from .trial import Trial, Trials

flags = st.booleans()
# Not softsign: its curvature jumps at 0, which differences across it feel in the sixth digit.
smooth = st.sampled_from(["tanh", "sigmoid", "linear"])
rates = st.sampled_from([0.0, 0.0, 0.3, 0.6])


class Accumulator(layers.Layer):
    """A cell as a user may write one: two states of two sizes, and an output that is neither.

    g = tanh(x W + s);  a = s + g;  b = b' g₀;  y = a g
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, 1]

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.kernel = self.add_weight((shape[-1], self.units), name="kernel")

    def forward(self, inputs: Any, training: bool = False) -> Any:
        x, s, b = inputs
        g = np.tanh(x @ self.kernel.value + s)
        a = s + g
        return [a * g, a, b * g[:, :1]], (x, b, g, a)

    def backward(self, residuals: Any, dys: Any) -> Any:
        x, b, g, a = residuals
        dy, da, db = dys
        da = da + dy * g
        dg = dy * a + da
        dg[:, :1] += db * b
        dz = dg * (1 - g * g)
        self.kernel.grad = x.T @ dz
        return [dz @ self.kernel.value.T, dz + da, db * g[:, :1]]


@st.composite
def arguments(draw: st.DrawFn, cls: type, cell: bool = False) -> dict[str, Any]:
    """Any of the switches of a layer, or of a cell."""
    chosen: dict[str, Any] = {
        "activation": draw(smooth),
        "use_bias": draw(flags),
        "dropout": draw(rates),
        "recurrent_dropout": draw(rates),
        "seed": draw(st.integers(0, 100)),
    }
    if cls not in (layers.SimpleRNN, layers.SimpleRNNCell):
        chosen["recurrent_activation"] = draw(smooth)
    if cls in (layers.GRU, layers.GRUCell):
        chosen["reset_after"] = draw(flags)
    return chosen if cell else {**chosen, **draw(switches())}


@st.composite
def switches(draw: st.DrawFn, stateful: bool = True) -> dict[str, Any]:
    """What every recurrent layer can be told."""
    names = ["return_sequences", "return_state", "go_backwards", "zero_output_for_mask"]
    return {name: draw(flags) for name in names} | {"stateful": stateful and draw(flags)}


@st.composite
def trial(draw: st.DrawFn, layer: Any, state_sizes: list[int], most: int = 3) -> Trial:
    """Sequences, with initial states or without, with a mask or without."""
    batch, steps, features = (draw(sizes(high=most)) for _ in range(3))
    x: Any = draw(arrays((batch, steps, features)))
    if draw(flags):
        x = [x, *(draw(arrays((batch, size))) for size in state_sizes)]
    options = {}
    if draw(flags):
        rows = st.lists(flags, min_size=steps, max_size=steps)
        options["mask"] = np.array(draw(st.lists(rows, min_size=batch, max_size=batch)))
    return Trial(layer, x, **options)


@st.composite
def layer_trial(draw: st.DrawFn, cls: type) -> Trial:
    layer = cls(draw(sizes(high=3)), **draw(arguments(cls)))
    return draw(trial(layer, layer.state_size))


@st.composite
def cell(draw: st.DrawFn) -> Any:
    """A cell of any class, a user's own or a stack among them."""
    cls = draw(st.sampled_from([*CELLS, Accumulator]))
    return cls(draw(sizes(high=3)), **({} if cls is Accumulator else draw(arguments(cls, True))))


@st.composite
def rnn_trial(draw: st.DrawFn) -> Trial:
    cells = draw(st.lists(cell(), min_size=1, max_size=2))
    layer = layers.RNN(cells if len(cells) > 1 else cells[0], **draw(switches()))
    return draw(trial(layer, layer.state_size))


@st.composite
def both_ways(draw: st.DrawFn) -> Trial:
    cls = draw(st.sampled_from([layers.SimpleRNN, layers.LSTM, layers.GRU]))
    units, chosen = draw(sizes(high=2)), draw(arguments(cls))
    del chosen["zero_output_for_mask"]
    chosen["go_backwards"] = False
    back = None
    if draw(flags):  # another layer for the way back
        back = layers.GRU(
            units,
            **{**draw(arguments(layers.GRU)), "go_backwards": True}
            | {k: chosen[k] for k in ("return_sequences", "return_state", "stateful")},
        )
    mode = draw(st.sampled_from(["concat", "sum", "mul", "ave", None]))
    layer = layers.Bidirectional(cls(units, **chosen), mode, backward_layer=back)
    sizes_both = layer.forward_layer.state_size + layer.backward_layer.state_size
    return draw(trial(layer, sizes_both, most=2))


@st.composite
def step(draw: st.DrawFn, made: st.SearchStrategy[Any]) -> Trial:
    """One step of a cell."""
    one = draw(made)
    batch, features = draw(sizes(high=3)), draw(sizes(high=3))
    states = [draw(arrays((batch, size))) for size in sizes_of(one)]
    return Trial(one, [draw(arrays((batch, features))), *states])


@st.composite
def made(draw: st.DrawFn, cls: type) -> Any:
    return cls(draw(sizes(high=3)), **draw(arguments(cls, True)))


CELLS = (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell)
stacks = st.builds(layers.StackedRNNCells, st.lists(cell(), min_size=1, max_size=2))
RECURRENT: dict[type, Trials] = {
    layers.Bidirectional: both_ways(),
    layers.RNN: rnn_trial(),
    layers.StackedRNNCells: step(stacks),
    **{cls: layer_trial(cls) for cls in (layers.SimpleRNN, layers.LSTM, layers.GRU)},
    **{cls: step(made(cls)) for cls in CELLS},
}
