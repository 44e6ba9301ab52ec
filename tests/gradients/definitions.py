"""What activations, losses, regularizers and layers compute, in plain NumPy from their definitions.

No trick against overflow, no work shared with a gradient, nothing in place: only the equation. By
`minidl.autodiff` each is a second witness for the gradient that was derived by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import activations, config, layers, losses, regularizers
from minidl.ops import erf

Definition = Callable[..., Any]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: Any) -> Any:
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def relu(a: Any, z: Any) -> Any:
    y = np.where(z >= a.threshold, z, a.negative_slope * (z - a.threshold))
    return y if a.max_value is None else np.where(z >= a.max_value, a.max_value, y)


def gelu(a: Any, z: Any) -> Any:
    if a.approximate:
        return 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    return 0.5 * z * (1 + erf(z / math.sqrt(2)))


def glu(a: Any, z: Any) -> Any:
    left, right = np.split(z, 2, axis=a.axis)
    return left * sigmoid(right)


def elu(alpha: Any, z: Any) -> Any:
    return np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))


SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

ACTIVATIONS: dict[type, Definition] = {
    activations.Linear: lambda a, z: z,
    activations.Relu: relu,
    activations.LeakyRelu: lambda a, z: np.where(z > 0, z, a.negative_slope * z),
    activations.Relu6: lambda a, z: np.minimum(np.maximum(z, 0), 6),
    activations.HardSigmoid: lambda a, z: np.clip(z / 6 + 0.5, 0, 1),
    activations.HardSilu: lambda a, z: z * np.clip(z / 6 + 0.5, 0, 1),
    activations.Sigmoid: lambda a, z: sigmoid(z),
    activations.Tanh: lambda a, z: np.sinh(z) / np.cosh(z),
    activations.Softsign: lambda a, z: z / (1 + np.abs(z)),
    activations.Softplus: lambda a, z: np.log(1 + np.exp(z)),
    activations.LogSigmoid: lambda a, z: -np.log(1 + np.exp(-z)),
    activations.Exponential: lambda a, z: np.exp(z),
    activations.Elu: lambda a, z: elu(a.alpha, z),
    activations.Selu: lambda a, z: SCALE * elu(ALPHA, z),
    activations.Celu: lambda a, z: (
        np.maximum(z, 0) + np.minimum(0, a.alpha * (np.exp(np.minimum(z, 0) / a.alpha) - 1))
    ),
    activations.Silu: lambda a, z: z * sigmoid(z),
    activations.Mish: lambda a, z: z * np.tanh(np.log(1 + np.exp(z))),
    activations.Gelu: gelu,
    activations.Glu: glu,
    activations.Softmax: lambda a, z: softmax(z, a.axis),
    activations.LogSoftmax: lambda a, z: np.log(softmax(z, a.axis)),
}


def signs(y_true: Any) -> Any:
    return 2 * y_true - 1 if np.isin(y_true, (0, 1)).all() else y_true


def huber(loss: Any, t: Any, p: Any) -> Any:
    e = np.abs(t - p)
    d = loss.delta
    return np.mean(np.where(e <= d, e**2 / 2, d * e - d**2 / 2), axis=-1)


def cosine(loss: Any, t: Any, p: Any) -> Any:
    def unit(v: Any) -> Any:
        return v / np.sqrt(np.sum(v**2, axis=loss.axis, keepdims=True))

    return -np.sum(unit(t) * unit(p), axis=loss.axis)


def kl(loss: Any, t: Any, p: Any) -> Any:
    t, p = (np.clip(v, config.epsilon(), 1) for v in (t, p))
    return np.sum(t * np.log(t / p), axis=-1)


def log1p_of(v: Any) -> Any:
    return np.log(np.maximum(v, config.epsilon()) + 1)


LOSSES: dict[type, Definition] = {
    losses.MeanSquaredError: lambda loss, t, p: np.mean((t - p) ** 2, axis=-1),
    losses.MeanAbsoluteError: lambda loss, t, p: np.mean(np.abs(t - p), axis=-1),
    losses.MeanAbsolutePercentageError: lambda loss, t, p: (
        100 * np.mean(np.abs(t - p) / np.maximum(np.abs(t), config.epsilon()), axis=-1)
    ),
    losses.MeanSquaredLogarithmicError: lambda loss, t, p: np.mean(
        (log1p_of(t) - log1p_of(p)) ** 2, axis=-1
    ),
    losses.Huber: huber,
    losses.LogCosh: lambda loss, t, p: np.mean(np.log(np.cosh(p - t)), axis=-1),
    losses.Hinge: lambda loss, t, p: np.mean(np.maximum(1 - signs(t) * p, 0), axis=-1),
    losses.SquaredHinge: lambda loss, t, p: np.mean(np.maximum(1 - signs(t) * p, 0) ** 2, axis=-1),
    losses.CategoricalHinge: lambda loss, t, p: np.maximum(
        np.max((1 - t) * p, axis=-1) - np.sum(t * p, axis=-1) + 1, 0
    ),
    losses.CosineSimilarity: cosine,
    losses.KLDivergence: kl,
    losses.Poisson: lambda loss, t, p: np.mean(p - t * np.log(p + config.epsilon()), axis=-1),
}

REGULARIZERS: dict[type, Definition] = {
    regularizers.L1: lambda r, x: r.l1 * np.sum(np.abs(x)),
    regularizers.L2: lambda r, x: r.l2 * np.sum(x**2),
    regularizers.L1L2: lambda r, x: r.l1 * np.sum(np.abs(x)) + r.l2 * np.sum(x**2),
}


def dense(layer: Any, x: Any) -> Any:
    z = x @ layer.kernel
    z = z + layer.bias if layer.use_bias else z
    return ACTIVATIONS[type(layer.activation)](layer.activation, z)


def flatten(layer: Any, x: Any) -> Any:
    if layer.data_format == "channels_first" and x.ndim > 1:
        x = np.moveaxis(x, 1, -1)
    return np.reshape(x, (len(x), -1))


def axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


LAYERS: dict[type, Definition] = {
    layers.Dense: dense,
    layers.Flatten: flatten,
    layers.Identity: lambda layer, x: x,
    layers.UnitNormalization: lambda layer, x: (
        x / np.sqrt(np.sum(x**2, axis=axes(layer.axis), keepdims=True))
    ),
    layers.Add: lambda layer, xs: sum(xs[1:], xs[0]),
    layers.Multiply: lambda layer, xs: math.prod(xs[1:], start=xs[0]),
    layers.Average: lambda layer, xs: sum(xs[1:], xs[0]) / len(xs),
    layers.Subtract: lambda layer, xs: xs[0] - xs[1],
}
