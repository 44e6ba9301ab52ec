"""Which layer has which formula, by the name of the class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minidl.explain.formulas import generic
from minidl.explain.formulas.common import Formula

FORMULAS = {
    "activation.layer": ("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"),
    "attention": ("AdditiveAttention", "Attention"),
    "attention.heads": ("GroupQueryAttention", "MultiHeadAttention"),
    "both_ways": ("Bidirectional",),
    "dense": ("Dense",),
    "embedding": ("Embedding",),
    "merging": ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"),
    "merging.dot": ("Dot",),
    "moving": (
        "Cropping1D", "Cropping2D", "Cropping3D", "Flatten", "Identity", "InputLayer", "Permute",
        "RepeatVector", "Reshape", "UpSampling1D", "UpSampling3D", "ZeroPadding1D",
        "ZeroPadding2D", "ZeroPadding3D",
    ),
    "moving.concatenate": ("Concatenate",),
    "noise": ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    "noise.other": ("AlphaDropout", "GaussianDropout", "GaussianNoise"),
    "normalization.batch": ("BatchNormalization",),
    "normalization.sample": ("GroupNormalization", "LayerNormalization", "RMSNormalization"),
    "pooling": (
        "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "MaxPooling1D",
        "MaxPooling2D", "MaxPooling3D",
    ),
    "pooling.whole": (
        "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
        "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    ),
    "recurrent": ("GRU", "LSTM", "SimpleRNN"),
    "scaling.rescaling": ("Rescaling",),
    "scaling.masking": ("Masking",),
    "scaling.standard": ("Normalization",),
    "scaling.unit": ("UnitNormalization",),
    "two_steps.apart": ("SeparableConv1D", "SeparableConv2D"),
    "two_steps.turned": ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    "windows": ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
}  # fmt: skip
"""The layers of each formula: the file, and after a point what its functions begin with."""

FORMULA_OF = {name: formula for formula, names in FORMULAS.items() for name in names}


def formula_of(layer: Any) -> Formula:
    """Return the formula of a layer.

    A subclass of a built-in layer has its formula if it computes as that one does, by the same
    `forward` and `backward`; any other has the generic one.
    """
    cls: Any = type(layer)
    owner: Any
    for owner in cls.__mro__:
        known = FORMULA_OF.get(owner.__name__) if owner.__module__.startswith("minidl.") else None
        if known is None:
            continue
        if cls.forward is not owner.forward or cls.backward is not owner.backward:
            break
        file, _, part = known.partition(".")
        module = import_module(f"minidl.explain.formulas.{file}")
        prefix = f"{part}_" if part else ""
        return Formula(getattr(module, f"{prefix}forward"), getattr(module, f"{prefix}backward"))
    return Formula(generic.forward, generic.backward)
