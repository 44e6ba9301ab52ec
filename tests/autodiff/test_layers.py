"""Layers, models, losses and training loops that write no gradient."""

from __future__ import annotations

import numpy as np
import pytest

import minidl
from minidl import Input, Sequential, activations, layers, losses, models
from minidl.autodiff import GradientTape, NotDifferentiableError, grad
from minidl.gradcheck import gradcheck

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 3)).astype(np.float32)
Y = X[:, :1] * X[:, 1:2]


class PlainDense(minidl.Layer):
    """A Dense in one method."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return self.activation(x @ self.kernel + self.bias)


class Nested(minidl.Layer):
    """Layers of both kinds within, one of them twice, and one that only training sees."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = layers.Dense(4, "tanh")
        self.drop = layers.Dropout(0.5)
        self.normal = layers.LayerNormalization()
        self.last = PlainDense(2, "softmax")

    def build(self, input_shape):
        self.scale = self.add_weight((), initializer="ones", name="scale")
        self.unused = self.add_weight((2,), initializer="ones", name="unused")

    def call(self, x):
        h = self.inside(x)
        h = self.drop(self.normal(h * self.scale.value))
        return self.last(h) * self.last(self.inside(x) + 1)


class TwoInputs(minidl.Layer):
    def call(self, a, b):
        return np.concatenate([a * b, np.abs(a - b)], axis=-1)


class SeveralOutputs(minidl.Layer):
    def call(self, x):
        return [
            np.sort(x, axis=-1)[:, ::-1] * 2,
            np.mean(x, axis=0, keepdims=True) * np.ones_like(x),
        ]


