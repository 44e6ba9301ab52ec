"""What layers add to the loss within a `call`: in training, evaluation, and under a tape."""

from __future__ import annotations

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.autodiff import GradientTape, NotDifferentiableError
from minidl.gradcheck import GradientError, gradcheck
from minidl.layers import Layer

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))


class Quiet(Layer):
    """tanh(x W), and the mean of its squares added to the loss."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 2), name="kernel")

    def call(self, x):
        y = np.tanh(x @ self.kernel)
        self.add_loss(0.5 * np.mean(y**2))
        return y


class Penalised(Layer):
    """A Dense within, whose output is penalised."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        penalty = minidl.regularizers.L2(0.3)
        self.dense = layers.Dense(2, "tanh", activity_regularizer=penalty, dtype=self.dtype)

    def call(self, x):
        return 2 * self.dense(x)


def by_differences(model, parameter):
    """The gradient of the whole loss with respect to a parameter, numerically."""
    found = np.zeros(parameter.shape)
    for i in np.ndindex(*parameter.shape):
        values = []
        for step in (1e-6, -1e-6):
            parameter.value[i] += step
            values.append(model.evaluate(X, Y, verbose=0, batch_size=6))
            parameter.value[i] -= step
        found[i] = (values[0] - values[1]) / 2e-6
    return found


def compiled(*stack):
    minidl.utils.set_random_seed(0)
    model = Sequential([Input((3,), dtype="float64"), *stack])
    model.compile(minidl.optimizers.SGD(1e-9), "mse")
    return model


@pytest.mark.parametrize("cls", [Quiet, Penalised])
def test_it_counts_in_training_and_evaluation_with_its_gradient(cls):
    model = compiled(cls(dtype="float64"))
    y = model.predict(X, verbose=0)
    plain = np.mean((y - Y) ** 2)
    extra = 0.5 * np.mean(y**2) if cls is Quiet else 0.3 * np.sum((y / 2) ** 2) / len(X)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), plain + extra, rtol=1e-6)
    np.testing.assert_allclose(model.train_on_batch(X, Y), plain + extra, rtol=1e-6)
    parameter = model.trainable_weights[0]
    np.testing.assert_allclose(parameter.grad, by_differences(model, parameter), atol=1e-8)


@pytest.mark.parametrize("cls", [Quiet, Penalised])
def test_gradcheck_knows_of_it(cls):
    gradcheck(cls(), input_shape=(4, 3))


def test_gradcheck_finds_it_where_the_gradient_is_left_out():
    class Deaf(Quiet):
        def call(self, x):
            y = np.tanh(x @ self.kernel)
            self.add_loss(0.5 * np.mean(minidl.autodiff.stop_gradient(y) ** 2))
            return y

    with pytest.raises(GradientError):
        gradcheck(Deaf(), input_shape=(4, 3))


@pytest.mark.parametrize("inner", [Quiet, Penalised])
def test_within_other_layers_and_models(inner):
    """A custom layer in a custom layer, and a graph in a custom layer."""

    class Outer(Layer):
        def __init__(self, within, **kwargs):
            super().__init__(**kwargs)
            self.within = within

        def call(self, x):
            return self.within(x) + 1

    direct = compiled(
        inner(dtype="float64", name="same"), layers.Rescaling(1.0, offset=1.0, dtype="float64")
    )
    graph = Sequential([Input((3,), dtype="float64"), inner(dtype="float64")])
    losses = {}
    for name, within in (("layer", inner(dtype="float64")), ("graph", graph)):
        model = compiled(Outer(within, dtype="float64"))
        model.set_weights(direct.get_weights())
        losses[name] = model.train_on_batch(X, Y)
        for ours, theirs in zip(model.trainable_weights, direct.trainable_weights, strict=True):
            expected = theirs.grad.copy() if name == "graph" else by_differences(model, ours)
            if name == "layer":
                direct.train_on_batch(X, Y)
            np.testing.assert_allclose(ours.grad, expected, atol=1e-7)
    np.testing.assert_allclose(losses["layer"], losses["graph"], rtol=1e-6)


def test_time_distributed_hands_it_on():
    class Loud(Quiet):
        def call(self, x):
            self.add_loss(3.0 + 0 * np.sum(x))
            return super().call(x)

    model = Sequential([Input((4, 3)), layers.TimeDistributed(Loud())])
    model.compile("sgd", "mse")
    x, y = np.zeros((2, 4, 3)), np.zeros((2, 4, 2))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(3.0)


def test_a_subclassed_model_and_a_loop_of_ones_own():
    class Net(Model):
        def __init__(self):
            super().__init__(dtype="float64")
            self.hidden = Penalised(dtype="float64")
            self.out = layers.Dense(2, kernel_regularizer="l2", dtype="float64")

        def call(self, x):
            h = self.hidden(x)
            self.add_loss(np.mean(h))
            return self.out(h)

    model = Net()
    model.compile(minidl.optimizers.SGD(1e-9), "mse")
    expected = model.train_on_batch(X, Y)
    kept = [p.grad.copy() for p in model.trainable_weights]
    with GradientTape() as tape:
        for _ in range(2):  # a new call begins anew
            prediction = model(X, training=True)
        assert len(model.losses) == 3
        loss = model.compute_loss(y=Y, y_pred=prediction)
    np.testing.assert_allclose(float(loss), expected, rtol=1e-6)
    for ours, theirs in zip(tape.gradient(loss, model.trainable_weights), kept, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_functional_model_under_a_tape():
    model = compiled(Quiet(dtype="float64"), layers.Dense(2, activity_regularizer="l2"))
    expected = model.train_on_batch(X, Y)
    with GradientTape() as tape:
        loss = model.compute_loss(y=Y, y_pred=model(X, training=True))
    np.testing.assert_allclose(float(loss), expected, rtol=1e-6)
    gradients = tape.gradient(loss, model.trainable_weights)
    for g, parameter in zip(gradients, model.trainable_weights, strict=True):
        np.testing.assert_allclose(g, parameter.grad, rtol=1e-5, atol=1e-7)


def test_a_plain_call_has_no_losses():
    layer = Quiet()
    layer(X)
    assert layer.losses == []


def test_where_it_cannot_be_followed_it_raises():
    class Pair(Layer):
        def forward(self, x, training=False):
            self.add_loss(1.0)
            return x, None

        def backward(self, residuals, dy):
            return dy

    class Several(Layer):
        def call(self, x):
            self.add_loss(x)
            return x

    class Around(Layer):
        def __init__(self):
            super().__init__()
            self.steps = layers.TimeDistributed(Quiet())

        def call(self, x):
            return self.steps(x)

    with pytest.raises(TypeError, match="Write the layer with call"):
        Pair().forward(X)
    with pytest.raises(ValueError, match=r"shape \(6, 3\), expected one number"):
        Several()(X, training=True)
    around = Around()
    _, residuals = around.forward(np.ones((2, 4, 3)), training=True)
    with pytest.raises(NotDifferentiableError, match="adds to the loss"):
        around.backward(residuals, np.ones((2, 4, 2)))


def test_evaluation_and_prediction_are_not_traced(monkeypatch):
    from minidl.autodiff import pairs

    model = compiled(Quiet(dtype="float64"))
    model.evaluate(X, Y, verbose=0)
    monkeypatch.setattr(pairs, "Tape", None)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model(X)
    with pytest.raises(TypeError):
        model.train_on_batch(X, Y)
