"""Models are layers: what the graph adds up, splits and shares must have the right gradient too."""

from __future__ import annotations

from hypothesis import strategies as st

from minidl import Input, Model, Sequential, layers
from minidl.random import set_root_seed
from minidl.testing import batches

from .trial import Trial, Trials

seeds = st.integers(0, 99)
sizes = st.integers(1, 3)


@st.composite
def sequential(draw: st.DrawFn) -> Trial:
    """Built or not, with a normalisation whose state moves, and a dropout that draws."""
    set_root_seed(draw(seeds))
    x = draw(batches())
    stack = [
        layers.Dense(draw(sizes), activation="tanh"),
        layers.BatchNormalization(),
        layers.Dropout(0.4, seed=draw(seeds)),
        layers.Dense(draw(sizes), activation="softmax"),
    ]
    order = draw(st.permutations(range(4)))
    model = Sequential([stack[i] for i in order])
    if draw(st.booleans()):
        model.build((None, *x.shape[1:]))
    return Trial(model, x)


@st.composite
def functional(draw: st.DrawFn) -> Trial:
    """Two inputs, two outputs, a layer called three times, tensors used twice."""
    set_root_seed(draw(seeds))
    rows, features = draw(sizes), draw(sizes)
    a, b = Input((features,)), Input((features,))
    shared = layers.Dense(features, activation="sigmoid")
    h, k = shared(a), shared(b)
    mixed = layers.Multiply()([h, k])
    both = layers.Concatenate()([mixed, h, shared(h)])
    model = Model(
        [a, b], [layers.Dense(2, activation="softmax")(both), layers.Subtract()([k, mixed])]
    )
    return Trial(model, [draw(batches(features, rows)), draw(batches(features, rows))])


@st.composite
def nested(draw: st.DrawFn) -> Trial:
    """A model within a model, called twice."""
    set_root_seed(draw(seeds))
    features = draw(sizes)
    x = Input((features,))
    inner = Sequential([layers.Dense(3, activation="tanh"), layers.Dense(features)])
    z = Input((features,))
    middle = Model(z, layers.Add()([z, inner(z)]))
    y = middle(middle(x))
    return Trial(Model(x, layers.LayerNormalization()(y)), draw(batches(features)))


MODELS: dict[type, Trials] = {
    Model: st.one_of(functional(), nested()),
    Sequential: sequential(),
}
