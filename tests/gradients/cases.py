"""The one table of all cases, by class, and the search that finds a class without one."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import minidl
from minidl.activations import Activation
from minidl.layers import Layer
from minidl.losses import Loss
from minidl.regularizers import Regularizer

from .activation_cases import ACTIVATIONS
from .function_cases import FUNCTIONS
from .layer_cases import LAYERS
from .loss_cases import LOSSES
from .model_cases import MODELS
from .regularizer_cases import REGULARIZERS
from .trial import Trials

FAMILIES: dict[str, dict[type, Trials]] = {
    "layers": LAYERS,
    "models": MODELS,
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "regularizers": REGULARIZERS,
    "functions": FUNCTIONS,
}
CASES: dict[type, Trials] = {
    cls: case for table in FAMILIES.values() for cls, case in table.items()
}

CONTRACT = "the contract: it computes nothing"
BASE = "a base: every class made of it has a case"
TEXT = "it takes strings, which have no gradient"
TRUTH = "its output is truth values: there is nothing to differentiate"

EXEMPT = {
    "activations.base.Activation": CONTRACT,
    "layers.activation_layers.ActivationLayer": BASE,
    "layers.convolutional.base.ConvolutionalLayer": BASE,
    "layers.convolutional.convolution.Convolution": BASE,
    "layers.convolutional.depthwise.DepthwiseConvolution": BASE,
    "layers.convolutional.separable.SeparableConvolution": BASE,
    "layers.convolutional.transposed.TransposedConvolution": BASE,
    "layers.attention.projected.ProjectedAttention": BASE,
    "layers.categorical.index_lookup.IndexLookup": BASE,
    "layers.categorical.string_lookup.StringLookup": TEXT,
    "layers.categorical.text_vectorization.TextVectorization": TEXT,
    "layers.dropout.RateLayer": BASE,
    "layers.dropout._SpatialDropoutND": BASE,
    "layers.image.image_layer.ImageLayer": BASE,
    "layers.image.random_affine.RandomAffine": BASE,
    "layers.image.random_layer.RandomImageLayer": BASE,
    "layers.layer.Layer": CONTRACT,
    **{
        f"layers.mask_operations.{name}": TRUTH
        for name in (
            *("AnyTrue", "ExpandDims", "LogicalAnd", "LogicalOr", "NotEqual", "OnesLike"),
            *("Operation", "SideBySide", "ZerosLike"),
        )
    },
    "layers.merging.Extreme": BASE,
    "layers.merging.Merge": BASE,
    "layers.pooling.average_pooling.AveragePooling": BASE,
    "layers.pooling.global_pooling.GlobalAveragePooling": BASE,
    "layers.pooling.global_pooling.GlobalMaxPooling": BASE,
    "layers.pooling.global_pooling.GlobalPooling": BASE,
    "layers.pooling.max_pooling.MaxPooling": BASE,
    "layers.pooling.pooling.Pooling": BASE,
    "layers.recurrent.cell.RecurrentCell": BASE,
    "layers.recurrent.layer.RecurrentLayer": BASE,
    "layers.recurrent.sequence_cell.SequenceCell": BASE,
    "layers.reshaping.Reshaping": BASE,
    "layers.scale_and_shift.ScaleAndShift": BASE,
    "layers.spatial.cropping.Cropping": BASE,
    "layers.spatial.spatial.SpatialLayer": BASE,
    "layers.spatial.up_sampling.UpSampling": BASE,
    "layers.spatial.zero_padding.ZeroPadding": BASE,
    "losses.loss.Loss": CONTRACT,
    "losses.loss.PairedLoss": BASE,
    "models.compiled.Compiled": BASE,
    "models.evaluation.Evaluator": BASE,
    "models.graph_layer.GraphLayer": BASE,
    "models.plan_step.ActivityPenalty": "a term of the loss: see test_training_gradients.py",
    "models.preparation.Preparation": BASE,
    "models.steps.Steps": BASE,
    "models.training.Trainer": BASE,
    "regularizers.Regularizer": CONTRACT,
}
"""Classes without a case, and why. Whatever computes something differentiable has one."""

BASES = (Layer, Activation, Loss, Regularizer)


def path_of(cls: type) -> str:
    """Return where a class is defined, as EXEMPT names it."""
    return f"{cls.__module__.removeprefix('minidl.')}.{cls.__name__}"


def modules() -> list[ModuleType]:
    """Return every module of the package, imported."""
    found = pkgutil.walk_packages(minidl.__path__, "minidl.")
    return [import_module(m.name) for m in found if not m.name.endswith("__main__")]


def differentiable_classes() -> set[type]:
    """Return every layer, activation, loss and regularizer that the package defines, anywhere."""
    return {
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BASES)
        and value.__module__ == module.__name__
    }


def public_classes() -> set[type]:
    """Return those that users reach: in a public namespace, or by name through a registry."""
    found: set[type] = set()
    for name in ("layers", "activations", "losses", "regularizers", "models"):
        namespace = import_module(f"minidl.{name}")
        for key, value in vars(namespace).items():
            if isinstance(value, type) and issubclass(value, BASES) and not key.startswith("_"):
                found.add(value)
        if hasattr(namespace, "registry"):
            found.update(namespace.registry.classes())
    return found
