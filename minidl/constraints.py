"""Constraints: what a parameter is put back to after each update of the optimizer.

Each takes an array and returns a new one. The norms are those of the weights that lead into one
unit: along `axis`, which is 0 for a dense kernel and [0, 1, 2] for one of a 2-D convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.registry import Configurable, Registry, function_entry
from minidl.registry import serialize as _serialize
from minidl.regularizers import as_floats, euclidean_norm
from minidl.validation import number


class Constraint(Configurable):
    """A rule that a parameter keeps.

    A subclass writes `__call__(w)`, which returns an array of the shape and dtype of w and does
    not change w itself.

    Example:
        >>> class UpToOne(Constraint):
        ...     def __call__(self, w):
        ...         return np.minimum(w, 1)
        >>> UpToOne()(np.array([0.5, 3.0]))
        array([0.5, 1. ])
    """

    def __call__(self, w: Any) -> Array:
        """Return w, moved to where the rule holds."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __call__. Write __call__(self, w) -> array of the shape "
            "of w."
        )

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class MaxNorm(Constraint):
    """Norms of at most `max_value`.

    With ε = `config.epsilon()` and n = ‖w‖ along `axis`:

        w ← w min(n, max_value) / (n + ε)

    Arguments:
        max_value: the greatest norm, at least 0; 2 by default.
        axis: the axis, or a list of axes, along which the norm is taken; 0 by default.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> MaxNorm(1.0)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
        array([[0.6, 0.3],
               [0.8, 0.4]])

    Source: Srebro, Shraibman, "Rank, trace-norm and max-norm", 2005; for networks: Srivastava et
    al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = number("max_value", max_value, "MaxNorm", low=0)
        self.axis = _check_axis(axis, "MaxNorm")

    def __call__(self, w: Any) -> Array:
        """Return w with its norms cut down."""
        w = as_floats(w)
        norm = _norm(w, self.axis)
        return w * (np.minimum(norm, self.max_value) / (norm + config.epsilon()))


class NonNeg(Constraint):
    """Nothing below 0.

        w ← max(w, 0)

    Example:
        >>> NonNeg()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def __call__(self, w: Any) -> Array:
        """Return w with 0 in place of what is negative."""
        return np.clip(as_floats(w), 0, np.inf)


class UnitNorm(Constraint):
    """Norms of 1.

    With ε = `config.epsilon()` and n = ‖w‖ along `axis`:

        w ← w / (n + ε)

    Arguments:
        axis: the axis, or a list of axes, along which the norm is taken; 0 by default.

    Raises:
        ValueError: if `axis` is neither.

    Example:
        >>> UnitNorm()(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
        array([[0.6, 0.6],
               [0.8, 0.8]])
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = _check_axis(axis, "UnitNorm")

    def __call__(self, w: Any) -> Array:
        """Return w over its norms."""
        w = as_floats(w)
        return w / (_norm(w, self.axis) + config.epsilon())


class MinMaxNorm(Constraint):
    """Norms between `min_value` and `max_value`, reached at once or by and by.

    With ε = `config.epsilon()` and n = ‖w‖ along `axis`:

        m = rate · min(max(n, min_value), max_value) + (1 − rate) n
        w ← w m / (n + ε)

    Arguments:
        min_value: the least norm, at least 0; 0 by default.
        max_value: the greatest norm, at least `min_value`; 1 by default.
        rate: how much of the way is gone at each update, from 0 to 1; 1 by default.
        axis: the axis, or a list of axes, along which the norm is taken; 0 by default.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> MinMaxNorm(1.0, 2.0)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
        array([[1.2, 0.6],
               [1.6, 0.8]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = number("min_value", min_value, "MinMaxNorm", low=0)
        self.max_value = number("max_value", max_value, "MinMaxNorm", low=self.min_value)
        self.rate = number("rate", rate, "MinMaxNorm", low=0, high=1)
        self.axis = _check_axis(axis, "MinMaxNorm")

    def __call__(self, w: Any) -> Array:
        """Return w with its norms moved towards the interval."""
        w = as_floats(w)
        norm = _norm(w, self.axis)
        within = np.clip(norm, self.min_value, self.max_value)
        desired = self.rate * within + (1 - self.rate) * norm
        return w * (desired / (norm + config.epsilon()))


class FunctionConstraint(Constraint):
    """A plain function as a constraint.

    Arguments:
        function: takes an array and returns one of the same shape.

    Example:
        >>> FunctionConstraint(np.tanh)(np.array([0.0]))
        array([0.])
    """

    def __init__(self, function: Callable[[Array], Array]) -> None:
        self.function = function

    def __call__(self, w: Any) -> Array:
        """Return function(w)."""
        return self.function(w)

    def serialized_name(self) -> Any:
        """Return the function's entry."""
        return function_entry(self.function)

    def get_config(self) -> dict[str, Any]:
        """Return the function's name: enough to tell it, not to make it again."""
        return {"function": getattr(self.function, "__name__", type(self.function).__name__)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionConstraint:
        """Raise: a name does not say what the function was.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The constraint {config.get('function')!r} was a plain function, and a config holds "
            "only its name. Make the layer with the function itself, or write a "
            "constraints.Constraint subclass and register it: constraints.registry.register(cls)."
        )


def _norm(w: Array, axis: int | list[int]) -> Array:
    return euclidean_norm(w, axis if isinstance(axis, int) else tuple(axis))


def _check_axis(axis: Any, owner: str) -> int | list[int]:
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    if not axes or any(isinstance(a, bool) or not isinstance(a, int | np.integer) for a in axes):
        raise ValueError(
            f"{owner}: received axis={axis!r}, expected an integer such as 0, or a list such as "
            "[0, 1, 2] for the kernel of a 2-D convolution."
        )
    return [int(a) for a in axes] if isinstance(axis, list | tuple) else int(axis)


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

registry: Registry[Constraint] = Registry("constraint", Constraint, FunctionConstraint)
registry.register(MaxNorm)
registry.register(MinMaxNorm)
registry.register(NonNeg)
registry.register(UnitNorm)


def get(identifier: Any) -> Constraint | None:
    """Return the constraint for a name, a class, a config, a function or an object.

    `None` gives `None`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("max_norm")
    MaxNorm(max_value=2.0, axis=0)
    """
    if isinstance(identifier, dict) and identifier.get("class_name") == "FunctionConstraint":
        return FunctionConstraint.from_config(identifier.get("config") or {})
    return registry.get(identifier)


def serialize(constraint: Constraint) -> Any:
    """Return the class and the arguments of a constraint, as JSON can hold them.

    >>> serialize(UnitNorm())["class_name"], serialize(UnitNorm())["config"]
    ('UnitNorm', {'axis': 0})
    """
    return _serialize(constraint)


def deserialize(config: Any) -> Constraint | None:
    """Return the constraint for what `serialize` returned.

    >>> deserialize(serialize(UnitNorm()))
    UnitNorm(axis=0)
    """
    return get(config)
