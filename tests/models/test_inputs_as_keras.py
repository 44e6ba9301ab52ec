"""Small things that Keras takes, and so do we: found by running its scripts."""

import json
import pickle

import numpy as np
import pytest

from minidl import Input, Model, Sequential, layers, optimizers

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 3


def classifier():
    model = Sequential([Input((3,)), layers.Dense(3, "softmax", kernel_initializer="zeros")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def two_by_two(loss):
    a, b = Input((3,), name="a"), Input((2,), name="b")
    joined = layers.Concatenate()([a, b])
    outputs = {name: layers.Dense(1, name=name)(joined) for name in ("one", "two")}
    model = Model({"a": a, "b": b}, outputs)
    model.compile("sgd", loss)
    return model


INPUTS = {"a": X, "b": X[:, :2]}


@pytest.mark.parametrize("targets", [Y, np.eye(3)[Y]])
def test_a_class_without_a_weight_has_weight_1(targets):
    losses = []
    for weights in ({0: 2.0}, {0: 2.0, 1: 1.0, 2: 1.0, 9: 5.0}):
        model = classifier()
        if targets.ndim > 1:
            model.compile("sgd", "categorical_crossentropy")
        losses += model.fit(X, targets, class_weight=weights, verbose=0).history["loss"]
    assert losses[0] == losses[1] == pytest.approx(np.log(3) * 11 / 8)


def test_further_inputs_in_a_dict_are_warned_of_once():
    model = two_by_two("mse")
    with pytest.warns(UserWarning, match=r"keys \['c'\], which are no inputs"):
        model.fit({**INPUTS, "c": X}, {"one": Y, "two": Y}, batch_size=2, verbose=0)
    model.predict({**INPUTS, "c": X}, verbose=0)  # a second warning would be an error


def test_a_missing_input_is_still_an_error():
    with pytest.raises(ValueError, match=r"lacks \['b'\]"):
        two_by_two("mse").predict({"a": X, "c": X}, verbose=0)


def test_unknown_targets_are_still_an_error():
    with pytest.raises(ValueError, match=r"unknown names \['three'\]"):
        two_by_two("mse").fit(INPUTS, {"one": Y, "two": Y, "three": Y}, verbose=0)


@pytest.mark.parametrize("loss", [{"one": "mse"}, {"one": "mse", "two": None}])
def test_an_output_without_a_loss_needs_no_targets(loss):
    history = two_by_two(loss).fit(INPUTS, {"one": Y}, verbose=0).history
    assert history["loss"] == pytest.approx(history["one_loss"])
    batches = [(INPUTS, {"one": Y})]
    assert "loss" in two_by_two(loss).fit(batches, verbose=0).history


def test_an_output_with_a_loss_needs_them():
    with pytest.raises(ValueError, match="no targets for its output 'two'"):
        two_by_two("mse").fit(INPUTS, {"one": Y}, verbose=0)


@pytest.mark.parametrize("data", [[X, Y], [X, Y, np.ones(8)], (X, Y)])
def test_validation_data_as_a_list(data):
    history = classifier().fit(X, Y, validation_data=data, verbose=0).history
    assert "val_loss" in history


def test_validation_data_as_a_list_of_batches():
    history = classifier().fit(X, Y, validation_data=[(X, Y), (X, Y)], verbose=0).history
    assert "val_loss" in history


class Frame:
    """What we use of a pandas frame."""

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.stack(list(self._columns.values()), axis=1)


@pytest.mark.parametrize("kind", [dict, list])
def test_a_frame_gives_named_inputs_their_columns(kind):
    a, b = Input((1,), name="a"), Input((1,), name="b")
    inputs = {"a": a, "b": b} if kind is dict else [a, b]
    model = Model(inputs, layers.Subtract()([a, b]))
    frame = Frame({"b": X[:, 0], "other": X[:, 1], "a": X[:, 2]})
    expected = (X[:, 2] - X[:, 0])[:, None]
    assert np.array_equal(model.predict(frame, verbose=0), expected)


def test_a_learning_rate_is_a_number_that_can_be_set():
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate.assign(0.5)
    rate = optimizer.learning_rate
    assert rate == 0.5
    assert rate.numpy() == 0.5
    assert repr(rate) == json.dumps(rate) == "0.5"
    assert type(pickle.loads(pickle.dumps(rate))) is float
    assert (rate * np.ones(2, "float32")).dtype == np.float32
    assert (np.ones(2, "float32") * rate).dtype == np.float32
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate.assign(-1.0)
    decayed = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(TypeError, match="ExponentialDecay"):
        decayed.learning_rate.assign(0.5)


def test_setting_it_takes_effect_in_training():
    still, moving = classifier(), classifier()
    still.optimizer.learning_rate.assign(0.0)
    before = still.get_weights()[0].copy()
    for model in (still, moving):
        model.fit(X, Y, verbose=0)
    assert np.array_equal(still.get_weights()[0], before)
    assert not np.array_equal(moving.get_weights()[0], before)
