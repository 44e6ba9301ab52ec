"""Layers of sequences that are not recurrent: indices, masks, one layer for every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import Input, Sequential, layers
from minidl.testing import arrays, batches, sequences, shapes

from .trial import Trial, Trials

flags = st.booleans()


@st.composite
def masks(draw: st.DrawFn, shape: Any) -> Any:
    """Truth values, at times all of them False or True."""
    return (
        np.array(draw(st.lists(flags, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))))
        .reshape(shape)
        .astype(bool)
    )


@st.composite
def embedding(draw: st.DrawFn) -> Trial:
    """Indices of any shape, some of them more than once."""
    vocabulary = draw(st.integers(1, 5))
    shape = draw(shapes(min_rank=1, max_rank=3))
    count = int(np.prod(shape))
    index = st.integers(0, vocabulary - 1)
    x = np.array(draw(st.lists(index, min_size=count, max_size=count))).reshape(shape)
    x = x.astype(draw(st.sampled_from(["int64", "int32", "uint8"])))
    return Trial(layers.Embedding(vocabulary, draw(st.integers(1, 3)), mask_zero=draw(flags)), x)


@st.composite
def masking(draw: st.DrawFn) -> Trial:
    """Steps off the mask's value: at it, forward jumps, and has no derivative."""
    value = draw(st.sampled_from([0.0, 1.5]))
    return Trial(
        layers.Masking(value), draw(arrays(shapes(min_rank=2, max_rank=4), avoid=(value,)))
    )


def inner(features: int) -> Any:
    """Layers for one step: with weights, with draws, with a state, a whole model, with a mask."""
    return st.sampled_from(
        [
            lambda: layers.Dense(2, activation="tanh"),
            lambda: layers.Dropout(0.4, seed=3),
            lambda: layers.BatchNormalization(),
            lambda: Sequential([Input((features,)), layers.Dense(2, "tanh"), layers.Dense(1)]),
        ]
    ).map(lambda make: make())


@st.composite
def time_distributed(draw: st.DrawFn) -> Trial:
    x = draw(arrays(shapes(min_rank=3, max_rank=3)))
    layer = layers.TimeDistributed(draw(inner(x.shape[-1])))
    if draw(flags):
        return Trial(layer, x)
    return Trial(layer, x, mask=draw(masks(x.shape[:2])))


@st.composite
def lambdas(draw: st.DrawFn) -> Trial:
    factor = draw(st.floats(-2.0, 2.0))
    square = layers.Lambda(
        lambda x, factor: factor * x * x,
        arguments={"factor": factor},
        backward=lambda x, dy, factor: 2 * factor * x * dy,
    )
    product = layers.Lambda(
        lambda xs: xs[0] * xs[1], backward=lambda xs, dy: [xs[1] * dy, xs[0] * dy]
    )
    x = draw(batches())
    return draw(st.sampled_from([Trial(square, x), Trial(product, [x, np.flip(x, 0).copy()])]))


@st.composite
def masked_batch_normalization(draw: st.DrawFn) -> Trial:
    x = draw(st.one_of(batches(), sequences()))
    layer = layers.BatchNormalization(
        epsilon=draw(st.sampled_from([1e-3, 0.1])), center=draw(flags), scale=draw(flags)
    )
    return Trial(layer, x, mask=draw(masks(x.shape[:-1])))


@st.composite
def masked_softmax(draw: st.DrawFn) -> Trial:
    x = draw(sequences())
    shape = draw(st.sampled_from([x.shape, x.shape[1:], (*x.shape[:2], 1)]))
    axis = draw(st.sampled_from([-1, 1, [1, 2]]))
    return Trial(layers.Softmax(axis=axis), x, mask=draw(masks(shape)))


SEQUENCES: dict[type, Trials] = {
    layers.Embedding: embedding(),
    layers.Lambda: lambdas(),
    layers.Masking: masking(),
    layers.TimeDistributed: time_distributed(),
}
