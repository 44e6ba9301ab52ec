"""What networks are made of, as functions: activations, convolutions, pooling, losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minidl import activations, config
from minidl.ops.core import as_float, convert_to_tensor
from minidl.tracing import plain

_ACTIVATIONS = [
    "celu",
    "elu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
]

__all__ = [
    *_ACTIVATIONS, "average_pool", "binary_crossentropy", "categorical_crossentropy", "conv",
    "depthwise_conv", "dot_product_attention", "erf", "gelu", "in_top_k",
    "layer_normalization", "logsumexp", "max_pool", "moments", "multi_hot", "normalize", "one_hot",
    "rms_normalization", "rsqrt", "segment_max", "segment_sum", "separable_conv",
    "sparse_categorical_crossentropy", "top_k",
]  # fmt: skip


def _activation(name: str) -> Callable[..., Any]:
    activation = getattr(activations, name)

    def op(x: Any, *args: Any, **options: Any) -> Any:
        return activation(as_float(x), *args, **options)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"Return the activation `{name}` of x; see `minidl.activations`."
    return op


for _name in _ACTIVATIONS:
    globals()[_name] = _activation(_name)

_softmax: Any = activations.softmax


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return x times the normal distribution's share below x; by default nearly, with a tanh."""
    return activations.gelu(as_float(x), approximate=approximate)


def rsqrt(x: Any) -> Any:
    """Return 1/√x."""
    return 1 / np.sqrt(as_float(x))


def erf(x: Any) -> Any:
    """Return the error function, with its derivative 2/√π exp(−x²)."""
    from minidl.autodiff import custom_gradient

    @custom_gradient
    def of(x: Any) -> Any:
        y = np.vectorize(math.erf, otypes=[np.float64])(x).astype(np.asarray(x).dtype)
        return y, lambda dy: dy * (2 / math.sqrt(math.pi)) * np.exp(-np.square(x))

    return of(as_float(x))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log Σ exp x along an axis, without overflow."""
    x = as_float(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    top = plain(np.max(x, axis=axis, keepdims=True))
    top = np.where(np.isfinite(top), top, 0)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Return ones at the classes' places, and zeros elsewhere; zeros alone for a class outside."""
    classes = np.asarray(x).astype(int)[..., None]
    hot = (classes == np.arange(num_classes)).astype(dtype or config.floatx())
    return np.moveaxis(hot, -1, axis)


