"""Batches from sources that make them themselves: generators, re-iterables and datasets.

A source may have two methods, `get_state()` and `set_state(state)`, for the state from which its
next pass starts, such as that of the generator which draws its order. An interrupted run then goes
on with the same batches. Without them a source has to give the same batches again by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from minidl.models.batches import (
    ArrayBatches,
    Batch,
    Shuffle,
    check_same,
    go_on_with,
    stream_state,
)
from minidl.models.prefetch import Paced, Workers


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
        self._running: Paced[tuple[int, Batch]] | None = None
        self._taken = 0  # since the iterator began
        self._began_from: Any = None  # the source's state then
        self.expected = steps if steps is not None else _length(source)

    def epoch(self, shuffle: Shuffle = None, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch; a source keeps its own order, `shuffle` is not used.

        Arguments:
            shuffle: has no effect.
            skip: how many batches to draw and throw away at the start.
        """
        if self._iterator is None or not self._continues:
            self._begin()
        self._running = Paced(self._made(skip))
        done = skip
        for number, batch in self._running:
            done = number + 1
            yield batch
        if done < (1 if self.steps is None else self.steps):
            self._warn_exhausted(done)
        self.expected = self.steps or done or None

    def _made(self, skip: int) -> Iterator[tuple[int, Batch]]:
        """Yield one epoch's batches with their numbers, perhaps on another thread.

        It takes no more of the source than the epoch needs.
        """
        step = 0
        while self.steps is None or step < self.steps:
            assert self._iterator is not None
            try:
                item = next(self._iterator)
            except StopIteration:
                if not self._endless and self.steps is not None and self._taken:
                    self._begin()  # a re-iterable starts over within an epoch
                    continue
                return
            except Exception as error:
                error.add_note(_where(step))
                raise
            self._taken += 1
            if step >= skip:
                yield step, self._prepare(item, step)
            step += 1

    @property
    def _continues(self) -> bool:
        """Whether an epoch goes on where the one before it ended."""
        return self._endless or self.steps is not None

    def _begin(self) -> None:
        self._began_from = source_state(self.source)
        self._iterator = iter(self.source)
        self._taken = 0

    def position(self, shuffle: Shuffle = None) -> dict[str, Any]:
        """Return which items the epochs to come are made of, as far as can be told."""
        inside = self._continues and self._iterator is not None
        return {
            "steps": self.steps,
            "taken": self._taken if inside else 0,
            "source": self._began_from if inside else source_state(self.source),
        }

    def go_to(self, position: dict[str, Any], shuffle: Shuffle = None) -> None:
        """Go on from what `position` told: draw as many items as were taken, and drop them.

        Raises:
            ValueError: if it is of other data, or the source ends before that.
        """
        check_same(position, steps=self.steps)
        taken = position["taken"]
        if not isinstance(taken, int) or taken < 0:
            raise ValueError(f"{taken!r} items were taken")
        set_source_state(self.source, position["source"])
        self._begin()
        assert self._iterator is not None
        for _ in range(taken):
            if next(self._iterator, self) is self:
                raise ValueError(
                    f"{taken} batches were taken of the data, and it ends after {self._taken}"
                )
            self._taken += 1

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
        """Let go of the iterator, and end the thread that reads it."""
        if self._running is not None:
            self._running.close()
        self._running = self._iterator = None


def _length(source: Any) -> int | None:
    """Return the length that a source claims to have; some only know at run time that they do."""
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None


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
        self.length = _length_of(dataset)
        self.steps: int | None = steps
        if self.length is not None:
            self.steps = min(steps, self.length) if steps else self.length
        elif steps is None:
            raise ValueError(
                f"Received a {type(dataset).__name__} without end (its num_batches is None). Say "
                "how many batches make an epoch: steps_per_epoch=100, or steps=100."
            )
        self._prepare = prepare
        self._next = 0  # the number of the next batch of a dataset without end
        self._running: Any = None

    exhausted = False

    @property
    def expected(self) -> int | None:
        """How many batches an epoch has."""
        return self.steps

    def epoch(self, shuffle: Shuffle = None, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch; `shuffle` draws the order of the batches.

        Arguments:
            shuffle: draws the order.
            skip: how many batches to leave out at the start; they are not asked for.
        """
        assert self.steps is not None
        if self.length is None:
            order: Any = range(self._next, self._next + self.steps)
            self._next += self.steps
        else:
            order = range(self.length) if shuffle is None else shuffle.permutation(self.length)
        if hasattr(self.dataset, "on_epoch_begin"):
            self.dataset.on_epoch_begin()
        numbers = [int(index) for index in order[skip : self.steps]]
        self._running = self._made(numbers)
        for step, (number, item) in enumerate(self._running, start=skip):
            if isinstance(item, _Failure):
                item.error.add_note(_where(step, number))
                raise item.error
            yield self._prepare(item, step)
        self._running.close()
        if hasattr(self.dataset, "on_epoch_end"):
            self.dataset.on_epoch_end()

    def _made(self, numbers: list[int]) -> Any:
        """Return an iterator of numbers and batches, by as many workers as the dataset asks for."""
        make = _Maker(self.dataset)
        workers = int(getattr(self.dataset, "workers", 1) or 1)
        processes = bool(getattr(self.dataset, "use_multiprocessing", False))
        ahead = int(getattr(self.dataset, "max_queue_size", 10) or 1)
        if processes or workers > 1:
            return Workers(make, iter(numbers), workers, processes, ahead)
        return Paced(map(make, numbers))

    def position(self, shuffle: Shuffle = None) -> dict[str, Any]:
        """Return how the batches of the epochs to come are chosen."""
        return {
            "length": self.length,
            "steps": self.steps,
            "next": self._next,
            "shuffle": stream_state(shuffle),
            "source": source_state(self.dataset),
        }

    def go_to(self, position: dict[str, Any], shuffle: Shuffle = None) -> None:
        """Go on from what `position` told.

        Raises:
            ValueError: if it is of other data.
        """
        check_same(position, length=self.length, steps=self.steps)
        self._next = int(position["next"])
        set_source_state(self.dataset, position["source"])
        go_on_with(shuffle, position["shuffle"])

    def close(self) -> None:
        """End the workers."""
        if self._running is not None:
            self._running.close()
        self._running = None


class _Maker:
    """Makes a dataset's batches by their numbers; in a process of its own, a copy of the dataset.

    An error is handed back in the batch's place, so that it comes out in the order of batches.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __call__(self, number: int) -> tuple[int, Any]:
        try:
            return number, self.dataset[number]
        except Exception as error:
            return number, _Failure(error)


class _Failure:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _length_of(dataset: Any) -> int | None:
    """Return the number of batches; None for a dataset without end.

    Raises:
        ValueError: if there are none.
    """
    length = dataset.num_batches if hasattr(dataset, "num_batches") else len(dataset)
    if length is not None and length < 1:
        raise ValueError(f"Received a dataset of {length} batches, expected at least one.")
    return length


def _where(step: int, number: int | None = None) -> str:
    """Return the note that goes with an error of the user's own code."""
    named = "" if number is None or number == step else f", the dataset's batch {number}"
    return f"This happened while batch {step} of the data{named} was being made."


Batches = ArrayBatches | StreamBatches | DatasetBatches


def source_state(source: Any) -> Any:
    """Return the state from which a source's next pass starts, where it tells one."""
    tell = getattr(source, "get_state", None)
    return tell() if callable(tell) else None


def set_source_state(source: Any, state: Any) -> None:
    """Let a source's next pass start from a state that `source_state` returned."""
    if state is not None and callable(take := getattr(source, "set_state", None)):
        take(state)
