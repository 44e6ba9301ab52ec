"""Initializers: how a parameter starts, by the names that Keras gives them.

base        the contract; plain functions and given arrays
constants   zeros ones constant identity
draws       random_normal truncated_normal random_uniform orthogonal
scaling     variance_scaling and glorot_*, he_*, lecun_*
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.initializers.base import ArrayInitializer, FunctionInitializer, Initializer
from minidl.initializers.constants import Constant, Identity, Ones, Zeros
from minidl.initializers.draws import (
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from minidl.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from minidl.registry import Registry
from minidl.registry import serialize as _serialize

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

registry: Registry[Initializer] = Registry("initializer", Initializer, FunctionInitializer)
registry.register(ArrayInitializer)
registry.register(Constant)
registry.register(GlorotNormal)
registry.register(GlorotUniform)
registry.register(HeNormal)
registry.register(HeUniform)
registry.register(Identity, "IdentityInitializer")
registry.register(LecunNormal)
registry.register(LecunUniform)
registry.register(Ones, "one")
registry.register(Orthogonal, "OrthogonalInitializer")
registry.register(RandomNormal, "normal")
registry.register(RandomUniform, "uniform")
registry.register(TruncatedNormal)
registry.register(VarianceScaling)
registry.register(Zeros, "zero")

__all__ = [
    "ArrayInitializer",
    "Constant",
    "FunctionInitializer",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "registry",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def get(identifier: Any) -> Initializer | None:
    """Return the initializer for a name, a class, a config, an array, a function or an object.

    `None` gives `None`. An array gives its own values to a parameter of its shape; a function is
    called as `function(shape, dtype=dtype)`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("he_normal")
    HeNormal(seed=None, input_axes=None, output_axes=None)
    """
    if isinstance(identifier, np.ndarray | np.generic):
        return ArrayInitializer(identifier)
    if isinstance(identifier, dict) and identifier.get("class_name") == "FunctionInitializer":
        return FunctionInitializer.from_config(identifier.get("config") or {})
    return registry.get(identifier)


def serialize(initializer: Initializer) -> Any:
    """Return the class and the arguments of an initializer, as JSON can hold them.

    >>> serialize(Constant(2.0))["class_name"], serialize(Constant(2.0))["config"]
    ('Constant', {'value': 2.0})
    """
    return _serialize(initializer)


def deserialize(config: Any) -> Initializer | None:
    """Return the initializer for what `serialize` returned.

    >>> deserialize(serialize(Constant(2.0)))
    Constant(value=2.0)
    """
    return get(config)
