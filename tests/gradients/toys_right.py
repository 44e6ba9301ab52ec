"""Layers that are right, in all that gradcheck looks at; wrong ones derive from them."""

from __future__ import annotations

import numpy as np

from minidl.layers import Dense, Layer
from minidl.random import SeedGenerator

RNG = np.random.default_rng(8)
X = RNG.standard_normal((4, 5)) + 0.1
IMAGES = RNG.standard_normal((2, 2, 3, 2))
SQUARE = RNG.standard_normal((4, 4)) + 0.1


class Affine(Layer):
    """x * scale + shift: right, and the base of many that are wrong."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")
        self.shift = self.add_weight((input_shape[-1],), initializer="zeros", name="shift")

    def forward(self, x, training=False):
        return x * self.scale.value + self.shift.value, x

    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class Linear(Layer):
    """x W: right."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 4), name="kernel")

    def forward(self, x, training=False):
        return x @ self.kernel.value, x

    def backward(self, x, dy):
        self.kernel.grad = x.T @ dy
        return dy @ self.kernel.value.T


class Softmax(Layer):
    """A right one."""

    def forward(self, x, training=False):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def backward(self, y, dy):
        return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


class Dropping(Layer):
    """Random, in training only: right."""

    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = SeedGenerator(3)

    def forward(self, x, training=False):
        if not training:
            return x, None
        mask = (self.seed_generator.generator.random(x.shape) >= self.rate).astype(x.dtype)
        return x * mask, mask

    def backward(self, mask, dy):
        return dy if mask is None else dy * mask


class Centering(Layer):
    """Subtracts the batch's mean in training, a moving one otherwise: right."""

    def build(self, input_shape):
        self.moving_mean = self.add_weight(
            (input_shape[-1],), initializer="zeros", trainable=False, name="moving_mean"
        )

    def forward(self, x, training=False):
        if not training:
            return x - self.moving_mean.value, False
        mean = x.mean(axis=0)
        self.moving_mean.value = 0.9 * self.moving_mean.value + 0.1 * mean
        return x - mean, True

    def backward(self, training, dy):
        return dy - dy.mean(axis=0) if training else dy


class Mix(Layer):
    """Two inputs, two outputs: right."""

    def forward(self, x, training=False):
        a, b = x
        return [a * b, a + 3 * b], (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        d, e = dy
        return [d * b + e, d * a + 3 * e]


class Lookup(Layer):
    """Rows of a table by integers: right, and without a dx."""

    def build(self, input_shape):
        self.table = self.add_weight((6, 3), name="table")

    def forward(self, x, training=False):
        return self.table.value[x], x

    def backward(self, x, dy):
        self.table.grad[...] = 0
        np.add.at(self.table.grad, x, dy)
        return


class Shifted(Layer):
    """An option of forward, which has no training: right."""

    def forward(self, x, factor=1.0):
        return x * factor, factor

    def backward(self, factor, dy):
        return dy * factor


class Single(Layer):
    """Makes a weight and a constant in float32, whatever its dtype: right."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), dtype="float32", name="scale")
        self.offset = np.linspace(0, 1, input_shape[-1], dtype="float32")

    def forward(self, x, training=False):
        return np.tanh(x * self.scale.value.astype(x.dtype) + self.offset), x

    def backward(self, x, dy):
        dz = dy / np.cosh(x * self.scale.value + self.offset) ** 2
        self.scale.grad = (x * dz).sum(axis=0)
        return dz * self.scale.value


class Holder(Layer):
    """A layer with a layer within: right."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = Affine(name="first"), Affine(name="second")

    def build(self, input_shape):
        self.first.ensure_built(input_shape)
        self.second.ensure_built(input_shape)

    def forward(self, x, training=False):
        h, a = self.first.forward(x, training)
        y, b = self.second.forward(h, training)
        return y, (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        return self.first.backward(a, self.second.backward(b, dy))


RIGHT = [
    (Affine(), X),
    (Linear(), X),
    (Linear(), SQUARE),
    (Softmax(), X),
    (Softmax(), SQUARE[:1]),
    (Dropping(), X),
    (Centering(), X),
    (Mix(), [X, X[::-1].copy()]),
    (Lookup(), np.array([[0, 3], [3, 5]])),
    (Shifted(), X),
    (Holder(), X),
    (Single(), X),
    (Dense(3, activation="tanh"), X),
    (Dense(3, use_bias=False), RNG.standard_normal((2, 3, 4))),
]
