"""Checks the data given to `fit`, `evaluate` and `predict`, and makes batches of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.models.batches import (
    ArrayBatches,
    Batch,
    as_array,
    check_finite,
    check_lengths,
    is_array_like,
    is_dataset,
    unpack,
)
from minidl.models.streams import Batches, DatasetBatches, StreamBatches
from minidl.models.structure import Structure


class Feeder:
    """Turns data into batches for one model.

    Arguments:
        owner: the model, as messages call it.
        inputs, outputs: the model's structures.
        class_weight: a weight for each class, multiplied into the sample weights.
    """

    def __init__(
        self,
        owner: str,
        inputs: Structure,
        outputs: Structure,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        self.owner = owner
        self.inputs = inputs
        self.outputs = outputs
        self.class_weight = class_weight
        if class_weight is not None and len(outputs.names) > 1:
            raise ValueError(
                f"{owner} has {len(outputs.names)} outputs, and class_weight works for one. Pass "
                "sample_weight as a list or dict, an array for each output."
            )

    def batches(
        self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None
    ) -> Batches:
        """Return batches from arrays, a `PyDataset`, a generator or a re-iterable."""
        listed_batches = (
            y is None and isinstance(x, list) and x and all(isinstance(item, tuple) for item in x)
        )
        if is_array_like(x) and not listed_batches:
            arrays = self.arrays(x, y, sample_weight)
            size = 32 if batch_size is None else _positive("batch_size", batch_size)
            limit = None if steps is None else _positive("steps", steps)
            return ArrayBatches(*arrays, size, self.inputs.cast, self._cast_target, limit)
        given = [n for n, v in (("y", y), ("sample_weight", sample_weight)) if v is not None]
        if given:
            raise ValueError(
                f"{self.owner} received {' and '.join(given)} beside a {type(x).__name__}. A "
                "dataset or generator yields them itself: (x, y) or (x, y, sample_weight)."
            )
        if steps is not None:
            steps = _positive("steps", steps)
        if is_dataset(x) and not listed_batches:
            return DatasetBatches(x, self.batch, steps)
        if not hasattr(x, "__iter__"):
            raise TypeError(
                f"{self.owner} received {type(x).__name__} as x, expected arrays, a PyDataset, a "
                "generator, or an object that can be iterated over and yields (x, y)."
            )
        return StreamBatches(x, self.batch, steps)

    def arrays(
        self, x: Any, y: Any, sample_weight: Any
    ) -> tuple[list[Array], list[Array | None] | None, list[Array | None] | None]:
        """Return checked flat lists of inputs, targets and weights, none of them copied."""
        xs = self._inputs(x)
        named = list(zip(self._names("x", self.inputs, len(xs)), xs, strict=True))
        ys = self._targets(y)
        if ys is not None:
            names = self._names("y", self.outputs, len(ys))
            named += [(n, a) for n, a in zip(names, ys, strict=True) if a is not None]
        weights = self._weights(sample_weight, ys)
        if weights is not None:
            named += [("sample_weight", a) for a in weights if a is not None]
        check_lengths(named)
        if config.check_finite():
            for name, array in named:
                if not isinstance(array, np.memmap):
                    check_finite(array, name)
        return xs, ys, weights

    def batch(self, item: Any, step: int) -> Batch:
        """Return one batch from what a generator or dataset yielded, checked and cast.

        Raises:
            ValueError, TypeError: as for arrays; the message says which batch.
        """
        try:
            xs, ys, weights = self.arrays(*unpack(item))
        except (ValueError, TypeError) as error:
            raise type(error)(f"Batch {step} of the data: {error}") from error
        xs = [self.inputs.cast(i, array) for i, array in enumerate(xs)]
        ys = ys and [None if a is None else self._cast_target(i, a) for i, a in enumerate(ys)]
        return Batch(xs, ys, weights)

    def _inputs(self, x: Any) -> list[Array]:
        if x is None:
            raise ValueError(f"{self.owner} received no data: x is None.")
        items = self.inputs.flatten(x, self.owner, lenient=True)
        names = self._names("x", self.inputs, len(items))
        arrays = [
            as_array(item, name, text=self.inputs.is_text(i))
            for i, (name, item) in enumerate(zip(names, items, strict=True))
        ]
        arrays = [self.inputs.with_rank(i, array) for i, array in enumerate(arrays)]
        self.inputs.check_shapes([array.shape for array in arrays], self.owner)
        return arrays

    def _targets(self, y: Any) -> list[Array | None] | None:
        if y is None:
            return None
        if isinstance(y, dict) and self.outputs.names:  # an output without a loss needs no targets
            y = {**dict.fromkeys(self.outputs.names), **y}
        items = self.outputs.flatten(y, f"{self.owner}, targets")
        names = self._names("y", self.outputs, len(items))
        return [
            None if item is None else as_array(item, name)
            for name, item in zip(names, items, strict=True)
        ]

    def _weights(
        self, sample_weight: Any, ys: list[Array | None] | None
    ) -> list[Array | None] | None:
        count = max(1, len(self.outputs.names))
        weights: list[Array | None] | None = None
        if isinstance(sample_weight, dict):
            items = [sample_weight.get(name) for name in self.outputs.names]
            unknown = [key for key in sample_weight if key not in self.outputs.names]
            if unknown:
                raise ValueError(
                    f"{self.owner} received sample_weight for {unknown}; the outputs are "
                    f"{self.outputs.names}."
                )
            weights = [None if w is None else as_array(w, "sample_weight") for w in items]
        elif isinstance(sample_weight, list | tuple) and count > 1 and len(sample_weight) == count:
            weights = [None if w is None else as_array(w, "sample_weight") for w in sample_weight]
        elif sample_weight is not None:
            weights = [as_array(sample_weight, "sample_weight")] * count
        if self.class_weight is None or ys is None or ys[0] is None:
            return weights
        per_class = class_weights(ys[0], self.class_weight)
        if weights and weights[0] is not None:
            per_class = per_class * weights[0]
        return [per_class]

    def _cast_target(self, index: int, array: Array) -> Array:
        """Return float targets in the output's dtype; integer labels stay integers."""
        if array.dtype.kind != "f":
            return array
        tensors = self.outputs.tensors
        dtype = tensors[index].dtype if tensors else config.floatx()
        return array.astype(dtype, copy=False)

    def _names(self, role: str, structure: Structure, count: int) -> list[str]:
        if count == 1:
            return [role]
        names = structure.names if len(structure.names) == count else range(count)
        return [f"{role}[{name!r}]" for name in names]


def class_weights(y: Array, weights: dict[int, float]) -> Array:
    """Return each sample's weight, from integer labels or one-hot rows; 1 for other classes.

    Raises:
        ValueError: if the targets are neither.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(-1)
    if len(labels) != len(y):
        raise ValueError(
            f"Received class_weight with targets of shape {y.shape}, expected one label or one "
            "one-hot row a sample. Pass sample_weight instead."
        )
    present = np.unique(labels)
    table = np.array([weights.get(c.item(), 1.0) for c in present], dtype=config.floatx())
    return table[np.searchsorted(present, labels)]


def _positive(name: str, value: Any) -> int:
    from minidl.validation import positive_integer

    return positive_integer(name, value, "fit")
