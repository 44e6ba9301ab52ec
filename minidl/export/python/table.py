"""Which layer is written as which expression: one entry a class, or a reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import config, layers
from minidl.export.python import equations
from minidl.export.python.writer import NONE, Code, NotExportableError, Writer
from minidl.layers.activation_layers import ActivationLayer
from minidl.layers.axes import resolve_axes
from minidl.layers.convolutional.convolution import Convolution
from minidl.layers.convolutional.depthwise import DepthwiseConvolution
from minidl.layers.convolutional.separable import SeparableConvolution
from minidl.layers.convolutional.transposed import TransposedConvolution
from minidl.layers.dropout import RateLayer
from minidl.layers.image.random_layer import RandomImageLayer
from minidl.layers.merging import Merge
from minidl.layers.pooling.average_pooling import AveragePooling
from minidl.layers.pooling.global_pooling import GlobalAveragePooling, GlobalPooling
from minidl.layers.pooling.max_pooling import MaxPooling
from minidl.layers.pooling.pooling import Pooling
from minidl.layers.spatial.cropping import Cropping
from minidl.layers.spatial.up_sampling import UpSampling
from minidl.layers.spatial.zero_padding import ZeroPadding
from minidl.layers.unit_normalization import _EPSILON

Converter = Callable[[Writer, Any, list[Code], list[Code], dict[str, Any]], Any]
"""From a layer, its inputs, their masks and a call's options to an expression, or a list."""

CONVERTERS: dict[type, Converter] = {}
REFUSED: dict[type, str] = {}


def converts(*classes: type) -> Callable[[Converter], Converter]:
    """Enter a converter for classes and what derives from them within minidl."""

    def enter(function: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(classes, function))
        return function

    return enter


def converter_of(layer: Any) -> Converter:
    """Return what writes a layer.

    Raises:
        NotExportableError: if there is none, with the reason.
    """
    cls = type(layer)
    if cls in REFUSED:
        raise NotExportableError(REFUSED[cls])
    if not cls.__module__.startswith("minidl."):
        raise NotExportableError(
            "its class is your own, and the file would have to import it. Make the model of "
            "minidl's layers, or copy the weights by hand"
        )
    for base in cls.__mro__:
        if base in CONVERTERS:
            return CONVERTERS[base]
    raise NotExportableError("it has no place in a file of NumPy alone")


def _refuse(reason: str, *classes: type) -> None:
    REFUSED.update(dict.fromkeys(classes, reason))


_refuse(
    "it works on strings or tables of the data before there is any arithmetic. Export the model "
    "behind it, and prepare its input with this layer",
    layers.CategoryEncoding,
    layers.Discretization,
    layers.IntegerLookup,
    layers.StringLookup,
    layers.TextVectorization,
)
_refuse(
    "it holds a function of Python's, whose source is not known to do without other modules. Put "
    "a layer in its place, such as layers.Rescaling or layers.Activation",
    layers.Lambda,
)
_refuse(
    "a cell is one step, and no layer of a model by itself. Put it into layers.RNN(cell)",
    layers.GRUCell,
    layers.LSTMCell,
    layers.SimpleRNNCell,
    layers.StackedRNNCells,
)


