"""Where a model's parts stand in a weights file: the path of every layer and optimizer.

    layers/dense/vars/0             a layer of a model, by its class and not by its name
    layers/dense_1/vars/0           the second of that class, in the order of `model.layers`
    layers/bidirectional/forward_layer/cell/vars/0     a layer within one: by its attribute
    optimizer/vars/0

The order in which Keras comes by decides about the numbers, and about which of several paths an
object gets that can be reached by more than one. Here the same walk is done, name by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from minidl.layers.ownership import ParameterOwner
from minidl.optimizers.state import OptimizerState
from minidl.registry import is_built_in, snake_case


class Part(NamedTuple):
    """A layer, model or optimizer, and its path."""

    path: str
    owner: Any


def parts(root: Any) -> list[Part]:
    """Return every part of a layer or model that may have variables, itself first.

    Example:
        >>> from minidl import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
        >>> [part.path for part in parts(model)]
        ['', 'layers/dense', 'layers/dense_1']
    """
    found: list[Part] = []
    _walk(root, "", found, {})
    return found


def _walk(owner: Any, path: str, found: list[Part], seen: dict[int, Any]) -> None:
    if id(owner) in seen:
        return
    seen[id(owner)] = owner  # kept, so that its id stays its own
    found.append(Part(path, owner))
    for name, value in _attributes(owner):
        _walk_value(value, _join(path, name), found, seen)


def _walk_value(value: Any, path: str, found: list[Part], seen: dict[int, Any]) -> None:
    if _is_part(value):
        _walk(value, path, found, seen)
    elif isinstance(value, list | tuple | dict) and id(value) not in seen:
        seen[id(value)] = value
        used: dict[str, int] = {}
        for item in list(value.values()) if isinstance(value, dict) else value:
            if _is_part(item):
                _walk(item, _join(path, _numbered(part_name(item), used)), found, seen)
            elif isinstance(item, list | tuple | dict):
                _walk_value(item, _join(path, _numbered("container", used)), found, seen)


def part_name(owner: Any) -> str:
    """Return what a layer in a list is called: its class, as Keras knows it, in snake case."""
    own = vars(type(owner))
    known_as = own.get("keras_names") or {}
    by_file: dict[str, str] = own.get("file_names") or {}
    return by_file.get("") or snake_case(known_as.get("class_name", type(owner).__name__))


def _numbered(name: str, used: dict[str, int]) -> str:
    count = used.get(name, -1) + 1
    used[name] = count
    return f"{name}_{count}" if count else name


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _is_part(value: Any) -> bool:
    return isinstance(value, ParameterOwner | OptimizerState)


def _attributes(owner: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that may hold parts, in Keras's order: by name, private ones last."""
    if isinstance(owner, OptimizerState):
        return
    from minidl.models.graph_layer import GraphLayer

    names = set(vars(owner)) - _of_the_bases()
    for cls in type(owner).__mro__:
        if not is_built_in(cls) and cls is not object:
            names |= {name for name in vars(cls) if not name.startswith("__")}
    if isinstance(owner, GraphLayer):
        names |= {"layers", "optimizer"}
        if owner.has_layers_in_order:
            names.remove("layers")
            yield "layers", owner.layers
    by_file: dict[str, str] = getattr(type(owner), "file_names", {})
    named = [(by_file.get(name, name), name) for name in names - _kept_apart()]
    for file_name, name in sorted(named, key=lambda pair: (pair[0].startswith("_"), pair)):
        try:
            yield file_name, getattr(owner, name)
        except Exception:  # a property of the user's that does not work yet has no parts either
            continue


@cache
def _of_the_bases() -> frozenset[str]:
    """Return the attributes that every layer or model has of its own: no place for parts."""
    from minidl.models.sequential import Sequential

    return frozenset(vars(Sequential()))


@cache
def _kept_apart() -> frozenset[str]:
    """Return the names that a layer has from this package, such as `weights`, but two."""
    from minidl.models.sequential import Sequential

    return frozenset(name for name in dir(Sequential) if name not in ("layers", "optimizer"))
