"""The contract of a metric: a figure that is gathered batch by batch and never trained on.

update_state(y_true, y_pred, sample_weight)  ──►  variables  ──►  result()
                               reset_state() ──►  as at first
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import config, initializers
from minidl._typing import Array, DType
from minidl.registry import Configurable, snake_case

if TYPE_CHECKING:
    from minidl.layers.parameter import Parameter


class Metric(Configurable):
    """A figure over all batches of an epoch, such as a share of right answers.

    A subclass makes its variables in `__init__` with `add_weight`, adds a batch to them in
    `update_state`, and reads the figure from them in `result`. Metrics within a metric are reset
    with it.

    Arguments:
        dtype: `"float32"` or `"float64"`, as in Keras; variables are float64 in either case, so
            that a long epoch loses no digits.
        name: the name in logs; made from the class's name by default.

    Attributes:
        direction: `"up"` if more is better, `"down"` if less is, None if it is not known.

    Raises:
        ValueError: if `dtype` is not a float type.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.largest = self.add_weight(shape=(), initializer="zeros", name="largest")
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.largest.assign(max(self.largest, y_pred.max()))
        ...
        ...     def result(self):
        ...         return float(self.largest)
        >>> metric = Largest()
        >>> metric(None, np.array([1.0, 3.0])), metric(None, np.array([2.0]))
        (3.0, 3.0)
        >>> metric.reset_state()
        >>> metric.result()
        0.0
    """

    direction: str | None = None

    def __init__(self, dtype: DType | None = None, name: str | None = None) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name
        self.dtype = config.float_dtype(dtype)
        self._variables: list[Parameter] = []
        self._first_values: list[Array] = []

    # What a subclass writes

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch."""
        raise NotImplementedError(
            f"Metric {self.name!r} ({type(self).__name__}) has no update_state. Write "
            "update_state(self, y_true, y_pred, sample_weight=None)."
        )

    def result(self) -> Any:
        """Return the figure over all batches since the last reset."""
        raise NotImplementedError(
            f"Metric {self.name!r} ({type(self).__name__}) has no result. Write result(self), "
            "which returns a number."
        )

    def reset_state(self) -> None:
        """Put every variable back to its first value."""
        for variable, value in zip(self._variables, self._first_values, strict=True):
            variable.assign(value)
        for metric in self._inner_metrics():
            metric.reset_state()

    def get_state(self) -> list[Array]:
        """Return a copy of every variable's value: all that the batches so far have left."""
        return [variable.numpy() for variable in self.variables]

    def set_state(self, state: list[Array]) -> None:
        """Go on from what `get_state` returned.

        Raises:
            ValueError: if it is of another metric.
        """
        shapes = [variable.shape for variable in self.variables]
        if [np.shape(value) for value in state] != shapes:
            raise ValueError(
                f"Metric {self.name!r} received a state of the shapes "
                f"{[np.shape(value) for value in state]}, expected {shapes}."
            )
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    # What the base class makes of it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return the figure so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def add_variable(
        self,
        shape: Any,
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Parameter:
        """Make a variable, an array that `reset_state` puts back to its first value.

        Arguments:
            shape: the sizes of its axes.
            initializer: a name or an initializer; zeros by default.
            dtype: float64 by default, whatever the metric's own.
            aggregation: is Keras's, and has no effect here.
            name: a short name such as `"total"`.
        """
        from minidl.layers.parameter import Parameter

        make = initializers.get("zeros" if initializer is None else initializer)
        assert make is not None
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        value = np.asarray(make(shape, dtype=np.dtype(dtype or "float64")))
        variables = self._variables
        variable = Parameter(value, name=name or f"variable_{len(variables)}", trainable=False)
        variable.path = f"{self.name}/{variable.name}"
        variables.append(variable)
        self._first_values.append(variable.numpy())
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Parameter:
        """Make a variable; see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Parameter]:
        """The variables of this metric, then those of the metrics within."""
        return self._variables + [v for metric in self._inner_metrics() for v in metric.variables]

    def _inner_metrics(self) -> Iterator[Metric]:
        for value in vars(self).values():
            for item in value if isinstance(value, list | tuple) else (value,):
                if isinstance(item, Metric) and item is not self:
                    yield item

    def __getattr__(self, name: str) -> Any:
        # Reached only where the attribute is missing, so it costs the hot loop nothing.
        message = f"{type(self).__name__} has no attribute {name!r}."
        if "_first_values" not in vars(self):
            message += " Call super().__init__(name=name) first in __init__."
        raise AttributeError(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