CASES = {
    "dense": (lambda: PlainDense(3, "relu"), (4, 5)),
    "dense on sequences": (lambda: PlainDense(3, "softmax"), (2, 3, 4)),
    "nested": (Nested, (4, 5)),
    "two inputs": (TwoInputs, [(4, 3), (4, 3)]),
    "several outputs": (SeveralOutputs, (4, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_call(name):
    make, shape = CASES[name]
    assert gradcheck(make(), input_shape=shape).worst < 1e-6


def test_it_is_the_built_in_layers_gradient_to_the_last_digit_but_one():
    x, dy = rng.normal(size=(8, 5)), rng.normal(size=(8, 3))
    built_in, plain = (
        layers.Dense(3, "tanh", dtype="float64"),
        PlainDense(3, "tanh", dtype="float64"),
    )
    for layer in (built_in, plain):
        layer.build((None, 5))
    plain.set_weights(built_in.get_weights())
    results = []
    for layer in (built_in, plain):
        y, residuals = layer.forward(x, training=True)
        results.append([y, layer.backward(residuals, dy), layer.kernel.grad, layer.bias.grad])
    for hand, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, hand, rtol=1e-13, atol=1e-14)


def test_need_dx_and_frozen_parameters():
    layer = PlainDense(3)
    layer.build((None, 5))
    x = rng.normal(size=(8, 5)).astype(np.float32)
    y, residuals = layer.forward(x)
    layer.bias.trainable = False
    layer.bias.grad[...] = 7
    assert layer.backward(residuals, np.ones_like(y), need_dx=False) is None
    np.testing.assert_allclose(layer.kernel.grad, x.T @ np.ones_like(y), rtol=1e-5)
    assert (layer.bias.grad == 7).all()


def test_training_reaches_the_layers_within_and_their_state():
    class Block(minidl.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.norm = layers.BatchNormalization(momentum=0.5)
            self.drop = layers.Dropout(0.9)

        def call(self, x):
            return self.drop(self.norm(x))

    block = Block()
    assert (block(X) != 0).all()
    moving = block.norm.moving_mean.value.copy()
    y = block(X, training=True)
    assert (y == 0).mean() > 0.7
    assert not np.array_equal(moving, block.norm.moving_mean.value)
    model = Sequential([Input((3,)), block, layers.Dense(1)])
    model.compile("sgd", "mse")
    moving = block.norm.moving_mean.value.copy()
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(moving, block.norm.moving_mean.value)


def test_state_that_call_assigns():
    class Counts(minidl.Layer):
        def build(self, input_shape):
            self.mean = self.add_weight((3,), initializer="zeros", trainable=False, name="mean")

        def call(self, x, training=False):
            if training:
                self.mean.assign(0.5 * self.mean + 0.5 * np.mean(x, axis=0))
            return x - self.mean

    layer = Counts()
    layer(X)
    assert (layer.mean.value == 0).all()
    layer.forward(X, training=True)
    np.testing.assert_allclose(layer.mean.value, X.mean(axis=0) / 2, rtol=1e-4)


def test_a_call_without_a_derivative_fails_in_training_and_names_the_line():
    class Unique(minidl.Layer):
        def call(self, x):
            return np.unique(x, axis=0)  # this line

    layer = Unique()
    _, residuals = layer.forward(X)
    with pytest.raises(
        NotDifferentiableError, match=r"(?s)np\.unique.*test_layers\.py:\d+.*this line"
    ):
        layer.backward(residuals, X)


def test_a_call_that_changes_its_input_fails():
    class InPlace(minidl.Layer):
        def call(self, x):
            x += 1
            return x

    before = X.copy()
    with pytest.raises(ValueError, match=r"x = x \+"):
        Sequential([Input((3,)), layers.Dense(3), InPlace(), layers.Dense(1)])
    with pytest.raises(RuntimeError, match=r"x = x \+"):
        InPlace().forward(X, training=True)
    with pytest.raises(ValueError, match="read-only"):
        InPlace()(X)
    assert np.array_equal(X, before)


class SubclassedModel(minidl.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(16, "tanh")
        self.second = PlainDense(1)

    def call(self, x, training=False):
        return self.second(self.first(x)) * 1.0


def _compiled(cls=SubclassedModel, loss="mse", **options):
    minidl.utils.set_random_seed(1)
    model = cls()
    model.compile(minidl.optimizers.Adam(0.03), loss, **options)
    return model


def test_a_subclassed_model_with_its_own_call():
    model = _compiled(metrics=["mae"])
    history = model.fit(X, Y, epochs=40, verbose=0, validation_data=(X, Y)).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert model.count_params() == 3 * 16 + 16 + 16 + 1
    assert model.predict(X, verbose=0).shape == (64, 1)
    np.testing.assert_allclose(
        model.evaluate(X, Y, verbose=0)[0],
        np.mean((model.predict(X, verbose=0) - Y) ** 2),
        rtol=1e-4,
    )
    assert gradcheck(model, X[:4].astype(np.float64)).worst < 1e-6


def test_it_trains_as_the_functional_model_does():
    subclassed = SubclassedModel()
    subclassed(X)
    functional = Sequential([Input((3,)), layers.Dense(16, "tanh"), layers.Dense(1)])
    functional.set_weights(subclassed.get_weights())
    losses_ = []
    for model in (subclassed, functional):
        model.compile(minidl.optimizers.SGD(0.1), "mse")
        losses_.append(model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses_[0], losses_[1], rtol=1e-5)


def test_a_training_loop_of_ones_own():
    model = _compiled()
    model(X)
    loss_of, optimizer = losses.MeanSquaredError(), minidl.optimizers.Adam(0.03)
    seen = []
    for _ in range(60):
        with GradientTape() as tape:
            loss = loss_of(Y, model(X, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        seen.append(float(loss))
    assert seen[-1] < 0.2 * seen[0]


def test_a_tape_gives_what_backward_gives():
    model = Sequential(
        [Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(1)]
    )
    loss_of = losses.Huber()
    y, residuals = model.forward(X, training=True)
    model.backward(residuals, loss_of.backward(Y, y))
    expected = [p.grad.copy() for p in model.trainable_weights]
    with GradientTape() as tape:
        loss = loss_of(Y, model(X, training=True))
    found = tape.gradient(loss, model.trainable_weights)
    for hand, taped in zip(expected, found, strict=True):
        np.testing.assert_allclose(taped, hand, rtol=1e-5, atol=1e-7)


class OwnStep(SubclassedModel):
    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"my_loss": loss, "mean": np.mean(y_pred)}


def test_a_train_step_of_ones_own():
    model = _compiled(OwnStep)
    history = model.fit(X, Y, epochs=40, verbose=0, validation_data=(X, Y)).history
    assert set(history) == {"my_loss", "mean", "val_loss"}
    assert isinstance(history["my_loss"][0], float)
    assert history["my_loss"][-1] < 0.3 * history["my_loss"][0]
    plain = _compiled()
    same = plain.fit(X, Y, epochs=40, verbose=0, validation_data=(X, Y)).history
    np.testing.assert_allclose(history["val_loss"], same["val_loss"], rtol=1e-3)


def test_a_train_step_may_go_on_with_the_built_in_one():
    class Counting(SubclassedModel):
        steps = 0

        def train_step(self, data):
            type(self).steps += 1
            return super().train_step(data)

    model = _compiled(Counting)
    assert "loss" in model.fit(X, Y, epochs=2, verbose=0).history
    assert Counting.steps == 4


def test_compute_loss_has_the_penalties():
    class Penalised(SubclassedModel):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = layers.Dense(16, "tanh", kernel_regularizer="l2")

    model = _compiled(Penalised)
    model(X)
    with GradientTape() as tape:
        y = model(X)
        loss = model.compute_loss(X, Y, y)
    kernel = model.first.kernel
    expected = np.mean((np.asarray(y) - Y) ** 2) + 0.01 * np.sum(kernel.value**2)
    np.testing.assert_allclose(float(loss), expected, rtol=1e-5)
    with GradientTape() as bare:
        plain = losses.MeanSquaredError()(Y, model(X))
    difference = tape.gradient(loss, kernel) - bare.gradient(plain, kernel)
    np.testing.assert_allclose(difference, 0.02 * kernel.value, atol=1e-5)


def test_plain_functions_in_a_model():
    def own_loss(y_true, y_pred):
        return np.mean(np.log(np.cosh(y_true - y_pred)), axis=-1)

    model = Sequential([
        Input((3,)),
        layers.Dense(
            16, lambda z: z / (1 + np.exp(-z)), kernel_regularizer=lambda w: 1e-4 * np.sum(w**2)
        ),
        layers.Dense(1),
    ])  # fmt: skip
    model.compile(minidl.optimizers.Adam(0.03), own_loss)
    history = model.fit(X, Y, epochs=40, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]


def test_losses_of_which_nothing_is_reduced():
    y_pred = rng.normal(size=(4, 3))
    y_true, weight = rng.normal(size=(4, 3)), rng.uniform(size=4)
    for loss in (losses.MeanSquaredError(reduction=None), losses.MeanSquaredError().values):
        found = grad(lambda p, f=loss: np.sum(f(y_true, p) * weight))(y_pred)
        np.testing.assert_allclose(found, 2 / 3 * (y_pred - y_true) * weight[:, None])


def test_a_gradient_of_a_gradient_through_a_hand_written_layer_raises():
    dense = layers.Dense(1, "tanh", dtype="float64")
    dense(X)
    slope = grad(lambda x: np.sum(dense(x)))
    assert slope(X.astype(np.float64)).shape == X.shape
    with pytest.raises(NotDifferentiableError, match="gradient of a gradient"):
        grad(lambda x: np.sum(slope(x) ** 2))(X.astype(np.float64))
    plain = PlainDense(1, lambda z: np.tanh(z), dtype="float64")
    plain(X)
    penalty = grad(lambda x: np.sum(grad(lambda x: np.sum(np.tanh(x @ plain.kernel)))(x) ** 2))
    assert penalty(X.astype(np.float64)).shape == X.shape


def test_symbolic_calls_and_configurations():
    x = Input((5,))
    y = PlainDense(3, "relu", name="mine")(x)
    assert y.shape == (None, 3)
    model = minidl.Model(x, layers.Dense(1)(y))
    again = PlainDense.from_config(model.get_layer("mine").get_config())
    assert again.units == 3
    assert isinstance(model, models.Model)


def test_import_and_built_in_training_do_not_load_autodiff():
    import subprocess
    import sys

    program = (
        "import sys, numpy as np, minidl\n"
        "from minidl import layers, losses, models, optimizers\n"
        "m = minidl.Sequential([minidl.Input((2,)), layers.Dense(1, 'relu')])\n"
        "m.compile('adam', 'mse')\n"
        "m.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)\n"
        "print([name for name in sys.modules if name.startswith('minidl.autodiff')])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_plain_gradient_descent_of_a_layer_that_is_called_twice():
    """Such a step may be taken within backward, but not where gradients have to be added up."""

    class Twice(minidl.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inside = layers.Dense(3, "tanh")

        def call(self, x):
            return self.inside(self.inside(x))

    block = Twice()
    model = Sequential([Input((3,)), block, layers.Dense(1)])
    y, residuals = model.forward(X, training=True)
    loss = losses.MeanSquaredError()
    model.backward(residuals, loss.backward(Y, y))
    expected = [p.value - 0.1 * p.grad for p in model.trainable_weights]
    model.compile(minidl.optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, Y)
    for parameter, value in zip(model.trainable_weights, expected, strict=True):
        np.testing.assert_allclose(parameter.value, value, rtol=1e-5, atol=1e-6)
