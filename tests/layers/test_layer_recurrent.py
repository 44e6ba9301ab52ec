"""Recurrent layers: states, masks, directions, dropout, models of them, and bad input."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.gradcheck import gradcheck
from tests.gradients.recurrent_cases import Accumulator

KINDS = ["SimpleRNN", "LSTM", "GRU"]
every_kind = pytest.mark.parametrize("kind", KINDS)
rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 1, 0]], bool)


def make(kind, **arguments):
    return getattr(layers, kind)(3, **arguments)


def same_weights(kind, *arguments):
    """Return layers with these arguments and the same weights."""
    made = [make(kind, **each) for each in arguments]
    for layer in made:
        layer.build((3, 4, 2))
        layer.set_weights(made[0].get_weights())
    return made


# Sequences and states


@every_kind
def test_the_last_output_is_the_last_of_all_and_the_first_state(kind):
    last, every = same_weights(kind, {}, {"return_sequences": True, "return_state": True})
    y, h, *_ = every(X)
    np.testing.assert_array_equal(y[:, -1], last(X))
    np.testing.assert_array_equal(y[:, -1], h)


@every_kind
def test_a_layer_makes_the_steps_of_its_cell(kind):
    layer = make(kind, return_sequences=True)
    y, states = layer(X), layer.get_initial_state(3)
    for t in range(4):
        out, states = layer.cell(X[:, t], states)
        np.testing.assert_allclose(out, y[:, t], rtol=1e-5, atol=1e-6)


@every_kind
def test_a_sequence_in_two_parts_is_the_sequence(kind):
    layer = make(kind, return_sequences=True, return_state=True)
    whole = layer(X)
    first, *states = layer(X[:, :2])
    second, *last = layer(X[:, 2:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole[0], rtol=1e-6)
    np.testing.assert_allclose(last, whole[1:], rtol=1e-6)


@every_kind
def test_backwards_is_the_turned_sequence(kind):
    forwards, backwards = same_weights(
        kind, {"return_sequences": True}, {"return_sequences": True, "go_backwards": True}
    )
    np.testing.assert_array_equal(backwards(X), forwards(X[:, ::-1]))


@every_kind
def test_stateful_continues_where_the_last_batch_ended(kind):
    whole, parts = same_weights(kind, {}, {"stateful": True})
    expected = whole(X)
    parts(X[:, :2])
    np.testing.assert_allclose(parts(X[:, 2:]), expected, rtol=1e-6)
    parts.reset_state()
    np.testing.assert_array_equal(parts(X), expected)
    assert len(parts.weights) == 3  # what it remembers is no weight, as in Keras
    assert {p.name for p in parts.state_weights} == {"rnn_state"}
    assert not parts.stateful or all(not p.trainable for p in parts.states)


def test_stateful_in_a_model():
    model = minidl.Sequential(
        [layers.Input(batch_shape=(3, 4, 2)), layers.GRU(3, stateful=True), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    first = model.predict(X, batch_size=3, verbose=0)
    again = model.predict(X, batch_size=3, verbose=0)
    assert np.abs(first - again).max() > 1e-3
    model.layers[0].reset_state()
    np.testing.assert_array_equal(model.predict(X, batch_size=3, verbose=0), first)
    model.fit(X, np.ones((3, 1)), batch_size=3, shuffle=False, verbose=0)


# Masks


@every_kind
def test_a_masked_step_is_as_if_it_were_not_there(kind):
    layer = make(kind, return_sequences=True, return_state=True)
    y, *states = layer(X, mask=MASK)
    for i, row in enumerate(MASK):
        alone, *last = layer(X[i : i + 1, row])
        np.testing.assert_allclose(y[i, row], alone[0], rtol=1e-5, atol=1e-7)
        for a, b in zip(states, last, strict=True):
            np.testing.assert_allclose(a[i], b[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(y[0, 2], y[0, 1])
    assert (y[1, 0] == 0).all()


@every_kind
def test_zero_output_for_mask(kind):
    carried, zeroed = same_weights(
        kind,
        {"return_sequences": True},
        {"return_sequences": True, "zero_output_for_mask": True},
    )
    np.testing.assert_array_equal(zeroed(X, mask=MASK), carried(X, mask=MASK) * MASK[:, :, None])


@every_kind
def test_what_stands_at_a_masked_step_has_no_part_in_anything(kind):
    layer = make(kind)
    layer.build(X.shape)
    other = np.where(MASK[:, :, None], X, 7.0).astype("float32")
    y, residuals = layer.forward(X, mask=MASK)
    np.testing.assert_array_equal(layer.forward(other, mask=MASK)[0], y)
    dx = layer.backward(residuals, np.ones_like(y))
    assert (dx[~MASK] == 0).all()
    assert (dx[MASK] != 0).all()


def test_an_embedding_masks_what_follows():
    ids = np.array([[3, 1, 0, 0], [2, 4, 1, 3]])
    model = minidl.Sequential(
        [
            layers.Input((4,), dtype="int32"),
            layers.Embedding(5, 2, mask_zero=True),
            layers.LSTM(3, return_sequences=True),
            layers.Bidirectional(layers.GRU(3)),
        ]
    )
    embedding, lstm, both = model.layers
    vectors = embedding(ids[:1, :2])
    np.testing.assert_allclose(model.predict(ids, verbose=0)[0], both(lstm(vectors))[0], rtol=1e-5)


# Dropout


@every_kind
def test_dropout_leaves_out_the_same_features_at_every_step(kind):
    layer = make(kind, dropout=0.5, seed=3, return_sequences=True, use_bias=False)
    x = rng.normal(size=(8, 5, 6)).astype("float32")
    layer.build(x.shape)
    y, residuals = layer.forward(x, training=True)
    dx = layer.backward(residuals, np.ones_like(y))
    dropped = (dx == 0).all(axis=1)
    assert (dropped == (dx == 0).any(axis=1)).all()
    assert 0 < dropped.mean() < 1
    np.testing.assert_array_equal(layer(x), layer(x))


def test_each_gate_has_draws_of_its_own_with_recurrent_dropout():
    assert layers.LSTM(3, dropout=0.5).cell._draws == 1
    assert layers.LSTM(3, dropout=0.5, recurrent_dropout=0.1).cell._draws == 4
    assert layers.GRU(3, recurrent_dropout=0.1).cell._draws == 3
    assert layers.GRU(3, implementation=1).cell._draws == 3


# Models


def test_encoder_and_decoder_with_symbolic_states():
    source, target = layers.Input((None, 2)), layers.Input((None, 3))
    _, h, c = layers.LSTM(4, return_state=True)(source)
    y = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    model = minidl.Model([source, target], layers.Dense(2)(y))
    model.compile("adam", "mse")
    batch = [rng.normal(size=(5, 4, 2)), rng.normal(size=(5, 3, 3))]
    model.fit(batch, rng.normal(size=(5, 3, 2)), verbose=0)
    twin = minidl.Model.from_config(json.loads(json.dumps(model.get_config())))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(batch), model(batch))
    gradcheck(model, [a.astype("float64") for a in batch], entries=4)


def test_a_stack_gives_its_states_cell_by_cell():
    layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True)
    y, one, two = layer(X)
    assert [s.shape for s in one] == [(3, 3), (3, 3)]
    np.testing.assert_array_equal(two, y)
    again = layer(X, initial_state=[one, two])
    assert again[0].shape == (3, 2)
    tensors = layer(layers.Input((4, 2)))
    model = minidl.Model(tensors[0].node.inputs[0], tensors[1][0])
    np.testing.assert_allclose(model(X), one[0], rtol=1e-6)


def test_two_stacked_layers_are_two_stacked_cells():
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_sequences=True)
    one, two = layers.LSTM(3, return_sequences=True), layers.GRU(2, return_sequences=True)
    expected = two(one(X, mask=MASK), mask=MASK)
    stack.build(X.shape)
    stack.set_weights(one.get_weights() + two.get_weights())
    np.testing.assert_allclose(stack(X, mask=MASK), expected, rtol=1e-6)


def test_a_cell_of_ones_own_trains():
    model = minidl.Sequential([layers.Input((4, 2)), layers.RNN(Accumulator(3)), layers.Dense(1)])
    model.compile(minidl.optimizers.Adam(0.05), "mse")
    history = model.fit(X, X.sum(axis=(1, 2)), epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]
    config = json.loads(json.dumps(model.get_config()))
    names = {"Accumulator": Accumulator}
    twin = minidl.Sequential.from_config(config, custom_objects=names)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(X), model(X))


def test_a_cell_with_call_alone_is_trained():
    class Plain(layers.Layer):
        state_size = 2

        def build(self, input_shape):
            self.gate = self.add_weight((2,), initializer="ones", name="gate")

        def call(self, inputs, states):
            total = inputs + states[0] * self.gate
            return total, [total]

    layer = layers.RNN(Plain(), return_sequences=True)
    np.testing.assert_allclose(layer(X), X.cumsum(axis=1), rtol=1e-5)
    assert gradcheck(layer, input_shape=(2, 3, 2)).worst < 1e-6


def test_an_activity_regularizer_counts():
    def loss(**arguments):
        minidl.utils.set_random_seed(0)
        model = minidl.Sequential([layers.Input((4, 2)), layers.SimpleRNN(3, **arguments)])
        model.compile("sgd", "mse")
        return model.evaluate(X, np.zeros((3, 3)), verbose=0)

    assert loss(activity_regularizer=minidl.regularizers.L2(1.0)) > 1.5 * loss()


# Bidirectional


def test_bidirectional_is_two_layers():
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    y = both(X)
    np.testing.assert_array_equal(y[..., :3], both.forward_layer(X))
    np.testing.assert_array_equal(y[..., 3:], both.backward_layer(X)[:, ::-1])
    assert both.forward_layer.go_backwards is False
    assert both.backward_layer.go_backwards is True


def test_bidirectional_takes_initial_weights_and_makes_its_layers_anew():
    first = layers.Bidirectional(layers.GRU(3))
    first(X)
    inner = layers.GRU(3)
    second = layers.Bidirectional(inner, weights=first.get_weights())
    np.testing.assert_array_equal(second(X), first(X))
    assert not inner.built


def test_bidirectional_of_a_cell_of_ones_own():
    both = layers.Bidirectional(layers.RNN([Accumulator(2), layers.GRUCell(3)]))
    assert both(X).shape == (3, 6)
    assert both.forward_layer.cell is not both.backward_layer.cell


def test_bidirectional_resets():
    both = layers.Bidirectional(layers.GRU(3, stateful=True))
    first = both(X)
    assert np.abs(both(X) - first).max() > 1e-3
    both.reset_state()
    np.testing.assert_array_equal(both(X), first)
    assert len(both.states) == 2
    with pytest.raises(AttributeError, match="not stateful"):
        layers.Bidirectional(layers.GRU(3)).reset_state()


@every_kind
def test_a_copy_is_a_layer_of_its_own(kind):
    layer = make(kind, stateful=True)
    layer(X)
    twin = copy.deepcopy(layer)
    twin.reset_state()
    assert all((p.value != 0).all() for p in layer.states)


# Bad input

BAD = {
    "rank": (lambda: layers.LSTM(3)(X[:, 0]), r"return_sequences=True"),
    "rank 4": (lambda: layers.GRU(3)(X[..., None]), r"\(batch, time, features\)"),
    "no steps": (lambda: layers.LSTM(3)(X[:, :0]), "no time steps"),
    "number of states": (lambda: layers.LSTM(3)(X, initial_state=[X[:, 0]]), "2 of shapes"),
    "shape of states": (lambda: layers.GRU(3)(X, initial_state=X[:, 0]), r"\(3, 3\)"),
    "mask": (lambda: layers.GRU(3)(X, mask=MASK[:, :2]), "mask of shape"),
    "stateful": (
        lambda: layers.GRU(3, stateful=True)(layers.Input((4, 2))),
        "fixed batch size",
    ),
    "units": (lambda: layers.LSTM(0), "positive integer"),
    "dropout": (lambda: layers.LSTM(3, dropout=1.0), "dropout"),
    "activation": (lambda: layers.LSTM(3, activation="tahn"), "Did you mean 'tanh'"),
    "use_cudnn": (lambda: layers.LSTM(3, use_cudnn="yes"), "use_cudnn"),
    "no state_size": (lambda: layers.RNN(layers.Dense(3)), "state_size"),
    "no cells": (lambda: layers.RNN([]), "no cells"),
    "merge_mode": (lambda: layers.Bidirectional(layers.GRU(3), "add"), "'concat'"),
    "not recurrent": (lambda: layers.Bidirectional(layers.Dense(3)), "recurrent layer"),
    "one direction": (
        lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(3)),
        "go_backwards",
    ),
    "switches": (
        lambda: layers.Bidirectional(
            layers.GRU(3),
            backward_layer=layers.GRU(3, go_backwards=True, return_sequences=True),
        ),
        "return_sequences",
    ),
    "inner penalty": (
        lambda: layers.Bidirectional(layers.GRU(3, activity_regularizer="l2")),
        "activity_regularizer",
    ),
    "sizes to merge": (
        lambda: layers.Bidirectional(
            layers.GRU(3), "sum", backward_layer=layers.GRU(2, go_backwards=True)
        )(layers.Input((4, 2))),
        "same units",
    ),
    "a cell's states": (lambda: layers.LSTMCell(3)(X[:, 0], [X[:, 0]]), "get_initial_state"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input(what):
    call, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_cell_must_be_a_layer():
    with pytest.raises(TypeError, match="expected a Layer"):
        layers.RNN(lambda x, s: (x, s))


def test_stateful_with_another_batch_size():
    layer = layers.GRU(3, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match="batches of 3"):
        layer(X[:2])


def test_other_features_than_at_build():
    layer = layers.GRU(3)
    layer(X)
    with pytest.raises(ValueError, match="these features"):
        layer(X[..., :1])


def test_a_cell_that_returns_no_states_is_told_so():
    class Forgetful(layers.Layer):
        state_size = 2

        def forward(self, inputs, training=False):
            return [inputs[0]], None

    with pytest.raises(ValueError, match="Forgetful"):
        layers.RNN(Forgetful())(X)
