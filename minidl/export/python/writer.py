"""What the converters write with: calls, weights, activations, as pieces of source text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array
from minidl.export.python import activations as functions
from minidl.export.python.bundle import Bundle
from minidl.layers.parameter import Parameter


class Code(str):
    """A piece of source text, as against a string that is a value."""

    __slots__ = ()


NONE = Code("None")


class NotExportableError(ValueError):
    """A model has a layer that does not go into a Python file; the message says why."""


class Writer:
    """Collects the functions and the weights that a file will need.

    Attributes:
        bundle: the functions.
        weights: the arrays by name.
        dtypes: of the variables, by name.
        ranks: their numbers of axes.
    """

    def __init__(self) -> None:
        self.bundle = Bundle()
        self.weights: dict[str, Array] = {}
        self.dtypes: dict[str, str] = {}
        self.ranks: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Code:
        """Return a call of one of the functions here; values are written as literals."""
        given = [_written(a) for a in arguments]
        given += [f"{name}={_written(a)}" for name, a in named.items()]
        return Code(f"{self.bundle.use(function)}({', '.join(given)})")

    def weight(self, parameter: Parameter | None) -> Code:
        """Return how a weight is called; `None` for one that is not there."""
        if parameter is None:
            return NONE
        if id(parameter) not in self._names:
            self._names[id(parameter)] = self._free(parameter.path)
            self.weights[self._names[id(parameter)]] = parameter.value
        return Code(f'W["{self._names[id(parameter)]}"]')

    def constant(self, name: str, array: Array) -> Code:
        """Return how an array is called that is no weight, but a layer's own."""
        free = self._free(name)
        self.weights[free] = array
        return Code(f'W["{free}"]')

    def _free(self, path: str) -> str:
        path = harmless(path)
        name, number = path, 2
        while name in self.weights:
            name, number = f"{path}_{number}", number + 1
        return name

    def cast(self, x: Code, dtype: str) -> Code:
        """Return x in the dtype, where it is not known to be in it."""
        return x if self.dtypes.get(x) == dtype else Code(f'{x}.astype("{dtype}", copy=False)')

    def floats(self, x: Code, own: str) -> Code:
        """Return x as it is if it has floats, else in the layer's dtype."""
        return x if self.dtypes.get(x, own).startswith("float") else self.cast(x, own)

    def activated(
        self, activation: activations.Activation, z: Code, in_place: bool = False
    ) -> Code:
        """Return f(z).

        Arguments:
            in_place: whether it is what stands behind a Dense's bias, where relu is one maximum.
        """
        kind = type(activation)
        if kind is activations.Linear:
            return z
        if kind is activations.Relu and in_place and activation._is_plain:  # type: ignore[attr-defined]
            return Code(f"np.maximum({z}, 0)")
        if kind is activations.Tanh:
            return Code(f"np.tanh({z})")
        if kind is activations.Exponential:
            return Code(f"np.exp({z})")
        if kind is activations.Relu6:
            return Code(f"np.clip({z}, 0, 6)")
        if kind not in _ACTIVATIONS:
            raise NotExportableError(
                f"its activation {activation!r} is a function of your own. Use one of "
                "minidl.activations"
            )
        function, names = _ACTIVATIONS[kind]
        given = {name: getattr(activation, name) for name in names}
        return self.call(function, z, **given)

    def gate(self, activation: activations.Activation) -> Code:
        """Return a function of one argument: the activation as a recurrent cell computes it."""
        if type(activation) is activations.Sigmoid:
            return Code(self.bundle.use(functions.sigmoid_by_tanh))
        if type(activation) is activations.Tanh:
            return Code("np.tanh")
        return Code(f"lambda z: {self.activated(activation, Code('z'))}")


_ACTIVATIONS: dict[type, tuple[Callable[..., Any], tuple[str, ...]]] = {
    activations.Celu: (functions.celu, ("alpha",)),
    activations.Elu: (functions.elu, ("alpha",)),
    activations.Gelu: (functions.gelu, ("approximate",)),
    activations.Glu: (functions.glu, ("axis",)),
    activations.HardSigmoid: (functions.hard_sigmoid, ()),
    activations.HardSilu: (functions.hard_silu, ()),
    activations.LeakyRelu: (functions.leaky_relu, ("negative_slope",)),
    activations.LogSigmoid: (functions.log_sigmoid, ()),
    activations.LogSoftmax: (functions.log_softmax, ("axis",)),
    activations.Mish: (functions.mish, ()),
    activations.Relu: (functions.relu, ("negative_slope", "max_value", "threshold")),
    activations.Selu: (functions.selu, ("alpha", "scale")),
    activations.Sigmoid: (functions.sigmoid, ()),
    activations.Silu: (functions.silu, ()),
    activations.Softmax: (functions.softmax, ("axis",)),
    activations.Softplus: (functions.softplus, ()),
    activations.Softsign: (functions.softsign, ()),
}


def harmless(name: str) -> str:
    """Return a name that can stand in a comment or a string: a model may come from anybody."""
    return re.sub(r"[^\w ./:-]", "_", name)


def _written(value: Any) -> str:
    if isinstance(value, Code):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(map(_written, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)
