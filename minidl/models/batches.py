"""From whatever `fit` is given to a stream of batches.

    arrays, frames, lists, dicts ─► ArrayBatches  ─┐
    PyDataset                    ─► DatasetBatches ├─► epoch() ─► Batch(x, y, sample_weight)
    generators, re-iterables     ─► StreamBatches ─┘

Arrays are never copied whole: a batch is gathered by index from the user's own array, whatever
its type, and only that batch is cast to the model's dtype.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array


class Batch(NamedTuple):
    """One batch: flat lists with an array for each input and each output of the model.

    `masks` tell which time steps of the outputs count; the model fills them in.
    """

    x: list[Array]
    y: list[Array | None] | None = None
    sample_weight: list[Array | None] | None = None
    masks: list[Array | None] | None = None

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(self.x[0])

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch as Keras hands it to a `train_step`: (x,), (x, y) or (x, y, weight)."""
        parts = [self.x, self.y, self.sample_weight]
        while parts[-1] is None or all(item is None for item in parts[-1]):
            parts.pop()
        return tuple(part[0] if part and len(part) == 1 else part for part in parts)

    @classmethod
    def of(cls, data: Any) -> Batch:
        """Return the batch that `data` was made of."""
        parts: list[Any] = [p if p is None or isinstance(p, list) else [p] for p in data]
        return cls(*parts)


Cast = Callable[[int, Array], Array]
Order = "np.random.Generator | None"


