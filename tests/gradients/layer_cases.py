"""Every layer: its arguments, and inputs off its kinks."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import activations, layers
from minidl.testing import arrays, batches, images, sequences, shapes

from .activation_cases import ACTIVATIONS, RELU_KINKS, axes, axis_or_axes, off_zero, relu
from .attention_cases import ATTENTION
from .categorical_cases import CATEGORICAL
from .convolution_cases import CONVOLUTION
from .image_cases import IMAGES
from .pooling_cases import POOLING
from .recurrent_cases import RECURRENT
from .sequence_cases import SEQUENCES, masked_batch_normalization, masked_softmax
from .spatial_cases import SPATIAL
from .trial import Trial, Trials, fitted, trials

seeds = st.integers(0, 1000)
rates = st.floats(0.0, 0.9)
flags = st.booleans()
features = st.one_of(batches(), sequences(), images())
epsilons = st.sampled_from([1e-5, 1e-3, 0.1])


@st.composite
def dense(draw: st.DrawFn) -> Trial:
    """A Dense with any of the activations, and all their arguments."""
    kind = draw(st.sampled_from([c for c in ACTIVATIONS if c is not activations.Glu]))
    activation = draw(ACTIVATIONS[kind]).obj
    x = draw(st.one_of(batches(), sequences()))
    if getattr(activation, "axis", -1) not in range(-x.ndim, x.ndim):
        activation = kind()
    layer = layers.Dense(draw(st.integers(1, 4)), activation, use_bias=draw(flags))
    return Trial(layer, x)


@st.composite
def activation_layer(draw: st.DrawFn) -> Trial:
    trial = draw(st.sampled_from(list(ACTIVATIONS)).flatmap(ACTIVATIONS.get))
    return Trial(layers.Activation(trial.obj), *trial.inputs)


@st.composite
def prelu(draw: st.DrawFn) -> Trial:
    x = draw(features)
    shared = draw(st.lists(st.integers(1, x.ndim - 1), unique=True, max_size=x.ndim - 1))
    return Trial(layers.PReLU(alpha_initializer="glorot_uniform", shared_axes=shared or None), x)


def noise_shapes(x: Any) -> st.SearchStrategy[Any]:
    """None, or sizes that are the input's, 1 or (where they are the input's) None."""
    sizes = [st.sampled_from([size, 1, None]) for size in x.shape]
    return st.one_of(st.none(), st.tuples(*sizes))


@st.composite
def normalization(draw: st.DrawFn) -> Trial:
    """Statistics given, or learned by `adapt`; one for all, or one for each place on some axes."""
    x = draw(arrays(shapes(min_rank=2, max_rank=3, min_side=2)))
    axis = draw(st.sampled_from([None, -1, 1]))
    invert = draw(flags)
    if draw(flags):
        layer = layers.Normalization(axis=axis, invert=invert)
        layer.adapt(draw(arrays((5, *x.shape[1:]), unique=True)))
    else:
        layer = layers.Normalization(axis=axis, mean=0.7, variance=2.3, invert=invert)
    return Trial(layer, x)


@st.composite
def group_normalization(draw: st.DrawFn) -> Trial:
    x = draw(st.one_of(batches(features=6), sequences(features=6), images(channels=6)))
    layer = layers.GroupNormalization(
        draw(st.sampled_from([1, 2, 3, 6, -1])),
        epsilon=draw(epsilons),
        center=draw(flags),
        scale=draw(flags),
    )
    if draw(flags):
        layer = layers.GroupNormalization(layer.groups, axis=1, epsilon=layer.epsilon)
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    return Trial(layer, x)


def normalizing(cls: type, axis: Any = axis_or_axes) -> Trials:
    """A layer that centres and scales, with all its switches."""
    return fitted(
        features,
        lambda x: st.builds(
            cls,
            axis=axis(x.ndim).map(lambda a: list(a) if isinstance(a, tuple) else a),
            epsilon=epsilons,
            center=flags,
            scale=flags,
        ),
    )


@st.composite
def rescaling(draw: st.DrawFn) -> Trial:
    x = draw(features)
    scale: Any = draw(st.floats(-2.0, 2.0))
    if draw(flags):
        scale = draw(arrays((x.shape[-1],)))
    return Trial(layers.Rescaling(scale, offset=draw(st.floats(-2.0, 2.0))), x)


@st.composite
def reshape(draw: st.DrawFn) -> Trial:
    x = draw(arrays(shapes(min_rank=2)))
    sizes = draw(st.permutations(x.shape[1:]))
    if draw(flags):
        sizes = (*sizes[:-1], -1)
    return Trial(layers.Reshape(sizes), x)


def merging(cls: type, low: int = 2, high: int = 4, unique: bool = False) -> Trials:
    """Several inputs, some broadcast along an axis; all numbers differ where that matters."""

    @st.composite
    def merge(draw: st.DrawFn) -> Trial:
        shape = draw(shapes(min_rank=2, max_rank=3))
        count = draw(st.integers(low, high))
        inputs = list(draw(arrays((count, *shape), unique=unique)))
        for i in range(1, count):
            axis = draw(st.sampled_from([None, *range(1, len(shape))]))
            if axis is not None:
                inputs[i] = inputs[i].take([0], axis=axis)
        order = draw(st.permutations(range(count)))
        return Trial(cls(), [np.ascontiguousarray(inputs[i]) for i in order])

    return merge()


@st.composite
def concatenate(draw: st.DrawFn) -> Trial:
    shape = draw(shapes(min_rank=2, max_rank=4))
    axis = draw(axes(len(shape)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    inputs = []
    for size in sizes:
        one = list(shape)
        one[axis] = size
        inputs.append(draw(arrays(tuple(one))))
    return Trial(layers.Concatenate(axis=axis), inputs)


@st.composite
def dot(draw: st.DrawFn) -> Trial:
    size, batch = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    chosen, inputs = [], []
    for _ in range(2):
        shape = list(draw(shapes(min_rank=1, max_rank=2, max_side=3)))
        axis = draw(st.integers(1, len(shape)))
        shape[axis - 1] = size
        chosen.append(axis)
        inputs.append(draw(arrays((batch, *shape))))
    return Trial(layers.Dot(tuple(chosen), normalize=draw(flags)), inputs)


LAYERS: dict[type, Trials] = {
    **ATTENTION,
    **CATEGORICAL,
    layers.Activation: activation_layer(),
    layers.Add: merging(layers.Add),
    layers.AlphaDropout: fitted(
        features,
        lambda x: st.builds(layers.AlphaDropout, rate=rates, noise_shape=st.none(), seed=seeds),
    ),
    layers.Average: merging(layers.Average),
    layers.BatchNormalization: st.one_of(
        normalizing(layers.BatchNormalization, axes), masked_batch_normalization()
    ),
    layers.Concatenate: concatenate(),
    layers.Dense: dense(),
    layers.Dot: dot(),
    layers.Dropout: fitted(
        features,
        lambda x: st.builds(layers.Dropout, rate=rates, noise_shape=noise_shapes(x), seed=seeds),
    ),
    layers.ELU: trials(st.builds(layers.ELU, alpha=st.floats(0.1, 2.0)), off_zero),
    layers.Flatten: trials(
        st.builds(layers.Flatten, data_format=st.sampled_from([None, "channels_first"])),
        arrays(shapes(min_rank=3)),
    ),
    layers.GaussianDropout: trials(
        st.builds(layers.GaussianDropout, rate=rates, seed=seeds), features
    ),
    layers.GaussianNoise: trials(
        st.builds(layers.GaussianNoise, stddev=st.floats(0.0, 2.0), seed=seeds), features
    ),
    layers.GroupNormalization: group_normalization(),
    layers.Identity: trials(st.builds(layers.Identity), arrays(shapes())),
    layers.InputLayer: fitted(
        batches(), lambda x: st.builds(layers.InputLayer, shape=st.just(x.shape[1:]))
    ),
    layers.LayerNormalization: normalizing(layers.LayerNormalization),
    layers.LeakyReLU: trials(
        st.builds(layers.LeakyReLU, negative_slope=st.floats(0.0, 2.0)), off_zero
    ),
    layers.Maximum: merging(layers.Maximum, unique=True),
    layers.Minimum: merging(layers.Minimum, unique=True),
    layers.Multiply: merging(layers.Multiply),
    layers.Normalization: normalization(),
    layers.PReLU: prelu(),
    layers.Permute: fitted(
        arrays(shapes(min_rank=2)),
        lambda x: st.builds(layers.Permute, st.permutations(range(1, x.ndim))),
    ),
    layers.RMSNormalization: fitted(
        features,
        lambda x: st.builds(
            layers.RMSNormalization,
            axis=axis_or_axes(x.ndim).map(lambda a: list(a) if isinstance(a, tuple) else a),
            epsilon=epsilons,
        ),
    ),
    layers.ReLU: trials(relu(layers.ReLU), arrays(shapes(), avoid=RELU_KINKS)),
    layers.RepeatVector: trials(st.builds(layers.RepeatVector, n=st.integers(1, 4)), batches()),
    layers.Rescaling: rescaling(),
    layers.Reshape: reshape(),
    layers.Softmax: st.one_of(
        fitted(
            features,
            lambda x: st.builds(
                layers.Softmax,
                axis=axis_or_axes(x.ndim).map(lambda a: list(a) if isinstance(a, tuple) else a),
            ),
        ),
        masked_softmax(),
    ),
    layers.SpatialDropout1D: trials(
        st.builds(layers.SpatialDropout1D, rate=rates, seed=seeds), sequences()
    ),
    layers.SpatialDropout2D: trials(
        st.builds(
            layers.SpatialDropout2D,
            rate=rates,
            data_format=st.sampled_from(["channels_first", "channels_last"]),
            seed=seeds,
        ),
        images(),
    ),
    layers.SpatialDropout3D: trials(
        st.builds(layers.SpatialDropout3D, rate=rates, seed=seeds),
        arrays(shapes(min_rank=5, max_rank=5, max_side=2)),
    ),
    layers.Subtract: merging(layers.Subtract, high=2),
    layers.UnitNormalization: fitted(
        features,
        lambda x: st.builds(
            layers.UnitNormalization,
            axis=axis_or_axes(x.ndim).map(lambda a: list(a) if isinstance(a, tuple) else a),
        ),
    ),
    **CONVOLUTION,
    **IMAGES,
    **POOLING,
    **SPATIAL,
    **SEQUENCES,
    **RECURRENT,
}
