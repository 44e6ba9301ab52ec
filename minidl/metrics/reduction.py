"""Sums and means over all batches, and the metric that any function of a batch becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from minidl._typing import Array, DType
from minidl.losses.targets import same_rank
from minidl.metrics.metric import Metric
from minidl.registry import serialize


class Sum(Metric):
    """The weighted sum of all values.

    Equation:

        result = Σ w values

    Shapes:
        values: any; sample_weight: (batch,), or that of the values.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes of values and weights do not fit.

    Example:
        >>> metric = Sum()
        >>> metric.update_state([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
        >>> metric.result()
        4.0
    """

    def __init__(self, name: str | None = "sum", dtype: DType | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_weight(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values."""
        values = np.asarray(values)
        if sample_weight is not None:
            values, weights = align_weights(values, sample_weight, self.name)
            values = values * weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        self.total.assign_add(total(values))

    def result(self) -> float:
        """Return the sum."""
        return float(self.total)


class Mean(Metric):
    """The weighted mean of all values, 0 before the first.

    Equation, with vᵢ the mean of the values of sample i, and w its weight (1 by default):

        result = Σ wᵢ vᵢ / Σ wᵢ

    Shapes:
        values: any; sample_weight: (batch,), or that of the values.

    Arguments:
        name: the name in logs.
        dtype: as in Keras; sums are float64.

    Raises:
        ValueError: if the shapes of values and weights do not fit.

    Example:
        >>> metric = Mean()
        >>> metric.update_state([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
        >>> metric.result()
        2.0
    """

    def __init__(self, name: str | None = "mean", dtype: DType | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_weight(name="total")
        self.count = self.add_weight(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a batch of values."""
        values = np.asarray(values)
        if values.size == 0:
            return
        if sample_weight is None:
            samples = len(values) if values.ndim else 1
            self.total.assign_add(total(values) * (samples / values.size))
            self.count.assign_add(samples)
            return
        values, weights = align_weights(values, sample_weight, self.name)
        if values.ndim > weights.ndim:
            values = values.mean(axis=tuple(range(weights.ndim, values.ndim)), dtype=np.float64)
        per_sample = values.size / len(values) if values.ndim else 1
        self.total.assign_add(total(values * weights) / per_sample)
        self.count.assign_add(total(np.broadcast_to(weights, values.shape)) / per_sample)

    def result(self) -> float:
        """Return the mean."""
        count = float(self.count)
        return float(self.total) / count if count else 0.0


class MeanMetricWrapper(Mean):
    """The mean of what a function says of each batch.

    Arguments:
        fn: `fn(y_true, y_pred, **kwargs)`, which returns one value a sample or time step.
        name: the name in logs; the function's by default.
        dtype: as in Keras; sums are float64.
        kwargs: go to the function with each batch.

    Raises:
        TypeError: if `fn` cannot be called.
        ValueError: if the shapes of values and weights do not fit.

    Example:
        >>> def spread(y_true, y_pred):
        ...     return y_pred.max(axis=-1) - y_pred.min(axis=-1)
        >>> metric = MeanMetricWrapper(spread)
        >>> metric.name, metric(None, np.array([[1.0, 3.0], [0.0, 4.0]]))
        ('spread', 3.0)
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: DType | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(fn):
            raise TypeError(
                f"{type(self).__name__} received fn={fn!r}, expected a function of y_true, y_pred."
            )
        if name is None and type(self) is MeanMetricWrapper:
            name = getattr(fn, "__name__", None)
        super().__init__(name=name, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch."""
        super().update_state(self.fn(y_true, y_pred, **self._fn_kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        if "fn" in config:
            config.update(serialize(self._fn_kwargs))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a metric from what `get_config` returned; its function is found by its name."""
        if isinstance(config.get("fn"), dict):
            from minidl.saving.objects import deserialize_keras_object

            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return super().from_config(config)


def total(values: Array) -> float:
    """Return the sum of an array, in double precision."""
    if values.dtype == np.bool_:
        return int(np.count_nonzero(values))
    return float(np.add.reduce(values, axis=None, dtype=np.float64))


def align_weights(values: Array, sample_weight: Any, owner: str) -> tuple[Array, Array]:
    """Return values, and weights that match their leading axes (or have size 1 there).

    Raises:
        ValueError: if they do not.
    """
    weights = np.asarray(sample_weight, dtype=np.float64)
    value_shape, weight_shape = same_rank(values.shape, weights.shape)
    leading = value_shape[: len(weight_shape)]
    if (
        len(weight_shape) > len(value_shape)
        or weight_shape[:1] != leading[:1]
        or any(w not in (1, v) for w, v in zip(weight_shape, leading, strict=True))
    ):
        raise ValueError(
            f"Metric {owner!r} received sample_weight of shape {weights.shape} for values of shape "
            f"{values.shape}, expected that shape or {values.shape[:1]}, a weight for each sample."
        )
    return values.reshape(value_shape), weights.reshape(weight_shape)
