"""Batches made by Python code, one by its number: for data that does not fit into memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """A dataset that gives batch i; a subclass writes `__getitem__` and `__len__`.

    Every batch is trained on once an epoch, in a new order where `fit` shuffles.

    Arguments:
        workers: how many threads make batches at the same time, if more than 1. With 1, the next
            batch is made on a second thread while one trains, if making it takes long enough.
        use_multiprocessing: whether the workers are processes instead: for batches whose making is
            Python rather than NumPy. They import the program anew and get a copy of the dataset
            each epoch, so its class must stand in a file, and what that file does when it is run
            behind `if __name__ == "__main__":`.
        max_queue_size: how many batches the workers make before they are asked for, at most.

    Example:
        >>> import math
        >>> class Rows(PyDataset):
        ...     def __init__(self, x, y, batch_size, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.x, self.y, self.batch_size = x, y, batch_size
        ...
        ...     def __len__(self):
        ...         return math.ceil(len(self.x) / self.batch_size)
        ...
        ...     def __getitem__(self, index):
        ...         rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        ...         return self.x[rows], self.y[rows]
        >>> [y for x, y in Rows([0, 1, 2], [0, 2, 4], batch_size=2)]
        [[0, 2], [4]]
    """

    # Here too, for subclasses that do not call super().__init__().
    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return batch `index`: `x`, `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __getitem__(self, index). Write one that returns a "
            "whole batch: (x, y)."
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch, from `__len__`; None for data without end."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no __len__(self). Write one that returns the number of "
                "batches in an epoch, or the property num_batches."
            )
        return int(length())

    def __iter__(self) -> Iterator[Any]:
        """Yield every batch in order."""
        batches = self.num_batches
        for index in itertools.count() if batches is None else range(batches):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch, for example to draw the samples anew."""


Sequence = PyDataset