class ArrayBatches:
    """Batches from arrays in memory or mapped from disk.

    Arguments:
        x, y, sample_weight: arrays of equal length, flat lists; y and the weights may be missing.
        batch_size: samples in a batch; the last one may be smaller.
        cast_x, cast_y: bring one gathered batch into the model's dtype.
        steps: batches in an epoch, if not all; the next epoch then goes on behind them.
    """

    def __init__(
        self,
        x: list[Array],
        y: list[Array | None] | None,
        sample_weight: list[Array | None] | None,
        batch_size: int,
        cast_x: Cast,
        cast_y: Cast,
        steps: int | None = None,
    ) -> None:
        self.x = x
        self.y = y
        self.sample_weight = sample_weight
        self.batch_size = batch_size
        self.samples = len(x[0])
        every = -(-self.samples // batch_size)
        self.steps: int | None = every if steps is None else min(steps, every)
        self._partial = self.steps < every
        self._rest: Iterator[Batch] = iter(())
        self._cast_x = cast_x
        self._cast_y = cast_y

    exhausted = False

    @property
    def expected(self) -> int | None:
        """How many batches an epoch has."""
        return self.steps

    def epoch(self, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch, in an order drawn from `shuffle` or as they stand."""
        if not self._partial:
            yield from self._all(shuffle)
            return
        for _ in range(self.steps or 0):
            batch = next(self._rest, None)
            if batch is None:
                self._rest = self._all(shuffle)
                batch = next(self._rest)
            yield batch

    def _all(self, shuffle: np.random.Generator | None) -> Iterator[Batch]:
        order = None if shuffle is None else shuffle.permutation(self.samples)
        for start in range(0, self.samples, self.batch_size):
            stop = min(start + self.batch_size, self.samples)
            yield self.gather(slice(start, stop) if order is None else order[start:stop])

    def gather(self, index: Any) -> Batch:
        """Return the samples at `index`, a slice or an array of positions."""
        x = [self._cast_x(i, _take(array, index)) for i, array in enumerate(self.x)]
        y = self.y and [
            None if array is None else self._cast_y(i, _take(array, index))
            for i, array in enumerate(self.y)
        ]
        weights = self.sample_weight and [
            None if array is None else _take(array, index) for array in self.sample_weight
        ]
        return Batch(x, y, weights)

    def split(self, fraction: float, batch_size: int) -> tuple[ArrayBatches, ArrayBatches]:
        """Return batches of the first samples, and of the last `fraction` of them, without a copy.

        Arguments:
            fraction: between 0 and 1.
            batch_size: of the second part.

        Raises:
            ValueError: if `fraction` is not between 0 and 1, or leaves one part empty.
        """
        if not 0 < fraction < 1:
            raise ValueError(
                f"Received validation_split={fraction!r}, expected a number between 0 and 1."
            )
        at = int(np.floor(self.samples * (1 - fraction)))
        if at == 0 or at == self.samples:
            raise ValueError(
                f"Received validation_split={fraction} for {self.samples} samples: one part would "
                "be empty. Pass more samples, or validation_data."
            )

        def part(rows: slice, size: int) -> ArrayBatches:
            def cut(arrays: Any) -> Any:
                return arrays and [None if array is None else array[rows] for array in arrays]

            groups = cut(self.x), cut(self.y), cut(self.sample_weight)
            return ArrayBatches(*groups, size, self._cast_x, self._cast_y)

        return part(slice(None, at), self.batch_size), part(slice(at, None), batch_size)

    def close(self) -> None:
        """Arrays need no closing."""


class StreamBatches:
    """Batches from a generator or from anything that can be iterated over again and again.

    Arguments:
        source: gives `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        prepare: turns one such item into a `Batch` and checks it.
        steps: how many batches make an epoch; None means until the source ends.

    Attributes:
        expected: how many batches an epoch is likely to have, as progress is shown: `steps`, or the
            source's length, or what the last epoch had. None where nothing is known.
    """

    def __init__(
        self, source: Any, prepare: Callable[[Any, int], Batch], steps: int | None
    ) -> None:
        self.source = source
        self.steps = steps
        self.samples: int | None = None
        self._prepare = prepare
        self.exhausted = False  # whether the source ended before the epoch did
        self._endless = hasattr(source, "__next__")
        self._iterator: Iterator[Any] | None = None
        self._taken = 0
        self.expected = steps if steps is not None else _length(source)

    def epoch(self, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch; a source keeps its own order, `shuffle` is not used."""
        continues = self._endless or self.steps is not None
        if self._iterator is None or not continues:
            self._iterator = iter(self.source)
        step = 0
        while self.steps is None or step < self.steps:
            try:
                item = next(self._iterator)
            except StopIteration:
                if not self._endless and self.steps is not None and step_was_possible(self._taken):
                    self._iterator = iter(self.source)  # a re-iterable starts over within an epoch
                    self._taken = 0
                    continue
                if step == 0 or self.steps is not None:
                    self._warn_exhausted(step)
                self.expected = self.steps or step or None
                return
            self._taken += 1
            yield self._prepare(item, step)
            step += 1

    def _warn_exhausted(self, step: int) -> None:
        self.exhausted = True
        wanted = f"{self.steps} batches" if self.steps is not None else "another epoch"
        warnings.warn(
            f"The data ran out after {step} batches of this epoch, where {wanted} was expected; "
            "training stops here. Pass steps_per_epoch no larger than the data allows, or an "
            "object that can be iterated over once an epoch, such as a PyDataset or a list of "
            "batches, instead of a generator.",
            stacklevel=2,
        )

    def close(self) -> None:
        """Let go of the iterator."""
        self._iterator = None


def _length(source: Any) -> int | None:
    """Return the length that a source claims to have; some only know at run time that they do."""
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None


def step_was_possible(taken: int) -> bool:
    """Return whether a source has given anything since it was started."""
    return taken > 0


class DatasetBatches:
    """Batches from a `PyDataset`: something with a length and an index.

    Arguments:
        dataset: `dataset[i]` gives batch i; `on_epoch_begin` and `on_epoch_end` are called.
        prepare: turns one item into a `Batch` and checks it.
        steps: how many batches make an epoch; the dataset's length by default.
    """

    def __init__(
        self, dataset: Any, prepare: Callable[[Any, int], Batch], steps: int | None
    ) -> None:
        self.dataset = dataset
        self.samples: int | None = None
        length = getattr(dataset, "num_batches", None)
        self.length = length if length is not None else len(dataset)
        if self.length is None or self.length < 1:
            raise ValueError(f"Received a dataset of {self.length} batches, expected at least one.")
        self.steps: int | None = min(steps, self.length) if steps else self.length
        self._prepare = prepare

    exhausted = False

    @property
    def expected(self) -> int | None:
        """How many batches an epoch has."""
        return self.steps

    def epoch(self, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch; `shuffle` draws the order of the batches."""
        order = range(self.length) if shuffle is None else shuffle.permutation(self.length)
        if hasattr(self.dataset, "on_epoch_begin"):
            self.dataset.on_epoch_begin()
        for step, index in enumerate(order[: self.steps]):
            yield self._prepare(self.dataset[int(index)], step)
        if hasattr(self.dataset, "on_epoch_end"):
            self.dataset.on_epoch_end()

    def close(self) -> None:
        """A dataset needs no closing."""


Batches = ArrayBatches | StreamBatches | DatasetBatches


def is_array_like(value: Any) -> bool:
    """Return whether `value` is data itself: arrays, frames, numbers, or lists or dicts of them."""
    if value is None or hasattr(value, "__array__") or isinstance(value, int | float):
        return True
    if isinstance(value, list | tuple):
        return all(is_array_like(item) for item in value)
    return isinstance(value, dict)


def is_dataset(value: Any) -> bool:
    """Return whether `value` gives batches by index, as a `PyDataset` does."""
    return hasattr(value, "__getitem__") and hasattr(value, "__len__") and not is_array_like(value)


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` from what a source yields; missing parts are None.

    Raises:
        ValueError: if a tuple has more than three parts.
    """
    if not isinstance(item, tuple):
        return item, None, None
    if not 1 <= len(item) <= 3:
        raise ValueError(
            f"Received a tuple of {len(item)} parts from the data, expected (x,), (x, y) or "
            "(x, y, sample_weight). Several inputs go into a list or a dict: ([x1, x2], y)."
        )
    x, y, weight = (*item, None, None)[:3]
    return x, y, weight


def as_array(value: Any, role: str, text: bool = False) -> Array:
    """Return numbers as an array; an array or memory map comes back as it is.

    Arguments:
        role: what it is called in messages, such as `"x"`.
        text: whether strings are expected in place of numbers.

    Raises:
        ValueError: if the values are ragged or empty.
        TypeError: if they are not numbers, or not strings where those are expected.
    """
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"Received {role} as a list whose rows differ in length, expected a rectangular array. "
            "Pad the rows (utils.pad_sequences) or cut them to one length."
        ) from error
    if text and array.dtype.kind not in "USTO":
        raise TypeError(
            f"Received {role} of dtype {array.dtype}, expected strings: the model's Input says so."
        )
    if not text and array.dtype.kind not in "biuf":
        where = _first_non_number(array)
        raise TypeError(
            f"Received {role} of dtype {array.dtype}{where}, expected numbers. Encode text and "
            "categories as numbers first, and fill in missing values."
        )
    if array.ndim == 0:
        raise ValueError(f"Received {role}={value!r}, expected an array with a batch axis.")
    if array.size == 0:
        raise ValueError(f"Received {role} of shape {array.shape}: it is empty.")
    return array


def _first_non_number(array: Array) -> str:
    for position in np.ndindex(array.shape) if array.dtype == object else ():
        item = array[position]
        if not isinstance(item, int | float | np.number | np.bool_):
            return f" (at {list(position)}: {item!r})"
    return ""


def check_lengths(named: list[tuple[str, Array]]) -> None:
    """Compare the first axes of arrays.

    Raises:
        ValueError: if they differ; the message has every array's name and length.
    """
    lengths = {name: len(array) for name, array in named}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(
            f"Received arrays of different numbers of samples: {listed}. Axis 0 is the batch and "
            "must be equally long in all of them."
        )


def check_finite(array: Array, role: str, first_row: int = 0) -> None:
    """Look for NaN and infinity, a slice at a time.

    Raises:
        ValueError: naming the first row and what stands there.
    """
    if array.dtype.kind != "f":
        return
    rows = max(1, (1 << 20) // max(1, array[0].size))
    for start in range(0, len(array), rows):
        part = np.asarray(array[start : start + rows])
        finite = np.isfinite(part)
        if not np.logical_and.reduce(finite, axis=None):
            position = np.argwhere(~finite)[0]
            row = int(position[0]) + start + first_row
            bad = part[tuple(position)]
            count = int((~finite).reshape(len(part), -1).any(axis=1).sum())
            raise ValueError(
                f"Received {role} with {bad} in row {row}, position {position[1:].tolist()} "
                f"({count} such rows in this part). Expected finite numbers: drop or fill those "
                "rows. For a model that is meant to read NaN, config.set_check_finite(False)."
            )


def _take(array: Array, index: Any) -> Array:
    if isinstance(index, slice):
        return np.asarray(array[index])
    if isinstance(array, np.memmap):
        return np.asarray(array[index])
    return np.take(array, index, axis=0)
