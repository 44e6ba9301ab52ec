"""Categories: integers have no gradient, their weights do; between jumps it is zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import layers
from minidl.testing import arrays, batches

from .trial import Trial, Trials

SIZE = 5


@st.composite
def integers(draw: st.DrawFn) -> Any:
    shape = draw(st.sampled_from([(3,), (2, 4), (3, 1), (2, 3, 2)]))
    count = int(np.prod(shape))
    numbers = draw(st.lists(st.integers(0, SIZE - 1), min_size=count, max_size=count))
    return np.array(numbers).reshape(shape)


@st.composite
def encoding(draw: st.DrawFn) -> Trial:
    mode = draw(st.sampled_from(["one_hot", "multi_hot", "count"]))
    x, layer = draw(integers()), layers.CategoryEncoding(SIZE, output_mode=mode)
    if mode == "count" and draw(st.booleans()):
        return Trial(layer, x, count_weights=draw(arrays(x.shape)))
    return Trial(layer, x)


@st.composite
def discretization(draw: st.DrawFn) -> Trial:
    mode = draw(st.sampled_from(["one_hot", "multi_hot", "count"]))
    x = draw(batches())
    edges = np.sort(x.reshape(-1))  # boundaries lie in the middle between numbers
    boundaries = (edges[1:] + edges[:-1])[np.diff(edges) > 1e-2] / 2
    return Trial(layers.Discretization([-100.0, *boundaries], output_mode=mode), x)


@st.composite
def lookup(draw: st.DrawFn) -> Trial:
    mode = draw(st.sampled_from(["int", "one_hot", "multi_hot", "count"]))
    unknown = draw(st.integers(1, 3))
    layer = layers.IntegerLookup(vocabulary=[4, 1, 2], output_mode=mode, num_oov_indices=unknown)
    return Trial(layer, draw(integers()))


CATEGORICAL: dict[type, Trials] = {
    layers.CategoryEncoding: encoding(),
    layers.Discretization: discretization(),
    layers.IntegerLookup: lookup(),
}
