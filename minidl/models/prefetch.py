"""Batches made ahead: on a second thread while the model trains, or by several workers.

made ahead     source ──► thread ──► at most so many waiting ──► training
workers        numbers of batches ──► threads or processes ──► in order ──► training

Order and batches are the same as without. Errors come out where their batch would have, and the
threads end with the epoch, also where it ends in an error or by Ctrl-C.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

WORTH = 2e-4  # seconds; waking another thread costs a quarter of it
PATIENCE = 5.0  # seconds that the end of an epoch waits for a source which is busy


class Ahead(Generic[Item]):
    """An iterator whose items are taken on a thread of its own, before they are asked for.

    Arguments:
        items: what is iterated over.
        ahead: how many items may be taken before they are asked for, at least 1.
    """

    def __init__(self, items: Iterator[Item], ahead: int = 1) -> None:
        self._items = items
        self._free = threading.Semaphore(ahead)
        self._ready = threading.Semaphore(0)
        self._made: deque[tuple[bool, Any]] = deque()
        self._ended = False
        context = contextvars.copy_context()  # np.errstate and its like hold there too
        self._thread = threading.Thread(
            target=context.run, args=(self._take_all,), name="minidl batches", daemon=True
        )
        self._thread.start()

    def _take_all(self) -> None:
        while True:
            self._free.acquire()
            if self._ended:
                return
            outcome: tuple[bool, Any]
            try:
                outcome = True, next(self._items)
            except BaseException as error:  # StopIteration too: it comes out in its place
                outcome = False, error
            self._made.append(outcome)
            self._ready.release()
            if not outcome[0]:
                return

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._ended:
            raise StopIteration
        self._ready.acquire()
        fine, outcome = self._made.popleft()
        if not fine:
            self.close()
            raise outcome
        self._free.release()
        return outcome

    def close(self) -> None:
        """End the thread. What it has taken already is lost."""
        self._ended = True
        self._free.release()
        self._thread.join(PATIENCE)


class Paced(Generic[Item]):
    """An iterator that goes over to a second thread once its items take long to make.

    Below some time an item is not worth it: waking the other thread costs more than is won.

    Arguments:
        items: what is iterated over.
        ahead: how many items that thread may take before they are asked for.
    """

    def __init__(self, items: Iterator[Item], ahead: int = 1) -> None:
        self._items = items
        self._ahead = ahead
        self._other: Ahead[Item] | None = None

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._other is not None:
            return next(self._other)
        began = time.perf_counter()
        item = next(self._items)
        if time.perf_counter() - began > WORTH:
            self._other = Ahead(self._items, self._ahead)
        return item

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._other is not None:
            self._other.close()


class Workers(Generic[Item]):
    """An iterator over `make(number)` for numbers in order, several of them made at a time.

    Arguments:
        make: makes an item. For processes it must be possible to pickle it, and what it returns.
        numbers: of which items to make.
        workers: how many threads or processes, at least 1.
        processes: whether they are processes.
        ahead: how many items may be made or waiting before they are asked for.
    """

    def __init__(
        self, make: Callable[[int], Item], numbers: Iterator[int], workers: int,
        processes: bool, ahead: int,
    ) -> None:  # fmt: skip
        self._make = make
        self._numbers = numbers
        self._ahead = max(ahead, 1)
        self._waiting: deque[Future[Item]] = deque()
        self._pool: Executor
        if processes:
            self._pool = _processes(workers, make)
        else:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="minidl batches")

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        while len(self._waiting) < self._ahead:
            number = next(self._numbers, None)
            if number is None:
                break
            self._waiting.append(self._asked(number))
        if not self._waiting:
            self.close()
            raise StopIteration
        try:
            return self._waiting.popleft().result()
        except BaseException:
            self.close()
            raise

    def _asked(self, number: int) -> Future[Item]:
        if isinstance(self._pool, ProcessPoolExecutor):
            return self._pool.submit(_make_in_process, number)
        return self._pool.submit(contextvars.copy_context().run, self._make, number)

    def close(self) -> None:
        """End the workers. What was asked for and not begun is not made."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _processes(workers: int, make: Callable[[int], Any]) -> ProcessPoolExecutor:
    import multiprocessing

    # Not by fork: this process may have threads, of BLAS for one, whose locks a fork would copy.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_take_up, initargs=(make,))


_make_here: Callable[[int], Any] | None = None  # in a worker's process


def _take_up(make: Callable[[int], Any]) -> None:
    global _make_here
    _make_here = make


def _make_in_process(number: int) -> Any:
    assert _make_here is not None
    return _make_here(number)
