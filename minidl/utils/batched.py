"""Batches that are made when they are asked for, and the windows of a time series as such.

`fit` takes them like any other re-iterable; each epoch draws its own order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.random import SeedGenerator
from minidl.validation import positive_integer


class BatchedDataset:
    """Samples by number, put together into batches.

    Arguments:
        load: `load(numbers)` returns the batch of the samples of these numbers, an array of them:
            `x` or `(x, y)`.
        samples: how many there are.
        batch_size: samples in a batch; None gives single samples, without a batch axis.
        shuffle: whether each epoch has an order of its own.
        seed: of these orders; the next child of the root seed by default.

    Attributes:
        class_names: the classes' names, in the order of their numbers, where there are any.
        file_paths: the samples' files, where there are any.

    Example:
        >>> squares = BatchedDataset(lambda n: (n, n**2), samples=3, batch_size=2)
        >>> len(squares), [y.tolist() for x, y in squares]
        (2, [[0, 1], [4]])
    """

    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(
        self,
        load: Callable[[Array], Any],
        samples: int,
        batch_size: int | None,
        shuffle: bool = False,
        seed: int | None = None,
    ) -> None:
        if batch_size is not None:
            positive_integer("batch_size", batch_size, "dataset")
        self.load = load
        self.samples = samples
        self.batch_size = batch_size
        self._orders = SeedGenerator(seed).generator if shuffle else None

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.samples // (self.batch_size or 1))

    def get_state(self) -> dict[str, Any] | None:
        """Return the state from which the next epoch's order is drawn, for an interrupted run."""
        return None if self._orders is None else dict(self._orders.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Draw the next epoch's order from a state that `get_state` returned."""
        if self._orders is not None:
            self._orders.bit_generator.state = state

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        order = np.arange(self.samples)
        if self._orders is not None:
            self._orders.shuffle(order)
        for start in range(0, self.samples, self.batch_size or 1):
            batch = self.load(order[start : start + (self.batch_size or 1)])
            if self.batch_size is None:
                batch = tuple(p[0] for p in batch) if isinstance(batch, tuple) else batch[0]
            yield batch


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> BatchedDataset:
    """Return the windows of a time series as batches.

    Window k begins at step s = k · `sequence_stride` and has the steps s, s + r, ...,
    s + (n − 1) r, with r the `sampling_rate` and n the `sequence_length`. Its target is
    `targets[s]`. Windows are gathered batch by batch, so that the data may be a memory map.

    Shapes:
        `data (steps, ...)`, `targets (steps, ...)`; batches of `x (batch, sequence_length, ...)`,
        or of `(x, y)`.

    Arguments:
        data: the series, an array of steps.
        targets: a target for each step a window can begin at; None for windows alone. To predict
            the step behind a window of n steps: `data[:-n], data[n:]`.
        sequence_length: steps in a window.
        sequence_stride: steps from one window's start to the next one's.
        sampling_rate: steps from one step of a window to the next one.
        batch_size: windows in a batch; None gives single windows.
        shuffle: whether the windows come in a new order each epoch.
        seed: of that order.
        start_index, end_index: only steps from the first up to but not the second are used.
        format: is Keras's, and has no effect.

    Raises:
        ValueError: if an argument is outside its range, or no window fits.

    Example:
        >>> x = np.arange(10)
        >>> windows = timeseries_dataset_from_array(x[:-3], x[3:], sequence_length=3)
        >>> [(x[0].tolist(), y[0].item(), len(x)) for x, y in windows]
        [([0, 1, 2], 3, 5)]
    """
    owner = "timeseries_dataset_from_array"
    if format not in ("tf", "grain"):
        raise ValueError(f"{owner}: received format={format!r}, expected 'tf' or 'grain'.")
    steps = len(data)
    start = _bound("start_index", start_index, 0, steps)
    stop = _bound("end_index", end_index, steps, steps)
    length = positive_integer("sequence_length", sequence_length, owner)
    stride = positive_integer("sequence_stride", sequence_stride, owner)
    rate = positive_integer("sampling_rate", sampling_rate, owner)
    series = data if isinstance(data, np.ndarray) else np.asarray(data)
    aims = targets if targets is None or isinstance(targets, np.ndarray) else np.asarray(targets)
    starts = stop - start - (length - 1) * rate
    if aims is not None:
        starts = min(starts, len(aims) - start)
    if starts < 1:
        raise ValueError(
            f"{owner}: a window of sequence_length={length} at sampling_rate={rate} reaches over "
            f"{(length - 1) * rate + 1} steps, and there are {max(stop - start, 0)} from "
            f"start_index={start} to end_index={stop}"
            + (f", and {len(aims)} targets." if aims is not None else ".")
        )
    first = np.arange(start, start + starts, stride)
    within = np.arange(length) * rate

    def load(numbers: Array) -> Any:
        x = np.asarray(series[first[numbers, np.newaxis] + within])
        return x if aims is None else (x, np.asarray(aims[first[numbers]]))

    return BatchedDataset(load, len(first), batch_size, shuffle, seed)


def _bound(name: str, value: int | None, default: int, steps: int) -> int:
    if value is None:
        return default
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or not 0 <= value <= steps
    ):
        raise ValueError(
            f"timeseries_dataset_from_array: received {name}={value!r}, expected an integer from 0 "
            f"to {steps}, the number of steps."
        )
    return int(value)
