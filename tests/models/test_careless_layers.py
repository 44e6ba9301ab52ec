"""A user's own layer that changes what is not its own, or forgets a gradient, is told so."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import Input, Model, Sequential, layers
from minidl.layers import Layer

X, Y = np.ones((4, 3)), np.zeros((4, 3))


class Scale(Layer):
    """y = a x"""

    def build(self, input_shape):
        self.a = self.add_weight((input_shape[-1],), "ones", name="a")
        self.b = self.add_weight((input_shape[-1],), "ones", name="b")

    def forward(self, x, training=False):
        return x * self.a.value * self.b.value, x

    def backward(self, x, dy):
        self.a.grad = (x * dy * self.b.value).sum(axis=0)
        self.b.grad = (x * dy * self.a.value).sum(axis=0)
        return dy * self.a.value * self.b.value


class ChangesInput(Scale):
    def forward(self, x, training=False):
        x *= 2
        return super().forward(x)


class ChangesGradient(Scale):
    def backward(self, x, dy):
        dy *= 2
        return super().backward(x, dy)


class ForgetsOne(Scale):
    def backward(self, x, dy):
        self.a.grad = (x * dy * self.b.value).sum(axis=0)
        return dy * self.a.value * self.b.value


class FillsHalf(Scale):
    def backward(self, x, dy):
        dx = super().backward(x, dy)
        self.a.grad[:] = np.nan
        self.a.grad[:1] = 0.0
        return dx


class CallChanges(Layer):
    def call(self, x):
        x *= 2
        return x


def branched(layer):
    """The layer beside another that reads the same numbers."""
    x = Input((3,))
    h = layers.Dense(3)(x)
    model = Model(x, layers.Add()([layer(h), h]))
    model.compile("sgd", "mse")
    return model


def test_a_careful_one_trains():
    branched(Scale()).fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (ChangesInput, "forward changes its input in place"),
        (ChangesGradient, "backward changes dy or the residuals in place"),
        (ForgetsOne, "did not assign the whole gradient of 'scale/b'"),
        (FillsHalf, "did not assign the whole gradient of 'scale/a'"),
    ],
)
def test_a_careless_one_is_told(cls, message):
    with pytest.raises(ValueError, match=message):
        branched(cls(name="scale")).fit(X, Y, verbose=0)


def test_adding_to_a_gradient_is_noticed():
    class OnlyAdds(Scale):
        def backward(self, x, dy):
            self.a.grad += (x * dy * self.b.value).sum(axis=0)
            self.b.grad = (x * dy * self.a.value).sum(axis=0)
            return dy

    with pytest.raises(ValueError, match=r"not \+="):
        branched(OnlyAdds()).train_on_batch(X, Y)


def test_a_frozen_parameter_needs_no_gradient():
    layer = ForgetsOne()
    model = Sequential([Input((3,)), layer])
    layer.b.trainable = False
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_a_subclass_of_a_built_in_layer_steps_within_its_product():
    class MyDense(layers.Dense):
        pass

    model = Sequential([Input((3,)), MyDense(3), MyDense(3)])
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])


def test_a_call_cannot_change_its_input_in_inference_either():
    kept, layer = X.copy(), CallChanges()
    with pytest.raises(ValueError, match="read-only"):
        layer(kept)
    with pytest.raises(ValueError, match=r"x = x \*"):
        Sequential([Input((3,)), layer])
    layer.compute_output_shape = lambda shape: shape
    model = Sequential([Input((3,)), layer])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="forward changes its input in place"):
        model.predict(kept, verbose=0)
    with pytest.raises(ValueError, match="forward changes its input in place"):
        model.evaluate(kept, Y, verbose=0)
    np.testing.assert_array_equal(kept, X)
