"""Normalizations: by the moments of a batch, a sample, a group, or by a length."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config, layers

from .functions import Definition


def axes_of(layer: Any, x: Any) -> list[int]:
    """Return a layer's axes, counted from 0."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return sorted(axis % x.ndim for axis in axes)


def others(axes: list[int], x: Any) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis not in axes)


def along(parameter: Any, axes: list[int], x: Any) -> Any:
    """Return a parameter that stands along some axes of x, ready to broadcast."""
    return np.reshape(parameter, [n if i in axes else 1 for i, n in enumerate(x.shape)])


def standardized(x: Any, axes: tuple[int, ...], epsilon: float, weights: Any = 1.0) -> Any:
    """Subtract the (weighted) mean and divide by the deviation."""
    if np.ndim(weights):
        count = np.sum(weights, axes, keepdims=True) + config.epsilon()
    else:
        count = np.prod([x.shape[axis] for axis in axes])
    mean = np.sum(weights * x, axes, keepdims=True) / count
    variance = np.sum(weights * (x - mean) ** 2, axes, keepdims=True) / count
    return (x - mean) / np.sqrt(variance + epsilon)


def scaled(layer: Any, x: Any, axes: list[int]) -> Any:
    x = x if layer.gamma is None else x * along(layer.gamma, axes, x)
    return x if layer.beta is None else x + along(layer.beta, axes, x)


def batch(layer: Any, x: Any, mask: Any = None) -> Any:
    axes = axes_of(layer, x)
    weights = 1.0 if mask is None else np.broadcast_to(mask[..., None], x.shape).astype(float)
    return scaled(layer, standardized(x, others(axes, x), layer.epsilon, weights), axes)


def sample(layer: Any, x: Any) -> Any:
    axes = axes_of(layer, x)
    return scaled(layer, standardized(x, tuple(axes), layer.epsilon), axes)


def group(layer: Any, x: Any) -> Any:
    (axis,) = axes_of(layer, x)
    count = x.shape[axis] if layer.groups == -1 else layer.groups
    parts = np.split(x, count, axis=axis)
    all_but_batch = tuple(range(1, x.ndim))
    joined = [standardized(part, all_but_batch, layer.epsilon) for part in parts]
    return scaled(layer, np.concatenate(joined, axis=axis), [axis])


def root_mean_square(layer: Any, x: Any) -> Any:
    axes = axes_of(layer, x)
    mean = np.mean(x**2, axis=tuple(axes), keepdims=True)
    return x / np.sqrt(mean + layer.epsilon) * along(layer.scale, axes, x)


def unit(layer: Any, x: Any) -> Any:
    return x / np.sqrt(np.sum(x**2, axis=tuple(axes_of(layer, x)), keepdims=True))


NORMALIZATIONS: dict[type, Definition] = {
    layers.BatchNormalization: batch,
    layers.GroupNormalization: group,
    layers.LayerNormalization: sample,
    layers.RMSNormalization: root_mean_square,
    layers.UnitNormalization: unit,
}
