"""From whatever `fit` is given to a stream of batches.

    arrays, frames, lists, dicts ─► ArrayBatches  ─┐
    PyDataset                    ─► DatasetBatches ├─► epoch() ─► Batch(x, y, sample_weight)
    generators, re-iterables     ─► StreamBatches ─┘     (the latter two in streams.py)

Arrays are never copied whole: a batch is gathered by index from the user's own array, whatever
its type, and only that batch is cast to the model's dtype.

A run that was interrupted goes on in the middle of an epoch: `position()`, taken at the epoch's
start, tells how its batches were chosen, `go_to(position)` brings that back in another process,
and `epoch(skip=n)` leaves out the batches that were trained on already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.models.prefetch import Paced


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
Shuffle = np.random.Generator | None


def stream_state(shuffle: Shuffle) -> dict[str, Any] | None:
    """Return where a stream of random numbers stands, as JSON can hold it."""
    return None if shuffle is None else dict(shuffle.bit_generator.state)


def go_on_with(shuffle: Shuffle, state: dict[str, Any] | None) -> None:
    """Go on with a stream from a state that `stream_state` returned.

    Raises:
        ValueError: if only one of the two runs has a stream.
    """
    if (shuffle is None) != (state is None):
        words = ("not shuffled", "shuffled") if shuffle is None else ("shuffled", "not shuffled")
        raise ValueError(f"this run is {words[0]}, that one was {words[1]}")
    if shuffle is not None and state is not None:
        shuffle.bit_generator.state = state


def check_same(position: dict[str, Any], **own: Any) -> None:
    """Compare what a position says of its data with the data at hand.

    Raises:
        ValueError: naming what differs.
    """
    for name, value in own.items():
        if position[name] != value:
            raise ValueError(f"this run has {name}={value}, that one had {position[name]}")


class Pass:
    """One way through all samples: their order, what it was drawn from, and the next in it."""

    def __init__(self, samples: int, following: int, shuffle: Shuffle = None) -> None:
        self.samples = samples
        self.next = following
        self.drawn_from = stream_state(shuffle)
        self._order = None if shuffle is None else shuffle.permutation(samples)

    def take(self, count: int) -> Any:
        """Return the rows of the next samples, at most so many, and go on behind them."""
        start, self.next = self.next, min(self.next + count, self.samples)
        rows = slice(start, self.next)
        return rows if self._order is None else self._order[rows]


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
        self._pass = Pass(self.samples, self.samples)  # an epoch may end in the middle of one
        self._cast_x = cast_x
        self._cast_y = cast_y
        mapped = (*x, *(y or ()), *(sample_weight or ()))
        self._mapped = any(isinstance(array, np.memmap) for array in mapped)
        self._running: Paced[Batch] | None = None

    exhausted = False

    @property
    def expected(self) -> int | None:
        """How many batches an epoch has."""
        return self.steps

    def epoch(self, shuffle: Shuffle = None, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, in an order drawn from `shuffle` or as they stand.

        Arguments:
            shuffle: draws the order.
            skip: how many batches to leave out at the start, without gathering them.
        """
        batches = self._gathered(shuffle, skip)
        if self._mapped:  # a disk may have to be waited for; memory is quicker than a thread
            self._running = Paced(batches)
            return self._running
        return batches

    def _gathered(self, shuffle: Shuffle, skip: int) -> Iterator[Batch]:
        for step in range(self.steps or 0):
            if self._pass.next >= self.samples or (step == 0 and not self._partial):
                self._pass = Pass(self.samples, 0, shuffle)
            rows = self._pass.take(self.batch_size)
            if step >= skip:
                yield self.gather(rows)

    def position(self, shuffle: Shuffle = None) -> dict[str, Any]:
        """Return how the batches of the epochs to come are chosen, as JSON can hold it."""
        inside = self._partial and self._pass.next < self.samples
        return {
            "samples": self.samples,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "shuffle": stream_state(shuffle),
            "drawn_from": self._pass.drawn_from if inside else None,
            "next": self._pass.next if inside else self.samples,
        }

    def go_to(self, position: dict[str, Any], shuffle: Shuffle = None) -> None:
        """Go on from what `position` told.

        Raises:
            ValueError: if it is of other data, or does not make sense.
        """
        check_same(position, samples=self.samples, batch_size=self.batch_size, steps=self.steps)
        following = position["next"]
        if not isinstance(following, int) or not 0 <= following <= self.samples:
            raise ValueError(f"sample {following!r} of {self.samples} is to come next")
        if position["drawn_from"] is not None:
            go_on_with(shuffle, position["drawn_from"])
            self._pass = Pass(self.samples, following, shuffle)
        else:
            self._pass = Pass(self.samples, following)
        go_on_with(shuffle, position["shuffle"])

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

    def split(
        self, fraction: float, batch_size: int, steps: int | None = None
    ) -> tuple[ArrayBatches, ArrayBatches]:
        """Return batches of the first samples, and of the last `fraction` of them, without a copy.

        Arguments:
            fraction: between 0 and 1.
            batch_size, steps: of the second part.

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

        def part(rows: slice, size: int, steps: int | None) -> ArrayBatches:
            def cut(arrays: Any) -> Any:
                return arrays and [None if array is None else array[rows] for array in arrays]

            groups = cut(self.x), cut(self.y), cut(self.sample_weight)
            return ArrayBatches(*groups, size, self._cast_x, self._cast_y, steps)

        mine = self.steps if self._partial else None
        return part(slice(None, at), self.batch_size, mine), part(
            slice(at, None), batch_size, steps
        )

    def close(self) -> None:
        """End the thread that reads arrays mapped from disk."""
        if self._running is not None:
            self._running.close()
        self._running = None


def is_array_like(value: Any) -> bool:
    """Return whether `value` is data itself: arrays, frames, numbers, or lists or dicts of them."""
    if value is None or hasattr(value, "__array__") or isinstance(value, int | float):
        return True
    if isinstance(value, list | tuple):
        return all(is_array_like(item) for item in value)
    return isinstance(value, dict)


def is_dataset(value: Any) -> bool:
    """Return whether `value` gives batches by index, as a `PyDataset` does."""
    counted = hasattr(value, "__len__") or hasattr(type(value), "num_batches")
    return hasattr(value, "__getitem__") and counted and not is_array_like(value)


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