def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """Return ones at the places of all classes of a row, and zeros elsewhere."""
    return one_hot(inputs, num_classes, -1, dtype).max(axis=-2)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """Return the k largest entries of each row, and where they are."""
    x = convert_to_tensor(x)
    index = np.argsort(-plain(x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, index, -1), index.astype("int32")


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Return whether each target is among the k largest predictions of its row."""
    scores = plain(convert_to_tensor(predictions))
    own = np.take_along_axis(scores, np.asarray(targets)[..., None], -1)
    return (scores > own).sum(axis=-1) < k


def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Any, Any]:
    """Return mean and variance."""
    x, axes = as_float(x), tuple(axes) if isinstance(axes, list) else axes
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """Return x over its norm."""
    x, least = as_float(x), config.epsilon() if epsilon is None else epsilon
    return x / np.maximum(np.linalg.norm(x, ord=order, axis=axis, keepdims=True), least)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Return x with mean 0 and variance 1 along an axis, scaled and moved."""
    x = as_float(x)
    mean, variance = moments(x, axis, keepdims=True)
    y = (x - mean) / np.sqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    y = y if gamma is None else y * convert_to_tensor(gamma)
    return y if beta is None else y + convert_to_tensor(beta)


def rms_normalization(x: Any, scale: Any = 1, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Return x over the root of its mean square, scaled."""
    x, least = as_float(x), config.epsilon() if epsilon is None else epsilon
    return x / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + least) * scale


def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """Return the sum of the rows of each segment."""
    data, ids = convert_to_tensor(data), np.asarray(segment_ids).astype(int)
    count = int(ids.max(initial=-1)) + 1 if num_segments is None else num_segments
    member = (ids == np.arange(count)[:, None]).astype(data.dtype)
    return np.tensordot(member, data, axes=1)


def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """Return the largest entries of the rows of each segment; −∞ where it has none."""
    data, ids = convert_to_tensor(data), np.asarray(segment_ids).astype(int)
    count = int(ids.max(initial=-1)) + 1 if num_segments is None else num_segments
    outside = (ids != np.arange(count)[:, None]).reshape(count, len(ids), *[1] * (data.ndim - 1))
    return np.max(np.where(outside, -np.inf, data[None]), axis=1).astype(data.dtype)


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None,
    is_causal: bool = False, flash_attention: Any = None, attn_logits_soft_cap: Any = None,
) -> Any:  # fmt: skip
    """Return softmax(q kᵀ scale + bias) v, for arrays (batch, time, heads, size)."""
    q, k, v = as_float(query), as_float(key), as_float(value)
    scores = np.einsum("bqhd,bkhd->bhqk", q, k)
    scores = scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if attn_logits_soft_cap is not None:
        scores = attn_logits_soft_cap * np.tanh(scores / attn_logits_soft_cap)
    if bias is not None:
        scores = scores + convert_to_tensor(bias)
    allowed: Any = True if mask is None else np.asarray(mask, bool)
    if is_causal:
        allowed = allowed & np.tri(q.shape[1], k.shape[1], dtype=bool)
    if allowed is not True:
        scores = np.where(allowed, scores, -0.7 * float(np.finfo(scores.dtype).max))
    return np.einsum("bhqk,bkhd->bqhd", _softmax(scores), v)


# Windows: convolutions and pooling. The windows are views; a product or a maximum takes them in.


def _per_axis(value: Any, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, int) else tuple(int(v) for v in value)


def _channels_last(data_format: str | None) -> bool:
    return (data_format or "channels_last") == "channels_last"


def _windows(x: Any, sizes: Any, strides: Any, padding: str, dilation: Any, fill: float) -> Any:
    """Return the windows of x (batch, *places, channels): (batch, *places, channels, *sizes)."""
    rank = len(sizes)
    spans = [(n - 1) * d + 1 for n, d in zip(sizes, dilation, strict=True)]
    if padding == "same":
        sides = []
        for size, span, stride in zip(x.shape[1:-1], spans, strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            sides.append((total // 2, total - total // 2))
        x = np.pad(x, [(0, 0), *sides, (0, 0)], constant_values=fill)
    elif padding != "valid":
        raise ValueError(f"Received padding={padding!r}, expected 'valid' or 'same'.")
    windows = sliding_window_view(x, spans, axis=tuple(range(1, rank + 1)))
    places = tuple(slice(None, None, s) for s in strides)
    inside = tuple(slice(None, None, d) for d in dilation)
    return windows[(slice(None), *places, slice(None), *inside)]


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return the convolution of (batch, *places, channels) with (*sizes, channels, filters).

    With fewer channels in the kernel than in the inputs, the channels and filters form groups.
    """
    x, w = as_float(inputs), as_float(kernel)
    last = _channels_last(data_format)
    x = x if last else np.moveaxis(x, 1, -1)
    rank = w.ndim - 2
    windows = _windows(
        x, w.shape[:-2], _per_axis(strides, rank), padding, _per_axis(dilation_rate, rank), 0.0
    )
    groups = x.shape[-1] // w.shape[-2]
    size = w.shape[-2]
    filters = w.shape[-1] // groups
    # The windows have channels in front of the places within, the kernel behind them.
    inner = [rank + 1, *range(rank + 2, 2 * rank + 2)]
    parts = []
    for g in range(groups):
        own = windows[(slice(None),) * (rank + 1) + (slice(g * size, (g + 1) * size),)]
        part = w[..., g * filters : (g + 1) * filters]
        parts.append(np.tensordot(own, part, axes=(inner, [rank, *range(rank)])))
    y = parts[0] if groups == 1 else np.concatenate(parts, axis=-1)
    return y if last else np.moveaxis(y, -1, 1)


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return the convolution of each channel with its own filters, (*sizes, channels, many)."""
    w = as_float(kernel)
    channels, multiplier = w.shape[-2:]
    grouped = np.reshape(w, (*w.shape[:-2], 1, channels * multiplier))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1,
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return a depthwise convolution, and one with a kernel of size 1 after it."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format)


def _pool(x: Any, pool_size: Any, strides: Any, padding: str, data_format: Any, fill: float) -> Any:
    x = as_float(x)
    last = _channels_last(data_format)
    x = x if last else np.moveaxis(x, 1, -1)
    rank = x.ndim - 2
    sizes = _per_axis(pool_size, rank)
    steps = sizes if strides is None else _per_axis(strides, rank)
    windows = _windows(x, sizes, steps, padding, (1,) * rank, fill)
    return windows, tuple(range(-rank, 0)), last


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the largest entry of each window."""
    windows, axes, last = _pool(inputs, pool_size, strides, padding, data_format, -np.inf)
    y = np.max(windows, axis=axes)
    return y if last else np.moveaxis(y, -1, 1)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the mean of each window; the margin does not count."""
    windows, axes, last = _pool(inputs, pool_size, strides, padding, data_format, 0.0)
    inside = np.ones_like(plain(as_float(inputs)))
    counted, *_ = _pool(inside, pool_size, strides, padding, data_format, 0.0)
    y = np.sum(windows, axis=axes) / np.sum(counted, axis=axes)
    return y if last else np.moveaxis(y, -1, 1)


# Losses, a value a sample


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return −Σ target log output."""
    target, output = as_float(target), as_float(output)
    if from_logits:
        logs = output - logsumexp(output, axis=axis, keepdims=True)
    else:
        output = output / np.sum(output, axis=axis, keepdims=True)
        logs = np.log(np.clip(output, config.epsilon(), 1 - config.epsilon()))
    return -np.sum(target * logs, axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return −log output at the target's class."""
    output = as_float(output)
    classes = np.asarray(target).astype(int)
    if classes.ndim == output.ndim:
        classes = np.squeeze(classes, axis=axis)
    hot = one_hot(classes, output.shape[axis], axis, output.dtype)
    return categorical_crossentropy(hot, output, from_logits, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return −target log output − (1 − target) log(1 − output)."""
    target, output = as_float(target), as_float(output)
    if from_logits:  # log(1 + exp(−|z|)) + max(z, 0) − z t
        return np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
    output = np.clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * np.log(output) + (1 - target) * np.log(1 - output))
