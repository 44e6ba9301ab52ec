"""Ten custom layers in the styles that published Keras scripts have, written with `ops`.

Only the import lines differ from Keras 3: `from minidl import ops, layers` and `minidl.Layer`.
"""

from __future__ import annotations

import numpy as np

import minidl
from minidl import layers, ops


class AttentionBlock(minidl.Layer):
    """Self-attention of one head, a residual sum, and a normalization."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.query, self.key, self.value = (layers.Dense(size) for _ in range(3))
        self.normal = layers.LayerNormalization()

    def call(self, x):
        scores = ops.matmul(self.query(x), ops.transpose(self.key(x), (0, 2, 1)))
        weights = ops.softmax(scores / self.size**0.5, axis=-1)
        return self.normal(x + ops.matmul(weights, self.value(x)))


class SpectralDense(minidl.Layer):
    """A Dense whose kernel is divided by its largest singular value, found by power iteration."""

    def __init__(self, units, steps=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.steps = units, steps

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.u = self.add_weight((1, self.units), "random_normal", trainable=False, name="u")

    def call(self, x, training=False):
        u = self.u.value
        kernel = ops.stop_gradient(self.kernel)
        for _ in range(self.steps):
            v = ops.normalize(ops.matmul(u, ops.transpose(kernel)))
            u = ops.normalize(ops.matmul(v, kernel))
        if training:
            self.u.assign(u)
        sigma = ops.matmul(ops.matmul(v, self.kernel), ops.transpose(u))
        return ops.matmul(x, self.kernel / sigma)


class PositionEmbedding(minidl.Layer):
    """Tokens and positions, each with a learned vector."""

    def __init__(self, tokens, length, size, **kwargs):
        super().__init__(**kwargs)
        self.tokens, self.length, self.size = tokens, length, size

    def build(self, input_shape):
        self.words = self.add_weight((self.tokens, self.size), "uniform", name="words")
        self.places = self.add_weight((self.length, self.size), "uniform", name="places")

    def call(self, x):
        words = ops.take(self.words, ops.cast(x, "int32"), axis=0)
        return words + self.places[: ops.shape(x)[1]]


class Patches(minidl.Layer):
    """An image cut into patches, each of them projected, with a learned position."""

    def __init__(self, side, size, **kwargs):
        super().__init__(**kwargs)
        self.side, self.size = side, size
        self.projection = layers.Dense(size)

    def build(self, input_shape):
        count = (input_shape[1] // self.side) * (input_shape[2] // self.side)
        self.position = self.add_weight((count, self.size), "random_normal", name="position")

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        p = self.side
        x = ops.reshape(x, (batch, height // p, p, width // p, p, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return self.projection(ops.reshape(x, (batch, -1, p * p * channels))) + self.position


class MixtureOfExperts(minidl.Layer):
    """Several experts, and a gate that weighs the best two of them."""

    def __init__(self, units, experts=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.experts = units, experts
        self.gate = layers.Dense(experts, "softmax")
        self.parts = [layers.Dense(units, "tanh") for _ in range(experts)]

    def call(self, x):
        gate = self.gate(x)
        best, _ = ops.top_k(gate, 2)
        gate = ops.where(gate >= best[:, -1:], gate, 0.0)
        gate = gate / ops.sum(gate, axis=-1, keepdims=True)
        outputs = ops.stack([part(x) for part in self.parts], axis=1)
        return ops.einsum("be,beu->bu", gate, outputs)


class Highway(minidl.Layer):
    """A gate between what a Dense makes of the input and the input itself."""

    def build(self, input_shape):
        size = input_shape[-1]
        self.transform = self.add_weight((size, size), name="transform")
        self.carry = self.add_weight((size, size), name="carry")
        self.bias = self.add_weight((size,), minidl.initializers.Constant(-1.0), name="bias")

    def call(self, x):
        t = ops.sigmoid(x @ self.carry + self.bias)
        return t * ops.relu(x @ self.transform) + (1 - t) * x


class FiLM(minidl.Layer):
    """Scales and moves features by what a condition says."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def build(self, input_shape):
        features, _condition = input_shape
        self.to_both = layers.Dense(2 * features[-1], kernel_initializer="random_normal")

    def call(self, inputs):
        x, condition = inputs
        gamma, beta = ops.split(self.to_both(condition), 2, axis=-1)
        return x * (1 + gamma) + beta


class SqueezeExcite(minidl.Layer):
    """Weighs channels by what all places say."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = layers.Dense(channels // self.ratio, "relu")
        self.excite = layers.Dense(channels, "sigmoid")

    def call(self, x):
        weights = self.excite(self.squeeze(ops.mean(x, axis=[1, 2])))
        return x * ops.expand_dims(ops.expand_dims(weights, 1), 1)


class VectorQuantizer(minidl.Layer):
    """The nearest of some learned vectors; the gradient goes straight through the choice."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape):
        self.book = self.add_weight((input_shape[-1], self.count), "random_normal", name="book")

    def call(self, x):
        distance = (
            ops.sum(x**2, axis=1, keepdims=True)
            + ops.sum(self.book**2, axis=0)
            - 2 * ops.matmul(x, self.book)
        )
        chosen = ops.one_hot(ops.argmin(distance, axis=1), self.count, dtype=x.dtype)
        quantized = ops.matmul(chosen, ops.transpose(self.book))
        # Forward quantized; backward dx = dy, and the book learns what its chosen vectors did.
        return x + ops.stop_gradient(quantized - x) + (quantized - ops.stop_gradient(quantized))


class WaveNetGate(minidl.Layer):
    """tanh of one causal, dilated convolution times the sigmoid of another, and a residual sum."""

    def __init__(self, size=2, dilation=2, **kwargs):
        super().__init__(**kwargs)
        self.size, self.dilation = size, dilation

    def build(self, input_shape):
        channels = input_shape[-1]
        self.filters = self.add_weight((self.size, channels, channels), name="filters")
        self.gates = self.add_weight((self.size, channels, channels), name="gates")
        self.out = layers.Dense(channels)

    def call(self, x):
        past = ops.pad(x, [(0, 0), (self.dilation * (self.size - 1), 0), (0, 0)])
        f = ops.conv(past, self.filters, dilation_rate=self.dilation)
        g = ops.conv(past, self.gates, dilation_rate=self.dilation)
        return x + self.out(ops.tanh(f) * ops.sigmoid(g))


TOKENS = np.random.default_rng(0).integers(0, 7, (6, 4))

PORTED = {
    "attention block": (lambda: AttentionBlock(4), (4, 5, 4)),
    "spectral normalization": (lambda: SpectralDense(3), (4, 5)),
    "positional embedding": (lambda: PositionEmbedding(7, 4, 3), TOKENS),
    "patch extraction": (lambda: Patches(2, 5), (3, 4, 4, 2)),
    "mixture of experts": (lambda: MixtureOfExperts(3), (4, 5)),
    "highway": (Highway, (4, 5)),
    "FiLM": (FiLM, [(4, 3), (4, 2)]),
    "squeeze and excite": (SqueezeExcite, (2, 3, 3, 4)),
    "vector quantizer": (lambda: VectorQuantizer(6), (8, 3)),
    "WaveNet gate": (WaveNetGate, (2, 6, 3)),
}
"""What each is called, how to make it, and the shape (or the array) of its input."""