@converts(layers.Dense)
def _dense(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    (x,) = xs
    W, features = w.weight(layer.kernel), layer.kernel.shape[0]
    if w.dtypes.get(x) != layer.dtype:
        z = Code(f"np.matmul({x}, {W})")
    elif w.ranks.get(x) == 2 and (features <= 256 or features % 32 == 0):
        z = Code(f"{x} @ {W}")
    else:
        z = w.call(equations.product, x, W)
    if layer.use_bias:
        z = Code(f"{z} + {w.weight(layer.bias)}")
    plain = layer.use_bias and w.dtypes.get(x) == layer.dtype
    return w.activated(layer.activation, z, in_place=plain)


def _moved(layer: Any, x: Code) -> Code:
    return x if layer.data_format == "channels_last" else Code(f"np.moveaxis({x}, 1, -1)")


def _finished(w: Writer, layer: Any, z: Code) -> Code:
    """Return f(z) with the channels where the user has them."""
    if layer.data_format != "channels_last":
        z = Code(f"np.moveaxis({z}, -1, 1)")
    return w.activated(layer.activation, z)


def _with_bias(w: Writer, layer: Any, z: Code) -> Code:
    return z if layer.bias is None else Code(f"{z} + {w.weight(layer.bias)}")


@converts(Convolution)
def _convolution(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    W, b = w.weight(layer.kernel), w.weight(layer.bias)
    geometry = layer.strides, layer.dilation_rate, layer.padding
    x = _moved(layer, xs[0])
    return _finished(w, layer, w.call(equations.convolution, x, W, b, *geometry, layer.groups))


@converts(DepthwiseConvolution)
def _depthwise(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    geometry = layer.strides, layer.dilation_rate, layer.padding
    x, W = _moved(layer, xs[0]), w.weight(layer.kernel)
    z = w.call(equations.depthwise_convolution, x, W, *geometry)
    return _finished(w, layer, _with_bias(w, layer, z))


@converts(SeparableConvolution)
def _separable(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    geometry = layer.strides, layer.dilation_rate, layer.padding
    x, W = _moved(layer, xs[0]), w.weight(layer.depthwise_kernel)
    h = w.call(equations.depthwise_convolution, x, W, *geometry)
    ones = (1,) * layer.rank
    V, b = w.weight(layer.pointwise_kernel), w.weight(layer.bias)
    z = w.call(equations.convolution, h, V, b, ones, ones, "valid", 1)
    return _finished(w, layer, z)


@converts(TransposedConvolution)
def _transposed(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    geometry = layer.strides, layer.dilation_rate, layer.padding, layer.output_padding
    x, W = _moved(layer, xs[0]), w.weight(layer.kernel)
    z = w.call(equations.transposed_convolution, x, W, *geometry)
    return _finished(w, layer, _with_bias(w, layer, z))


@converts(ActivationLayer)
def _activation(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    x = w.floats(xs[0], layer.dtype)
    if not masks or masks[0] == NONE:
        return w.activated(layer.activation, x)
    axis = layer.activation.axis
    return w.call(equations.masked_softmax, x, masks[0], axis)


@converts(layers.PReLU)
def _prelu(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    x, a = w.cast(xs[0], layer.dtype), w.weight(layer.alpha)
    return Code(f"np.minimum({x}, 0) * {a} + np.maximum({x}, 0)")


@converts(layers.Identity, layers.InputLayer)
def _identity(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return xs[0]


@converts(layers.Masking)
def _masking(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(equations.masked, xs[0], layer.mask_value)


@converts(RateLayer, layers.GaussianNoise, RandomImageLayer)
def _idle(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.floats(xs[0], layer.dtype)


@converts(layers.BatchNormalization)
def _batch(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(
        equations.batch_normalization,
        w.cast(xs[0], layer.dtype),
        *map(w.weight, (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)),
        layer._axes[0],
        layer.epsilon,
    )


@converts(layers.LayerNormalization)
def _layer(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    axes = tuple(resolve_axes(layer.axis, (1,) * w.ranks[xs[0]], layer.name))
    x, gamma, beta = w.cast(xs[0], layer.dtype), w.weight(layer.gamma), w.weight(layer.beta)
    return w.call(equations.layer_normalization, x, gamma, beta, axes, layer.epsilon)


@converts(layers.GroupNormalization)
def _group(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    (axis,) = layer._axes
    groups = Code(f"{xs[0]}.shape[{axis}]") if layer.groups == -1 else layer.groups
    x, gamma, beta = w.cast(xs[0], layer.dtype), w.weight(layer.gamma), w.weight(layer.beta)
    return w.call(equations.group_normalization, x, gamma, beta, groups, axis, layer.epsilon)


@converts(layers.RMSNormalization)
def _rms(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    axes = tuple(resolve_axes(layer.axis, (1,) * w.ranks[xs[0]], layer.name))
    x, scale = w.cast(xs[0], layer.dtype), w.weight(layer.scale)
    return w.call(equations.rms_normalization, x, scale, axes, layer.epsilon)


@converts(layers.UnitNormalization)
def _unit(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    axes = tuple(resolve_axes(layer.axis, (1,) * w.ranks[xs[0]], layer.name))
    return w.call(equations.unit_normalization, w.floats(xs[0], layer.dtype), axes, _EPSILON)


@converts(layers.Normalization)
def _normalization(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    layer._check_adapted()
    mean = w.constant(f"{layer.name}/mean", layer._statistic("mean"))
    variance = w.constant(f"{layer.name}/variance", layer._statistic("variance"))
    s = f"np.maximum(np.sqrt({variance}), {config.epsilon()!r})"
    x, dtype = xs[0], f'dtype="{layer.dtype}"'
    if layer.invert:
        return Code(f"np.multiply({x}, {s}, {dtype}) + {mean}")
    return Code(f"np.subtract({x}, {mean}, {dtype}) / {s}")


@converts(layers.Rescaling)
def _rescaling(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    scale = w.constant(f"{layer.name}/scale", layer._scale)
    y = Code(f'np.multiply({xs[0]}, {scale}, dtype="{layer.dtype}")')
    if layer._has_offset:
        y = Code(f"{y} + {w.constant(f'{layer.name}/offset', layer._offset)}")
    return y


@converts(layers.Embedding)
def _embedding(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(equations.embedding, xs[0], w.weight(layer.embeddings))


# Space


def _first_axis(layer: Any) -> int:
    return 1 if layer.data_format == "channels_last" else 2


@converts(Pooling)
def _pooling(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    which = {MaxPooling: equations.max_pooling, AveragePooling: equations.average_pooling}
    function = next(f for base, f in which.items() if isinstance(layer, base))
    x, first = w.floats(xs[0], layer.dtype), _first_axis(layer)
    return w.call(function, x, layer.pool_size, layer.strides, layer.padding, first)


@converts(GlobalPooling)
def _global(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    last = layer.data_format == "channels_last"
    x, rank = w.floats(xs[0], layer.dtype), layer._rank
    spatial = tuple(range(_first_axis(layer), _first_axis(layer) + rank))
    if not isinstance(layer, GlobalAveragePooling):
        return Code(f"{x}.max(axis={spatial}, keepdims={layer.keepdims})")
    y = w.call(equations.global_average, x, last, *[m for m in masks if m != NONE])
    return Code(f"np.expand_dims({y}, {spatial})") if layer.keepdims else y


@converts(Cropping)
def _cropping(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(equations.crop, xs[0], layer._axes[0], tuple(layer._margins))


@converts(ZeroPadding)
def _padding(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(equations.zero_padding, xs[0], layer._axes[0], tuple(layer._margins))


@converts(UpSampling)
def _up(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    how = getattr(layer, "interpolation", "nearest")
    first, factors = layer._axes[0], tuple(layer._factors)
    if how == "nearest":
        return w.call(equations.up_sampling, xs[0], first, factors)
    x = w.floats(xs[0], layer.dtype)
    return w.call(equations.interpolated_up_sampling, x, first, factors, how)


@converts(layers.Resizing)
def _resizing(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return w.call(
        equations.resize_images,
        xs[0],
        tuple(layer.axes_of_pixels((1,) * w.ranks[xs[0]])),
        (layer.height, layer.width),
        layer.interpolation,
        layer.antialias,
        bool(layer.crop_to_aspect_ratio),
        bool(layer.pad_to_aspect_ratio),
        layer.fill_value,
        layer.dtype,
    )


@converts(layers.CenterCrop, layers.RandomCrop)
def _center(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    axes = tuple(layer.axes_of_pixels((1,) * w.ranks[xs[0]]))
    x = w.floats(xs[0], layer.dtype)
    in_one_go = isinstance(layer, layers.CenterCrop)  # a window that fits is cut, not stretched
    return w.call(equations.center_crop, x, axes, (layer.height, layer.width), in_one_go)


# Shapes


@converts(layers.Flatten)
def _flatten(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    x = xs[0]
    moves = layer.data_format == "channels_first" and w.ranks[x] > 2
    turned = f"np.moveaxis({x}, 1, -1)" if moves else x
    return Code(f"{turned}.reshape(len({x}), {'-1' if w.ranks[x] > 1 else '1'})")


@converts(layers.Reshape)
def _reshape(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    sizes = ", ".join(map(str, layer.target_shape))
    return Code(f"{xs[0]}.reshape(len({xs[0]}), {sizes})")


@converts(layers.Permute)
def _permute(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return Code(f"{xs[0]}.transpose(0, {', '.join(map(str, layer.dims))})")


@converts(layers.RepeatVector)
def _repeat(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    return Code(f"np.repeat({xs[0]}[:, np.newaxis], {layer.n}, axis=1)")


# Several inputs

_OPERATORS = {layers.Add: " + ", layers.Subtract: " - ", layers.Multiply: " * "}
_PAIRWISE = {layers.Maximum: "np.maximum", layers.Minimum: "np.minimum"}


@converts(Merge)
def _merge(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    if len({(w.dtypes[x], w.ranks[x]) for x in xs}) > 1 or not w.dtypes[xs[0]].startswith("float"):
        aligned = w.call(equations.aligned, layer.dtype, *xs)
        names = ", ".join(f"{x}_" for x in xs)
        inner = _merged(layer, [Code(f"{x}_") for x in xs])
        return Code(f"(lambda {names}: {inner})(*{aligned})")
    return _merged(layer, xs)


def _merged(layer: Any, xs: list[Code]) -> Code:
    for cls, operator in _OPERATORS.items():
        if isinstance(layer, cls):
            return Code(operator.join(xs))
    for cls, function in _PAIRWISE.items():
        if isinstance(layer, cls):
            y = xs[0]
            for x in xs[1:]:
                y = Code(f"{function}({y}, {x})")
            return y
    if isinstance(layer, layers.Average):
        return Code(" + ".join(f"{x} / {len(xs)}" for x in xs))
    raise NotExportableError("it has no place in a file of NumPy alone")


@converts(layers.Concatenate)
def _concatenate(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    if len({w.dtypes[x] for x in xs}) == 1:
        return Code(f"np.concatenate([{', '.join(xs)}], axis={layer.axis})")
    return w.call(equations.concatenate, list(xs), layer.axis)


@converts(layers.Dot)
def _dot(w: Writer, layer: Any, xs: list[Code], masks: list[Code], options: Any) -> Code:
    given = [layer.axes] * 2 if isinstance(layer.axes, int) else layer.axes
    axes = [a % w.ranks[x] for a, x in zip(given, xs, strict=True)]
    if len({w.dtypes[x] for x in xs}) > 1:
        xs = [w.cast(x, layer.dtype) for x in xs]
    return w.call(equations.dot, *xs, *axes, layer.normalize, config.epsilon())
