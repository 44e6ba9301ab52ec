"""Keras's API, trained by NumPy alone: every gradient derived by hand and checked numerically.

What is public stands under Keras's names: `minidl.Sequential`, `minidl.layers.Dense`,
`minidl.optimizers.Adam`. A module is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minidl import (
        activations,
        autodiff,
        callbacks,
        config,
        constraints,
        datasets,
        doctor,
        explain,
        export,
        gradcheck,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        plotting,
        random,
        regularizers,
        saving,
        testing,
        utils,
        wrappers,
    )
    from minidl.activations import Activation
    from minidl.layers import Input, Layer, Parameter
    from minidl.losses import Loss
    from minidl.metrics import Metric
    from minidl.models import Model, Sequential
    from minidl.optimizers import Optimizer
    from minidl.saving import load_model

_MODULES = (
    "activations",
    "autodiff",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "doctor",
    "explain",
    "export",
    "gradcheck",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plotting",
    "random",
    "regularizers",
    "saving",
    "testing",
    "utils",
    "wrappers",
)
_HOMES = {
    "Activation": "activations",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Parameter": "layers",
    "Sequential": "models",
    "load_model": "saving",
}

__all__ = [
    "Activation",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Parameter",
    "Sequential",
    "activations",
    "autodiff",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "doctor",
    "explain",
    "export",
    "gradcheck",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plotting",
    "random",
    "regularizers",
    "saving",
    "testing",
    "utils",
    "wrappers",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"minidl.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"minidl.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'minidl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES, *_HOMES])
