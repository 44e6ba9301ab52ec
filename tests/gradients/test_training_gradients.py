"""What training hands to the optimizer is the derivative of the loss that it reports.

That takes in what no layer knows of: the loss behind the last activation, weights of samples and
of outputs, penalties on parameters and on activities, layers that stand in the model twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Input, Model, config, layers, optimizers, regularizers
from minidl.gradcheck.compare import Mismatch, Problem, compare
from minidl.random import set_root_seed
from minidl.testing import batches, one_hot, sample_weights

ROWS, FEATURES, CLASSES = 4, 3, 3


@pytest.fixture(autouse=True)
def double() -> Any:
    """Everything in float64."""
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


@st.composite
def penalties(draw: st.DrawFn) -> Any:
    make = draw(st.sampled_from([None, regularizers.L1, regularizers.L2, regularizers.L1L2]))
    return None if make is None else make(*[0.3] * (2 if make is regularizers.L1L2 else 1))


@st.composite
def compiled_models(draw: st.DrawFn) -> Model:
    """A model with a probability and a number as outputs, and a layer that is called twice."""
    set_root_seed(draw(st.integers(0, 99)))
    x = Input((FEATURES,))
    shared = layers.Dense(
        FEATURES,
        activation="tanh",
        kernel_regularizer=draw(penalties()),
        activity_regularizer=draw(penalties()),
    )
    h = shared(shared(x))
    if draw(st.booleans()):
        h = layers.LayerNormalization(gamma_regularizer=draw(penalties()))(h)
    activation, loss = draw(
        st.sampled_from(
            [
                ("softmax", "categorical_crossentropy"),
                ("sigmoid", "binary_crossentropy"),
                ("softplus", "poisson"),
            ]
        )
    )
    first = layers.Dense(CLASSES, activation=activation, activity_regularizer=draw(penalties()))(h)
    second = layers.Dense(CLASSES, bias_regularizer=draw(penalties()))(h)
    model = Model(x, [first, second])
    # Such a small rate changes no weight, and leaves the gradients to look at.
    model.compile(optimizers.SGD(1e-200), [loss, "mse"], loss_weights=[0.7, 1.9])
    return model


@given(
    compiled_models(),
    batches(FEATURES, ROWS),
    one_hot(CLASSES, ROWS),
    batches(CLASSES, ROWS),
    st.one_of(st.none(), st.tuples(sample_weights(ROWS), sample_weights(ROWS))),
)
def test_training_descends_the_loss_that_it_reports(model, x, first, second, weights):
    y = [first, second]
    weights = None if weights is None else list(weights)
    before = model.get_weights()
    reported = model.train_on_batch(x, y, sample_weight=weights)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=1e-100)
    gradients = [p.grad.copy() for p in model.trainable_weights]

    def loss() -> Any:
        model.reset_metrics()  # else it is the mean over all batches so far
        return np.atleast_1d(model.test_on_batch(x, y, sample_weight=weights))[:1]

    np.testing.assert_allclose(np.atleast_1d(reported)[:1], loss(), rtol=1e-12)
    rng = np.random.default_rng(0)
    for parameter, gradient in zip(model.trainable_weights, gradients, strict=True):
        assert parameter.dtype == np.float64
        problem = Problem(parameter.value, loss, np.ones(1), rng, tolerance=1e-6, entries=4)
        result = compare(parameter.path, problem, gradient)
        assert not isinstance(result, Mismatch), (parameter.path, result)
