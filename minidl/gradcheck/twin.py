"""A layer's double in float64, on which everything is tried out: the layer itself is left alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl import random
from minidl._typing import Array
from minidl.layers.layer import Layer


def double_twin(layer: Layer) -> Layer:
    """Return a copy of `layer`, with its weights, that computes in float64.

    Raises:
        TypeError: if the layer cannot be copied, not even by its configuration.
    """
    twin = _copied(layer)
    retype(twin, "float64")
    return twin


def _copied(layer: Layer) -> Layer:
    try:
        return copy.deepcopy(layer)
    except Exception as reason:
        try:
            twin = type(layer).from_config(layer.get_config())
            if not layer.built:
                return twin
            if not twin.built:
                raise TypeError("it is built, and its configuration does not tell the shape")
            twin.set_weights(layer.get_weights())
        except Exception:
            raise TypeError(
                f"gradcheck works on a copy, and {type(layer).__name__} {layer.name!r} cannot be "
                f"copied: {type(reason).__name__}: {reason}. Keep locks, files and the like out "
                "of its attributes, or write __deepcopy__."
            ) from reason
        return twin


def retype(layer: Layer, dtype: str) -> None:
    """Make `layer` compute in `dtype`: its parameters, constants, inputs and what it builds."""
    for member in layer.with_sublayers():
        member.dtype = dtype
        for name, value in list(vars(member).items()):
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                setattr(member, name, value.astype(dtype))
        for node in getattr(getattr(member, "graph", None), "nodes", ()):
            for tensor in (*node.sources, *node.outputs):
                if tensor.dtype.startswith("float"):
                    tensor.dtype = dtype
    for parameter in {id(p): p for p in layer.weights + layer.state_weights}.values():
        if parameter.dtype.kind == "f":
            parameter.move(np.empty(parameter.shape, dtype), None, None)


@contextmanager
def same_weights(seed: int) -> Iterator[None]:
    """Let weights that are made meanwhile be the same in every check, and no draw be used up."""
    root, random._root = random._root, np.random.SeedSequence(seed)
    try:
        yield
    finally:
        random._root = root


def disturb_constant_weights(layer: Layer, rng: np.random.Generator) -> None:
    """Move parameters off the zeros and ones they start with.

    A gradient that forgets a factor is right as long as the factor is one. What is trained moves
    by up to a half either way; state only upwards, so that a variance stays one.
    """
    trained = {id(p) for p in layer.trainable_weights}
    for parameter in layer.weights:
        value = parameter.value
        if value.dtype.kind == "f" and value.size and np.ptp(value) == 0:
            low = -0.5 if id(parameter) in trained else 0.0
            value += rng.uniform(low, 0.5, value.shape)


class State:
    """What a call may change on a layer: state such as moving means, and random streams.

    Restoring it before each evaluation makes all evaluations see the same draw.
    """

    def __init__(self, layer: Layer) -> None:
        state = {id(p): p for p in layer.non_trainable_weights + layer.state_weights}
        self._weights = [(p, p.value.copy()) for p in state.values()]
        self._seeds = [(s, s.get_state()) for s in layer.seed_generators()]

    def restore(self) -> None:
        """Put everything back to what it was."""
        for parameter, value in self._weights:
            parameter.assign(value)
        for seed, state in self._seeds:
            seed.set_state(state)


def flatten(value: Any) -> list[Any]:
    """Return the arrays of a structure (one array, or a nest of lists and dicts) as a list."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return [value]
    return [item for part in value for item in flatten(part)]


def labels(name: str, value: Any) -> list[str]:
    """Return a name for each array of a structure: `"dx"`, or `"dx[0]"`, `"dx[1]"`."""
    if isinstance(value, dict):
        return [f"{name}[{key!r}]" for key in value]
    if isinstance(value, list | tuple):
        return [f"{name}[{i}]" for i in range(len(value))]
    return [name]


def pack(like: Any, items: list[Any]) -> Any:
    """Return `items` in the structure of `like`."""
    if isinstance(like, dict):
        return dict(zip(like, items, strict=True))
    return list(items) if isinstance(like, list | tuple) else items[0]


def retyped(value: Any, dtype: str) -> Any:
    """Return a nest of lists and dicts with every float array in it as `dtype`."""
    if isinstance(value, dict):
        return {key: retyped(item, dtype) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([retyped(item, dtype) for item in value])
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return value


def to_double(value: Any) -> Any:
    """Return a structure of arrays with every float array copied to float64.

    A list of numbers, or of lists of numbers, is one array.
    """
    if isinstance(value, list | tuple) and not any(hasattr(item, "ndim") for item in value):
        value = np.array(value)
    return pack(value, [_double(item) for item in flatten(value)])


def _double(item: Any) -> Array:
    array = np.array(item)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
