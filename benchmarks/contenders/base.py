"""What a contender is: something that takes a task's weights, trains on its rows, and predicts."""

from __future__ import annotations

import importlib.util
from typing import Any, ClassVar

from benchmarks.task import Array, Task


class Contender:
    """One library, doing a task in the way that its own users would.

    A subclass imports its library in its methods, so that a worker without it can say so. The
    constructor gets everything ready that a user does once (data in the library's own arrays, the
    model with the task's weights); it is not timed.

    Arguments:
        task: what to do.
        threads: how many threads to use, where the environment does not already say so.
    """

    requires: ClassVar[tuple[str, ...]] = ()  # modules to import
    distributions: ClassVar[tuple[str, ...]] = ()  # whose versions belong into the report
    environment: ClassVar[dict[str, str]] = {}  # set before anything is imported
    networks: ClassVar[tuple[str, ...]] = ("dense",)  # of those in `benchmarks.networks`
    own_dtype: ClassVar[str | None] = None  # where it is not the task's
    floor: ClassVar[bool] = False  # not a contender, but what bounds one: nothing to check
    peer: ClassVar[bool] = True  # counts when the fastest peer is looked for

    def __init__(self, task: Task, threads: int) -> None:
        self.task = task
        self.threads = threads
        self.dtype = self.own_dtype or task.dtype
        self.prepare()

    @classmethod
    def missing(cls) -> list[str]:
        """Return what has to be installed first."""
        return [name for name in cls.requires if importlib.util.find_spec(name) is None]

    def prepare(self) -> None:
        """Make the model and the data ready."""

    def train(self, rows: int, epochs: int) -> None:
        """Go on training for some epochs on the first `rows` rows, in order, in whole batches.

        When it returns, the work is done, not merely queued.
        """
        raise NotImplementedError

    def predict(self, x: Array) -> Any:
        """Return probabilities `(rows, units)`, as something `numpy.asarray` takes."""
        raise NotImplementedError
