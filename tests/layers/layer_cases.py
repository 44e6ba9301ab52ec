"""One table of all layers besides Dense, which the property tests go through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import layers

from .attention_cases import ATTENTION
from .case import Case
from .convolution_cases import CONVOLUTION
from .image_cases import IMAGES
from .pooling_cases import POOLING
from .recurrent_cases import RECURRENT
from .spatial_cases import SPATIAL


def adapted(**kwargs: Any) -> layers.Normalization:
    layer = layers.Normalization(**kwargs)
    layer.adapt(np.random.default_rng(3).normal(2.0, 3.0, (20, 4)))
    return layer


CASES: dict[str, Case] = {
    "Activation": Case(lambda **k: layers.Activation("tanh", **k), (3, 4)),
    "Activation-softmax": Case(lambda **k: layers.Activation("softmax", **k), (3, 4)),
    "ReLU": Case(layers.ReLU, (3, 4)),
    "ReLU-full": Case(
        lambda **k: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.4, **k), (3, 4)
    ),
    "LeakyReLU": Case(layers.LeakyReLU, (3, 4)),
    "ELU": Case(lambda **k: layers.ELU(0.7, **k), (3, 4)),
    "PReLU": Case(lambda **k: layers.PReLU("glorot_uniform", **k), (3, 4, 5)),
    "PReLU-shared": Case(
        lambda **k: layers.PReLU("glorot_uniform", shared_axes=[1, 2], **k), (2, 3, 4, 5)
    ),
    "Softmax": Case(layers.Softmax, (3, 4)),
    "Softmax-axis": Case(lambda **k: layers.Softmax(axis=1, **k), (3, 4, 2)),
    "Dropout": Case(lambda **k: layers.Dropout(0.4, seed=5, **k), (6, 7)),
    "Dropout-0": Case(lambda **k: layers.Dropout(0.0, **k), (6, 7)),
    "Dropout-noise": Case(
        lambda **k: layers.Dropout(0.4, noise_shape=(None, 1, 5), seed=5, **k), (4, 3, 5)
    ),
    "SpatialDropout1D": Case(lambda **k: layers.SpatialDropout1D(0.4, seed=5, **k), (4, 3, 5)),
    "SpatialDropout2D": Case(lambda **k: layers.SpatialDropout2D(0.4, seed=5, **k), (4, 3, 2, 5)),
    "SpatialDropout3D": Case(
        lambda **k: layers.SpatialDropout3D(0.4, "channels_first", seed=5, **k), (2, 5, 3, 2, 2)
    ),
    "AlphaDropout": Case(lambda **k: layers.AlphaDropout(0.4, seed=5, **k), (6, 7)),
    "AlphaDropout-noise": Case(
        lambda **k: layers.AlphaDropout(0.4, noise_shape=(None, 1), seed=5, **k), (6, 7)
    ),
    "GaussianNoise": Case(lambda **k: layers.GaussianNoise(0.4, seed=5, **k), (6, 7)),
    "GaussianDropout": Case(lambda **k: layers.GaussianDropout(0.4, seed=5, **k), (6, 7)),
    "BatchNormalization": Case(layers.BatchNormalization, (5, 3)),
    "BatchNormalization-axis1": Case(
        lambda **k: layers.BatchNormalization(axis=1, **k), (3, 4, 2, 2)
    ),
    "BatchNormalization-images": Case(layers.BatchNormalization, (2, 3, 2, 4)),
    "BatchNormalization-plain": Case(
        lambda **k: layers.BatchNormalization(center=False, scale=False, **k), (5, 3)
    ),
    "LayerNormalization": Case(layers.LayerNormalization, (3, 5)),
    "LayerNormalization-axes": Case(
        lambda **k: layers.LayerNormalization(axis=[1, 3], **k), (2, 3, 2, 4)
    ),
    "LayerNormalization-trailing": Case(
        lambda **k: layers.LayerNormalization(axis=(-1, -2), **k), (2, 3, 4)
    ),
    "LayerNormalization-no-gamma": Case(
        lambda **k: layers.LayerNormalization(scale=False, **k), (3, 5)
    ),
    "LayerNormalization-no-beta": Case(
        lambda **k: layers.LayerNormalization(center=False, **k), (3, 5)
    ),
    "RMSNormalization": Case(layers.RMSNormalization, (3, 5)),
    "RMSNormalization-axes": Case(lambda **k: layers.RMSNormalization(axis=[1, 2], **k), (2, 3, 4)),
    "UnitNormalization": Case(layers.UnitNormalization, (3, 5)),
    "UnitNormalization-axes": Case(
        lambda **k: layers.UnitNormalization(axis=[1, 2], **k), (2, 3, 4)
    ),
    "GroupNormalization": Case(lambda **k: layers.GroupNormalization(2, **k), (2, 3, 2, 4)),
    "GroupNormalization-axis1": Case(
        lambda **k: layers.GroupNormalization(3, axis=1, **k), (2, 6, 2)
    ),
    "GroupNormalization-instance": Case(
        lambda **k: layers.GroupNormalization(-1, **k), (2, 3, 2, 4)
    ),
    "Flatten": Case(layers.Flatten, (2, 3, 4)),
    "Flatten-first": Case(lambda **k: layers.Flatten("channels_first", **k), (2, 3, 4, 5)),
    "Flatten-numbers": Case(layers.Flatten, (3,)),
    "Reshape": Case(lambda **k: layers.Reshape((4, -1), **k), (2, 3, 8)),
    "Permute": Case(lambda **k: layers.Permute((3, 1, 2), **k), (2, 3, 4, 5)),
    "RepeatVector": Case(lambda **k: layers.RepeatVector(3, **k), (2, 4)),
    "Rescaling": Case(lambda **k: layers.Rescaling(0.5, -1.0, **k), (3, 4)),
    "Rescaling-arrays": Case(
        lambda **k: layers.Rescaling([0.5, 2.0, 3.0], np.array([[1.0], [2.0]]), **k), (4, 2, 3)
    ),
    "Normalization": Case(adapted, (3, 4)),
    "Normalization-invert": Case(lambda **k: adapted(invert=True, **k), (3, 4)),
    "Normalization-given": Case(
        lambda **k: layers.Normalization(
            axis=(1, 2), mean=[1.0, 2.0, 3.0], variance=[4.0, 0.25, 1.0], **k
        ),
        (3, 2, 3),
    ),
    "Normalization-scalar": Case(
        lambda **k: layers.Normalization(axis=None, mean=3.0, variance=2.0, **k), (3, 2, 3)
    ),
    "Identity": Case(layers.Identity, (3, 4)),
    "InputLayer": Case(lambda **k: layers.InputLayer((4,), **k), (3, 4)),
    "Add": Case(layers.Add, [(3, 4)] * 3),
    "Add-one": Case(layers.Add, [(3, 4)]),
    "Add-broadcast": Case(layers.Add, [(2, 4), (2, 3, 1), (2, 1, 4)]),
    "Subtract": Case(layers.Subtract, [(3, 4)] * 2),
    "Subtract-broadcast": Case(layers.Subtract, [(2, 3, 4), (2, 1, 1)]),
    "Multiply": Case(layers.Multiply, [(3, 4)] * 4),
    "Multiply-broadcast": Case(layers.Multiply, [(2, 3, 4), (2, 4), (2, 3, 1)]),
    "Average": Case(layers.Average, [(3, 4)] * 3),
    "Average-broadcast": Case(layers.Average, [(2, 1, 4), (2, 3, 4)]),
    "Maximum": Case(layers.Maximum, [(3, 4)] * 3),
    "Maximum-broadcast": Case(layers.Maximum, [(2, 1, 4), (2, 3, 4)]),
    "Minimum": Case(layers.Minimum, [(3, 4)] * 3),
    "Minimum-broadcast": Case(layers.Minimum, [(2, 4), (2, 3, 4)]),
    "Concatenate": Case(layers.Concatenate, [(2, 3), (2, 1), (2, 4)]),
    "Concatenate-axis1": Case(lambda **k: layers.Concatenate(axis=1, **k), [(2, 3, 4), (2, 1, 4)]),
    "Dot": Case(lambda **k: layers.Dot(1, **k), [(3, 4), (3, 4)]),
    "Dot-3": Case(lambda **k: layers.Dot((1, 2), **k), [(2, 3, 5), (2, 4, 3)]),
    "Dot-4": Case(lambda **k: layers.Dot((-1, 1), **k), [(2, 3, 5, 4), (2, 4, 3, 2)]),
    "Dot-23": Case(lambda **k: layers.Dot((1, 2), **k), [(2, 3), (2, 4, 3)]),
    "Dot-cosine": Case(lambda **k: layers.Dot((2, 1), normalize=True, **k), [(2, 3, 5), (2, 5, 3)]),
    **CONVOLUTION,
    **ATTENTION,
    **IMAGES,
    "Masking": Case(layers.Masking, (3, 4, 2)),
    "TimeDistributed": Case(
        lambda **k: layers.TimeDistributed(layers.Dense(3, "tanh", dtype=k.get("dtype")), **k),
        (2, 3, 4),
    ),
    **POOLING,
    **SPATIAL,
    **RECURRENT,
}


def make(name: str, dtype: str = "float64", seed: int = 0) -> tuple[Any, Any]:
    """Return a built layer whose weights are no zeros or ones, and an input for it."""
    case = CASES[name]
    layer = case.make(dtype=dtype)
    rng = np.random.default_rng(seed)
    if isinstance(case.shape, list):
        x: Any = [rng.normal(size=shape).astype(dtype) for shape in case.shape]
    else:
        x = rng.normal(size=case.shape).astype(dtype)
    layer.ensure_built(case.shape)
    for parameter in layer.trainable_weights:
        parameter.value[...] = rng.normal(1.0, 0.5, parameter.shape)
    if name.startswith("BatchNormalization"):
        layer.moving_mean.value[...] = rng.normal(size=layer.moving_mean.shape)
        layer.moving_variance.value[...] = rng.uniform(0.5, 2.0, layer.moving_mean.shape)
    return layer, x


def rewind(layer: Any) -> Callable[[], None]:
    """Return a function that puts the layer's random stream back to where it is now."""
    states = [(s, copy.deepcopy(s.get_state())) for s in layer.seed_generators()]

    def back() -> None:
        for generator, state in states:
            generator.set_state(copy.deepcopy(state))

    return back


def listed(x: Any) -> list[Any]:
    return x if isinstance(x, list) else [x]
