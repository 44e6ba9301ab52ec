"""Optimizers: how parameters change along their gradients, and at what rate."""

from __future__ import annotations

from typing import Any

from minidl.optimizers import schedules
from minidl.optimizers.adadelta import Adadelta
from minidl.optimizers.adagrad import Adagrad
from minidl.optimizers.adam import Adam, AdamW
from minidl.optimizers.adamax import Adamax
from minidl.optimizers.nadam import Nadam
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.sgd import SGD
from minidl.registry import Registry
from minidl.registry import serialize as serialize_any

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]

registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
for _optimizer in (Adadelta, Adagrad, Adam, AdamW, Adamax, Nadam, RMSprop, SGD):
    registry.register(_optimizer, _optimizer.__name__.lower())


def get(identifier: Any) -> Optimizer | None:
    """Return the optimizer for a name, a class, a config or an optimizer; `None` for `None`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    Example:
        >>> get("adam")
        <Adam name=adam iterations=0>
    """
    if isinstance(identifier, str) and identifier.lower() in registry.names():
        identifier = identifier.lower()
    return registry.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's class and configuration as JSON can hold them."""
    config: dict[str, Any] = serialize_any(optimizer)
    return config


def deserialize(config: dict[str, Any]) -> Optimizer | None:
    """Make an optimizer from what `serialize` returned.

    Raises:
        ValueError: if the class is not known.
    """
    return registry.get(config)
