"""Small models, weights that differ, and inputs of any size, for the tests of what is exported."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minidl import Input, Model, Sequential, layers
from minidl._typing import Array
from minidl.layers.recurrent.states import flat

RUNS = ((1, 5), (4, 9), (3, 2))
"""Sizes of the batch, and of every other axis that varies."""


def straight(*stack: Any, shape: Any = (None, 4), dtype: str = "float32") -> Sequential:
    return Sequential([Input(shape, dtype=dtype), *(make() for make in stack)])


def several(make: Callable[..., Any], *shapes: Any) -> Model:
    inputs = [Input(shape) for shape in shapes]
    return Model(inputs, flat(make(*inputs)))


def part(name: str, *args: Any, **arguments: Any) -> Any:
    return partial(getattr(layers, name), *args, **arguments)


def randomized(model: Any, seed: int = 7) -> Any:
    """Return the model with weights that differ from each other, none of them where it began."""
    rng = np.random.default_rng(seed)
    for parameter in model.weights:
        if parameter.value.dtype.kind == "f":
            noise = rng.normal(0, 0.3, parameter.shape)
            value = parameter.value + noise
            parameter.assign(np.abs(value) + 0.1 if parameter.name.endswith("variance") else value)
    return model


def arrays_for(model: Any, batch: int, size: int, name: str = "", seed: int = 3) -> list[Array]:
    """Return random inputs for a model, `size` being that of every axis that varies."""
    rng = np.random.default_rng(seed + batch)
    arrays = []
    for tensor in model.inputs:
        shape = (batch, *(size if n is None else n for n in tensor.shape[1:]))
        if tensor.dtype == "bool":
            array = rng.random(shape) < 0.6
        elif tensor.dtype.startswith("float"):
            array = rng.normal(size=shape).astype(tensor.dtype)
            if "masked" in name and array.ndim > 2:
                array[rng.random(shape[:2]) < 0.4] = 0
        else:
            array = rng.integers(0, 4, shape).astype(tensor.dtype)
        arrays.append(array)
    return arrays


def outputs_of(model: Any, arrays: list[Array]) -> list[Array]:
    """Return what a model gives at inference, as a list."""
    outputs = model(arrays if len(arrays) > 1 else arrays[0])
    return list(outputs) if isinstance(outputs, list) else [outputs]
