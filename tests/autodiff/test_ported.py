"""The ten ported layers: gradients, training, and the way through a configuration and back."""

from __future__ import annotations

import numpy as np
import pytest

import minidl
from minidl import Input, Model, layers
from minidl.gradcheck import gradcheck

from .ported import PORTED, VectorQuantizer

rng = np.random.default_rng(0)


def _inputs(what, batch=None):
    if isinstance(what, np.ndarray):
        return what
    if isinstance(what, list):
        return [_inputs(shape, batch) for shape in what]
    return rng.normal(size=(batch or what[0], *what[1:])).astype(np.float32)


@pytest.mark.parametrize("name", sorted({*PORTED} - {"vector quantizer", "spectral normalization"}))
def test_gradients(name):
    make, what = PORTED[name]
    if isinstance(what, np.ndarray):
        assert gradcheck(make(), what).worst < 1e-6
    else:
        assert gradcheck(make(), input_shape=what).worst < 1e-6


def test_spectral_normalization_is_right_up_to_what_it_holds_constant():
    """At the singular vectors themselves, their own change does not change the largest value."""
    make, _ = PORTED["spectral normalization"]
    layer = make()
    layer.steps = 60
    assert gradcheck(layer, input_shape=(4, 5), training=False).worst < 1e-6


def test_the_quantizer_passes_gradients_straight_through():
    layer = VectorQuantizer(6)
    x = _inputs((8, 3))
    y, residuals = layer.forward(layer_built(layer, x), training=True)
    dy = rng.normal(size=y.shape).astype(np.float32)
    np.testing.assert_array_equal(layer.backward(residuals, dy), dy)
    book = layer.book.value.T
    nearest = ((x[:, None] - book) ** 2).sum(axis=-1).argmin(axis=1)
    np.testing.assert_allclose(y, book[nearest], rtol=1e-4, atol=1e-6)
    expected = np.zeros_like(book)
    np.add.at(expected, nearest, dy)
    np.testing.assert_allclose(layer.book.grad.T, expected, rtol=1e-4, atol=1e-6)


def layer_built(layer, x):
    layer(x)
    return x


@pytest.mark.parametrize("name", PORTED)
def test_it_trains_and_comes_back_from_its_configuration_and_weights(name):
    make, what = PORTED[name]
    x = _inputs(what, 16)
    flat = x if isinstance(x, list) else [x]
    inputs = [Input(a.shape[1:]) for a in flat]
    custom = make()
    h = layers.Flatten()(custom(inputs if isinstance(x, list) else inputs[0]))
    model = Model(inputs, layers.Dense(1)(h))
    model.compile(minidl.optimizers.Adam(0.02), "mse")
    first = flat[0].astype(np.float32)
    y = np.tanh(first.reshape(len(first), -1).sum(axis=1, keepdims=True))
    before = custom.get_weights()
    losses = model.fit(x, y, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    trained = [p for p in custom.trainable_weights]
    assert trained
    moved = [not np.array_equal(a, b) for a, b in zip(before, custom.get_weights(), strict=True)]
    assert all(moved)
    again = type(custom).from_config(custom.get_config())
    again(x)
    again.set_weights(custom.get_weights())
    np.testing.assert_allclose(again(x), custom(x), rtol=1e-5, atol=1e-6)
