"""Hand-derived gradients against those of the plain definition, by minidl.autodiff: to 1e-10.

The third witness, differences of the function itself, speaks in `test_gradients.py`, on the same
cases.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from minidl.autodiff import GradientTape, vjp
from minidl.gradcheck.twin import double_twin

from .cases import CASES
from .definitions import ACTIVATIONS, LAYERS, LOSSES, REGULARIZERS

rng = np.random.default_rng(0)
few = settings(max_examples=8, suppress_health_check=list(HealthCheck))


def agree(found, expected):
    """Compare relative to the largest entry: what cancels has no digits of its own."""
    largest = max(np.abs(expected).max(initial=0.0), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * largest)


@pytest.mark.parametrize("cls", ACTIVATIONS, ids=lambda cls: cls.__name__)
def test_activation(cls):
    @few
    @given(CASES[cls])
    def check(trial):
        activation, z = trial.obj, trial.inputs[0]
        y, residuals = activation.forward(z)
        plain, pull = vjp(lambda z: ACTIVATIONS[cls](activation, z), z)
        dy = rng.standard_normal(y.shape)
        agree(plain, y)
        agree(pull(dy)[0], activation.backward(residuals, dy))

    check()


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_loss(cls):
    @few
    @given(CASES[cls])
    def check(trial):
        loss, (y_true, y_pred) = trial.obj, trial.inputs[:2]
        y_true, y_pred = loss.prepare(y_true, y_pred)
        values, pull = vjp(lambda p: LOSSES[cls](loss, y_true, p), y_pred)
        agree(values, loss.values(y_true, y_pred))
        agree(pull(np.ones_like(values))[0], loss.gradient(y_true, y_pred))

    check()


@pytest.mark.parametrize("cls", REGULARIZERS, ids=lambda cls: cls.__name__)
def test_regularizer(cls):
    @few
    @given(CASES[cls])
    def check(trial):
        regularizer, x = trial.obj, trial.inputs[0]
        value, pull = vjp(lambda x: REGULARIZERS[cls](regularizer, x), x)
        agree(value, regularizer(x))
        agree(pull(1.0)[0], regularizer.gradient(x))

    check()


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_layer(cls):
    @few
    @given(CASES[cls])
    def check(trial):
        layer, x = double_twin(trial.obj), trial.inputs[0]
        layer(x)
        y, residuals = layer.forward(x, training=True)
        dy = rng.standard_normal(y.shape)
        dx = layer.backward(residuals, dy)
        expected = [p.grad.copy() for p in layer.trainable_weights]
        with GradientTape() as tape:
            traced = tape.watch(x)
            plain = LAYERS[cls](layer, traced)
        agree(np.asarray(plain), y)
        found = tape.gradient(plain, [traced, layer.trainable_weights], dy, "zero")
        for ours, hand in zip(found[0] if isinstance(x, list) else [found[0]],
                              dx if isinstance(x, list) else [dx], strict=True):  # fmt: skip
            agree(ours, hand)
        for ours, hand in zip(found[1], expected, strict=True):
            agree(ours, hand)

    check()
