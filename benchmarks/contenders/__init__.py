"""Who takes part. A new contender is a class in a module here and a line in `CONTENDERS`."""

from __future__ import annotations

import importlib

from benchmarks.contenders.base import Contender

CONTENDERS = {
    "minidl": "benchmarks.contenders.minidl_fit:MiniDL",
    "minidl-fast": "benchmarks.contenders.minidl_fit:MiniDLFast",
    "notebook": "benchmarks.contenders.notebook:Notebook",
    "notebook32": "benchmarks.contenders.notebook:Notebook32",
    "matmul-floor": "benchmarks.contenders.matmul_floor:MatmulFloor",
    "sklearn": "benchmarks.contenders.scikit:ScikitLearn",
    "torch": "benchmarks.contenders.pytorch:Torch",
    "torch-fused": "benchmarks.contenders.pytorch:TorchFused",
    "torch-compile": "benchmarks.contenders.pytorch:TorchCompile",
    "jax": "benchmarks.contenders.jax_steps:Jax",
    "jax-loop": "benchmarks.contenders.jax_steps:JaxLoop",
    "keras-jax": "benchmarks.contenders.keras_fit:KerasJax",
    "keras-torch": "benchmarks.contenders.keras_fit:KerasTorch",
}


def get(name: str) -> type[Contender]:
    """Return the contender of this name; `module:Class` is one from elsewhere.

    Raises:
        ValueError: if there is none.
    """
    module, _, attribute = CONTENDERS.get(name, name).partition(":")
    if not attribute:
        raise ValueError(
            f"Received the contender {name!r}, expected one of {', '.join(CONTENDERS)}, "
            "or module:Class for one of your own."
        )
    return getattr(importlib.import_module(module), attribute)
