"""What activations, losses and regularizers compute, in plain NumPy from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import activations, config, losses, regularizers
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


def activated(activation: Any, z: Any) -> Any:
    """Return an activation of z, from its definition."""
    return ACTIVATIONS[type(activation)](activation, z)


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


def clipped(p: Any) -> Any:
    return np.clip(p, config.epsilon(), 1 - config.epsilon())


def binary_entropy(y: Any, p: Any) -> Any:
    return -y * np.log(clipped(p)) - (1 - y) * np.log(1 - clipped(p))


def binary(loss: Any, t: Any, p: Any) -> Any:
    y = t * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    if loss.from_logits:  # −y log σ(z) − (1 − y) log(1 − σ(z)), not clipped
        values = y * np.log(1 + np.exp(-p)) + (1 - y) * np.log(1 + np.exp(p))
    else:
        values = binary_entropy(y, p)
    return np.mean(values, axis=loss.axis)


def binary_focal(loss: Any, t: Any, p: Any) -> Any:
    y = t * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    p = sigmoid(p) if loss.from_logits else p
    right = y * p + (1 - y) * (1 - p)
    weight = y * loss.alpha + (1 - y) * (1 - loss.alpha) if loss.apply_class_balancing else 1
    return np.mean(weight * (1 - right) ** loss.gamma * binary_entropy(y, p), axis=loss.axis)


def shares(loss: Any, p: Any) -> Any:
    """Return the probabilities that predictions stand for."""
    return softmax(p, loss.axis) if loss.from_logits else p / p.sum(axis=loss.axis, keepdims=True)


def smoothed(loss: Any, t: Any) -> Any:
    return t * (1 - loss.label_smoothing) + loss.label_smoothing / t.shape[loss.axis]


def categorical(loss: Any, t: Any, p: Any) -> Any:
    q = shares(loss, p)
    return -np.sum(smoothed(loss, t) * np.log(q if loss.from_logits else clipped(q)), loss.axis)


def categorical_focal(loss: Any, t: Any, p: Any) -> Any:
    c = clipped(shares(loss, p))
    return -np.sum(loss.alpha * (1 - c) ** loss.gamma * smoothed(loss, t) * np.log(c), loss.axis)


def sparse(loss: Any, k: Any, p: Any) -> Any:
    counted = k != loss.ignore_class if loss.ignore_class is not None else np.ones_like(k)
    classes = np.arange(p.shape[loss.axis])
    hot = np.moveaxis((k[..., None] == classes).astype(float), -1, loss.axis)
    q = shares(loss, p)
    return -np.sum(hot * np.log(q if loss.from_logits else clipped(q)), loss.axis) * counted


LOSSES: dict[type, Definition] = {
    losses.BinaryCrossentropy: binary,
    losses.BinaryFocalCrossentropy: binary_focal,
    losses.CategoricalCrossentropy: categorical,
    losses.CategoricalFocalCrossentropy: categorical_focal,
    losses.SparseCategoricalCrossentropy: sparse,
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


def orthogonal(r: Any, x: Any) -> Any:
    x = x if r.mode == "rows" else x.T
    u = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), config.epsilon())
    pairs = [np.abs(u[i] @ u[j]) for i in range(len(u)) for j in range(i)]
    return r.factor * sum(pairs[1:], pairs[0]) / len(pairs) if pairs else 0 * np.sum(x)


REGULARIZERS: dict[type, Definition] = {
    regularizers.L1: lambda r, x: r.l1 * np.sum(np.abs(x)),
    regularizers.L2: lambda r, x: r.l2 * np.sum(x**2),
    regularizers.OrthogonalRegularizer: orthogonal,
    regularizers.L1L2: lambda r, x: r.l1 * np.sum(np.abs(x)) + r.l2 * np.sum(x**2),
}
