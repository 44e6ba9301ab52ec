"""Attention: self and cross, every mask, causal and windowed, scores with a gradient, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import layers
from minidl.layers.attention.projection import Projection
from minidl.testing import arrays

from .trial import Trial, Trials

sizes = st.sampled_from([2, 3, 1])  # of 1, where much is right by chance, the fewest
steps = st.sampled_from([3, 4, 2, 1])
windows = st.sampled_from([None, 3, 2, 1])
flags = st.booleans()
rates = st.sampled_from([0.0, 0.4])
seeds = st.integers(0, 1000)


@st.composite
def sequences_of(draw: st.DrawFn, features: Any) -> list[Any]:
    """Query and value, and a key or not; `features` says how many of each."""
    batch, queries, keys = draw(sizes), draw(steps), draw(steps)
    lengths = (queries, keys, keys)[: draw(st.integers(2, 3))]
    return [
        draw(arrays((batch, n, size))) for n, size in zip(lengths, draw(features), strict=False)
    ]


@st.composite
def masks(draw: st.DrawFn, xs: list[Any], dead_rows: bool = True) -> list[Any]:
    """A mask or none for each input."""
    found: list[Any] = []
    for i, x in enumerate(xs):
        mask = np.array(draw(st.lists(flags, min_size=x[..., 0].size, max_size=x[..., 0].size)))
        mask = mask.reshape(x.shape[:2])
        if i and not dead_rows:
            mask[:, 0] = True
        found.append(mask if draw(flags) else None)
    return found


@st.composite
def call(draw: st.DrawFn, layer: Any, xs: list[Any], projected: bool) -> Trial:
    """A call with any of the options; with an attention mask where the layer takes one."""
    options: dict[str, Any] = {"use_causal_mask": draw(flags)}
    if draw(flags):
        options["return_attention_scores"] = True
    if draw(flags):
        options["mask"] = draw(masks(xs, dead_rows=projected))
    if projected and draw(flags):
        pairs = (len(xs[0]), xs[0].shape[1], xs[1].shape[1])
        count = int(np.prod(pairs))
        allowed = draw(st.lists(flags, min_size=count, max_size=count))
        options["attention_mask"] = np.array(allowed).reshape(pairs)
    return Trial(layer, list(xs), **options)


@st.composite
def multi_head(draw: st.DrawFn) -> Trial:
    heads = draw(sizes)
    layer = layers.MultiHeadAttention(
        heads,
        draw(sizes),
        value_dim=draw(st.none() | sizes),
        dropout=draw(rates),
        use_bias=draw(flags),
        output_shape=draw(st.sampled_from([None, 2, (2, 3)])),
        sliding_window=draw(windows),
        use_gate=draw(flags),
        seed=draw(seeds),
    )
    xs = draw(sequences_of(st.tuples(sizes, sizes, sizes)))
    return draw(call(layer, xs, projected=True))


@st.composite
def over_axes(draw: st.DrawFn) -> Trial:
    """Inputs with several axes of steps, of which some attend."""
    axes = draw(st.sampled_from([None, (1,), (2,), (-2,), (1, 2), (1, 3), (2, 3)]))
    query = [draw(sizes) for _ in range(4)]
    value = [
        draw(sizes) if axes is None or i in axes or i - 5 in axes else query[i] for i in range(4)
    ]
    value[0] = query[0]
    layer = layers.MultiHeadAttention(2, 2, value_dim=3, attention_axes=axes, dropout=draw(rates))
    xs = [draw(arrays((*shape, draw(sizes)))) for shape in (query, value)]
    return Trial(layer, xs, return_attention_scores=draw(flags))


@st.composite
def grouped(draw: st.DrawFn) -> Trial:
    groups, each = draw(sizes), draw(sizes)
    layer = layers.GroupQueryAttention(
        draw(sizes),
        groups * each,
        groups,
        dropout=draw(rates),
        use_bias=draw(flags),
        sliding_window=draw(windows),
        use_gate=draw(flags),
        seed=draw(seeds),
    )
    xs = draw(sequences_of(st.tuples(sizes, sizes, sizes)))
    return draw(call(layer, xs, projected=True))


@st.composite
def plain(draw: st.DrawFn, additive: bool) -> Trial:
    options: dict[str, Any] = {"use_scale": draw(flags), "dropout": draw(rates)}
    options["seed"] = draw(seeds)
    if additive:
        layer: Any = layers.AdditiveAttention(**options)
    else:
        layer = layers.Attention(score_mode=draw(st.sampled_from(["dot", "concat"])), **options)
    features = draw(sizes)
    xs = draw(sequences_of(st.just((features, features, features))))
    if len(xs) == 3:
        xs[1] = draw(arrays((*xs[1].shape[:2], draw(sizes))))
    return draw(call(layer, xs, projected=False))


@st.composite
def projection(draw: st.DrawFn) -> Trial:
    contracted = draw(st.integers(1, 2))
    x = draw(arrays((draw(sizes), draw(sizes), draw(sizes), draw(sizes))))
    units = draw(st.sampled_from([(3,), (2, 2)]))
    layer = Projection(
        units, contracted, draw(st.sampled_from([None, "sigmoid"])), use_bias=draw(flags)
    )
    return Trial(layer, x)


ATTENTION: dict[type, Trials] = {
    Projection: projection(),
    layers.AdditiveAttention: plain(additive=True),
    layers.Attention: plain(additive=False),
    layers.GroupQueryAttention: grouped(),
    layers.MultiHeadAttention: st.one_of(multi_head(), multi_head(), over_axes()),
}
