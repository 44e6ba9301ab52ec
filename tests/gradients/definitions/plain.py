"""Layers that move, merge, scale, bend or drop numbers."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minidl import config, layers

from .functions import Definition, activated, elu, relu, softmax


def dense(layer: Any, x: Any) -> Any:
    z = x @ layer.kernel
    z = z + layer.bias if layer.use_bias else z
    return activated(layer.activation, z)


def flatten(layer: Any, x: Any) -> Any:
    if layer.data_format == "channels_first" and x.ndim > 1:
        x = np.moveaxis(x, 1, -1)
    return np.reshape(x, (len(x), -1))


def embedding(layer: Any, x: Any) -> Any:
    hot = (x[..., None] == np.arange(layer.input_dim)).astype(float)
    return hot @ layer.embeddings


def encoding(layer: Any, x: Any, count_weights: Any = None) -> Any:
    """Count how often each number stands in a row, with weights if there are any."""
    rows = x if x.ndim > 1 or layer.output_mode == "one_hot" else x[None]
    hot = (rows[..., None] == np.arange(layer.num_tokens)).astype(float)
    if layer.output_mode == "one_hot":
        return hot[..., 0, :] if x.ndim > 1 and x.shape[-1] == 1 else hot
    if layer.output_mode == "multi_hot":
        return (hot.sum(-2) > 0).astype(float).reshape(*x.shape[:-1], -1)
    weights = 1 if count_weights is None else np.reshape(count_weights, rows.shape)[..., None]
    return np.reshape(np.sum(hot * weights, -2), (*x.shape[:-1], layer.num_tokens))


def masking(layer: Any, x: Any) -> Any:
    return x * (x != layer.mask_value).any(-1, keepdims=True)


def softmax_where(layer: Any, x: Any, mask: Any = None) -> Any:
    """Softmax of what the mask leaves; 0 where it leaves nothing."""
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)
    if mask is None:
        return softmax(x, axis)
    seen = np.broadcast_to(mask, x.shape)
    return softmax(np.where(seen, x, -1e300), axis) * seen.any(axis, keepdims=True)


def normalization(layer: Any, x: Any) -> Any:
    deviation = np.maximum(np.sqrt(layer.variance), config.epsilon())
    if layer.invert:
        return layer.mean + x * deviation
    return (x - layer.mean) / deviation


def rounded(numbers: Any) -> Any:
    """Return numbers as a layer in float32 keeps them."""
    return np.asarray(numbers, np.float32).astype(float)


def dot(layer: Any, xs: Any) -> Any:
    """Sum the products of two inputs along an axis of each, sample by sample."""
    a, b = xs
    axes = [layer.axes] * 2 if isinstance(layer.axes, int) else layer.axes
    rows = []
    for x, axis in ((a, axes[0]), (b, axes[1])):
        if layer.normalize:
            x = x / np.sqrt(np.maximum(np.sum(x**2, axis, keepdims=True), config.epsilon()))
        rows.append(np.moveaxis(x, axis, -1))
    samples = [np.tensordot(p, q, (-1, -1)) for p, q in zip(*rows, strict=True)]
    y = np.stack(samples)
    return y if y.ndim > 1 else y[:, None]


def dropout(layer: Any, x: Any) -> Any:
    """Keep each number with probability 1 − rate, and divide by that."""
    if layer.rate == 0:
        return x
    kept = layer._kept(layer._mask_shape(x.shape))
    return x * kept / (1 - layer.rate)


def alpha_dropout(layer: Any, x: Any) -> Any:
    """Set to SELU's lower limit instead of 0, and keep mean and variance at 0 and 1."""
    r, limit = layer.rate, -1.7580993408473766
    if r == 0:
        return x
    kept = layer._kept(x.shape)
    a = ((1 - r) * (1 + r * limit**2)) ** -0.5
    return a * np.where(kept, x, limit) - a * limit * r


def gaussian_dropout(layer: Any, x: Any) -> Any:
    if layer.rate == 0:
        return x
    draws = layer.seed_generator.generator.standard_normal(x.shape)
    return x * (1 + draws * math.sqrt(layer.rate / (1 - layer.rate)))


def gaussian_noise(layer: Any, x: Any) -> Any:
    draws = layer.seed_generator.generator.standard_normal(x.shape) if layer.stddev else 0
    return x + layer.stddev * draws


DROPPING = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
)
PLAIN: dict[type, Definition] = {
    **dict.fromkeys(DROPPING, dropout),
    layers.Activation: lambda layer, x: activated(layer.activation, x),
    layers.Add: lambda layer, xs: sum(xs[1:], xs[0]),
    layers.AlphaDropout: alpha_dropout,
    layers.Average: lambda layer, xs: sum(xs[1:], xs[0]) / len(xs),
    layers.CategoryEncoding: encoding,
    layers.Concatenate: lambda layer, xs: np.concatenate(xs, axis=layer.axis),
    layers.Dense: dense,
    layers.Dot: dot,
    layers.ELU: lambda layer, x: elu(layer.alpha, x),
    layers.Embedding: embedding,
    layers.Flatten: flatten,
    layers.GaussianDropout: gaussian_dropout,
    layers.GaussianNoise: gaussian_noise,
    layers.Identity: lambda layer, x: x,
    layers.InputLayer: lambda layer, x: x,
    layers.LeakyReLU: lambda layer, x: np.where(x > 0, x, layer.negative_slope * x),
    layers.Masking: masking,
    layers.Maximum: lambda layer, xs: functools.reduce(np.maximum, xs),
    layers.Minimum: lambda layer, xs: functools.reduce(np.minimum, xs),
    layers.Multiply: lambda layer, xs: math.prod(xs[1:], start=xs[0]),
    layers.Normalization: normalization,
    layers.PReLU: lambda layer, x: np.where(x > 0, x, layer.alpha * x),
    layers.Permute: lambda layer, x: np.transpose(x, (0, *layer.dims)),
    layers.ReLU: lambda layer, x: relu(layer, x),
    layers.RepeatVector: lambda layer, x: np.stack([x] * layer.n, axis=1),
    layers.Rescaling: lambda layer, x: x * rounded(layer.scale) + rounded(layer.offset),
    layers.Reshape: lambda layer, x: np.reshape(x, (len(x), *layer.target_shape)),
    layers.Softmax: softmax_where,
    layers.Subtract: lambda layer, xs: xs[0] - xs[1],
}
