"""The parameters of a layer and of the layers within it: made, found, frozen, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, DType
from minidl.layers import limits
from minidl.layers.parameter import Parameter
from minidl.random import SeedGenerator


class ParameterOwner:
    """Something that owns parameters, and other owners among its attributes.

    Arguments:
        name: stands in messages and in front of the parameters' names.
        dtype: of the parameters.
        trainable: whether an optimizer may change them.
    """

    def __init__(self, name: str, dtype: str, trainable: bool) -> None:
        self._trained: list[Parameter] = []  # what an optimizer may change, frozen or not
        self._state: list[Parameter] = []  # what it never changes, such as moving means
        self._trainable = trainable
        self.built = False
        self.name = name
        self.dtype = dtype

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: DType | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Parameter:
        """Create a parameter, initialise it and return it.

        Arguments:
            shape: the sizes of its axes; `()` by default.
            initializer: a name or an initializer; `"glorot_uniform"` by default.
            dtype: the layer's own by default; an integer type is possible for counters.
            trainable: False for state that no optimizer touches.
            regularizer: adds a penalty on the value to the loss.
            constraint: is applied to the value after each update.
            name: a short name, such as `"kernel"`.
            autocast, aggregation, overwrite_with_gradient: are Keras's, and have no effect here.

        Raises:
            ValueError: if a size of the shape is not a known non-negative integer.
        """
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape or ())
        if any(not isinstance(size, int | np.integer) or size < 0 for size in shape):
            raise ValueError(
                f"Layer {self.name!r} asked for a weight of shape {shape}; every size must be a "
                "known non-negative integer. Give the input's shape in full, but for the batch."
            )
        limits.spend(shape, self.name)
        make = initializers.get("glorot_uniform" if initializer is None else initializer)
        assert make is not None
        kind = np.dtype(self.dtype if dtype is None else dtype)
        parameter = Parameter(
            np.asarray(make(shape, dtype=kind)),
            name=name or f"variable_{len(self._trained) + len(self._state)}",
            trainable=trainable and self._trainable,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        parameter.path = f"{self.name}/{parameter.name}"
        (self._trained if trainable else self._state).append(parameter)
        return parameter

    def sublayers(self) -> list[Any]:
        """Return the layers among this layer's attributes, in lists and dicts too, in order."""
        found: dict[int, ParameterOwner] = {}
        for value in vars(self).values():
            if type(value) not in _NO_OWNERS:
                _find_owners(value, found)
        found.pop(id(self), None)
        return list(found.values())

    def with_sublayers(self) -> list[Any]:
        """Return this layer and all layers within, at any depth, each once."""
        found: dict[int, ParameterOwner] = {}
        waiting: list[ParameterOwner] = [self]
        while waiting:
            member = waiting.pop()
            if id(member) not in found:
                found[id(member)] = member
                waiting += reversed(member.sublayers())
        return list(found.values())

    @property
    def trainable(self) -> bool:
        """Whether the layer's parameters are trained. Setting it reaches all layers within."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for parameter in self._trained:
            parameter.trainable = self._trainable
        for layer in self.sublayers():
            layer.trainable = self._trainable

    @property
    def weights(self) -> list[Parameter]:
        """All parameters: what is trained, then the state, then those of the layers within."""
        own = self._trained + self._state
        return _unique(own + [p for layer in self.sublayers() for p in layer.weights])

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The parameters that an optimizer updates; none if the layer is frozen."""
        return [p for p in _unique(self._all_trained()) if p.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The parameters that no optimizer updates: state, and whatever is frozen."""
        trainable = {id(p) for p in self.trainable_weights}
        return [p for p in self.weights if id(p) not in trainable]

    @property
    def state_weights(self) -> list[Parameter]:
        """The parameters that are state, such as moving means: a forward pass may change them."""
        within = [p for layer in self.sublayers() for p in layer.state_weights]
        return _unique(self._state + within)

    def _all_trained(self) -> list[Parameter]:
        return self._trained + [p for layer in self.sublayers() for p in layer._all_trained()]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Return a copy of every parameter's value, in the order of `weights`."""
        return [p.value.copy() for p in self.weights]

    def set_weights(self, weights: list[Array]) -> None:
        """Copy arrays into the parameters, in the order of `weights`.

        Raises:
            ValueError: if the number of arrays or a shape differs; no parameter is then changed.
        """
        parameters = self.weights
        arrays = [np.asarray(w) for w in weights]
        if [a.shape for a in arrays] != [p.shape for p in parameters]:
            raise ValueError(
                f"Layer {self.name!r} received {len(arrays)} weights of shapes "
                f"{[a.shape for a in arrays]}, expected {len(parameters)} of shapes "
                f"{[p.shape for p in parameters]}: {[p.path for p in parameters]}."
                + ("" if self.built else " The layer is not built yet: build it first.")
            )
        for parameter, array in zip(parameters, arrays, strict=True):
            parameter.assign(array)

    def own_variables(self) -> list[Parameter]:
        """Return the layer's own parameters without those of the layers within, in file order."""
        return self._trained + self._state

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the layer's own variables into `store`, by name; what a file will have of it.

        A subclass may write others, and then `load_own_variables` too.
        """
        for index, parameter in enumerate(self.own_variables()):
            store[str(index)] = parameter.value

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the layer's own variables from `store`.

        Raises:
            ValueError: if there are too many or too few, or a shape differs.
        """
        parameters = self.own_variables()
        if len(store) != len(parameters):
            raise ValueError(
                f"Layer {self.name!r} received {len(store)} variables, expected "
                f"{len(parameters)}: {[(p.name, p.shape) for p in parameters]}."
                + ("" if self.built else " The layer is not built yet: build it first.")
            )
        for index, parameter in enumerate(parameters):
            parameter.assign(store[str(index)])

    def count_params(self) -> int:
        """Return the number of numbers in all parameters.

        Raises:
            ValueError: if the layer is not built yet.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} is not built yet, so its parameters cannot be counted. "
                "Call it on data first, or layer.build(input_shape)."
            )
        return sum(p.size for p in self.weights)

    def seed_generators(self) -> list[SeedGenerator]:
        """Return the random streams of this layer and of the layers within."""
        own = [value for value in vars(self).values() if isinstance(value, SeedGenerator)]
        return own + [s for layer in self.sublayers() for s in layer.seed_generators()]


_NO_OWNERS = frozenset({bool, float, int, str, type(None), Parameter})
"""What most attributes are: the search runs often, in some backward passes too."""


def _find_owners(value: Any, found: dict[int, ParameterOwner]) -> None:
    """Add the owners in an attribute's value to those that were found, by their ids."""
    if isinstance(value, ParameterOwner):
        found.setdefault(id(value), value)
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) not in _NO_OWNERS:
                _find_owners(item, found)


def _unique(parameters: list[Parameter]) -> list[Parameter]:
    return list({id(p): p for p in parameters}.values())
