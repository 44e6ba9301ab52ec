"""Copies of models, by `copy.deepcopy` and by `pickle`: the same numbers, and nothing shared."""

import copy
import pickle

import numpy as np
import pytest

from minidl import Input, Model, Sequential, layers


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


COPIES = pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])


def data(rng, samples=40):
    return rng.normal(size=(samples, 3)).astype(np.float32), np.arange(samples) % 2


def straight():
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(4, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def forked():
    x = Input((3,))
    shared = layers.Dense(3, activation="tanh")
    inner = Sequential([Input((3,)), layers.Dense(2)])
    out = layers.Concatenate()([inner(shared(x)), shared(shared(x))])
    model = Model(x, layers.Dense(2, activation="softmax")(out))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def weights_of(model):
    return [w.copy() for w in model.get_weights()]


@COPIES
@pytest.mark.parametrize("make", [straight, forked])
def test_a_fitted_model_and_its_copy_go_on_alike_to_the_last_bit(rng, make, copied):
    x, y = data(rng)
    model = make()
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    twin = copied(model)
    assert not set(map(id, twin.weights)) & set(map(id, model.weights))
    before = weights_of(model)
    losses = twin.fit(x, y, epochs=2, batch_size=16, verbose=0).history["loss"]
    for own, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, was)  # the copy's training is not seen here
    assert model.fit(x, y, epochs=2, batch_size=16, verbose=0).history["loss"] == losses
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))


@COPIES
def test_a_compiled_model_is_trained_on_logits_after_copying_too(rng, copied):
    x, y = data(rng)
    model = forked()
    twin = copied(model)
    for one in (model, twin):
        one.fit(x, y, batch_size=40, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@COPIES
def test_freezing_a_copy_keeps_its_loss_on_logits(rng, copied):
    x, y = data(rng)
    model = straight()
    model.fit(x, y, verbose=0)
    twin = copied(model)
    for one in (model, twin):
        one.layers[0].trainable = False
        one.fit(x, y, verbose=0, batch_size=40)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@COPIES
def test_deep_models_are_no_deep_recursion(copied):
    model = Sequential([Input((2,)), *[layers.Dense(2) for _ in range(300)]])
    twin = copied(model)
    x = np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(model(x), twin(x))


@COPIES
def test_a_model_that_is_not_built_can_be_copied(copied):
    model = Sequential([layers.Dense(2)])
    twin = copied(model)
    assert twin(np.ones((1, 3))).shape == (1, 2)
    assert not model.built
