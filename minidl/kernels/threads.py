"""How many threads a step is worth: measured while it runs, and measured again when it stalls.

A matrix product on two threads takes six tenths of the time on a machine of one's own. Beside
another busy process it can take a hundred times as long: OpenBLAS's threads wait for each other in
a loop, and where one of them is not given a processor all the others wait for it. On one thread
nothing waits. So a step is tried both ways, the better one is kept, and a step that takes far too
long puts the run on one thread for a while.

    steps    1st      2nd, 3rd      4th, 5th     from then on
    threads  all      one           all          all, or one for a while after a stall

With `minidl[fast]` the threads are those of the `team`, and the BLAS has one; else they are the
BLAS's own. Results do not depend on the number of threads (`products`, `team`), so a run gives the
same bytes whatever the machine is doing beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from minidl.kernels import team
from minidl.kernels.blas import library
from minidl.kernels.machine import processors

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds on one thread after a stall
_GRACE = 1e-3  # seconds by which any step may be late
_LONG = 0.03  # seconds; by less, one step alone may be late: it may have loaded something


class Governor:
    """Chooses the number of threads, from step to step, by the time that the steps take.

    Arguments:
        most: how many threads there are to be had; by default as many as NumPy's BLAS uses, and
            no more than the processors that this process may use.
        clock: tells the time in seconds.

    Attributes:
        count: how many are in use now.
    """

    def __init__(
        self, most: int | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        blas = library()
        given = blas.threads() if blas is not None else 1
        self.most = max(1, min(given, processors())) if most is None else most
        self.count = self._of_blas = given
        self.clock = clock
        self._teamed = False
        self._set(self.most)
        self._pause = _FIRST_PAUSE
        self._until = 0.0
        self._clean = 0
        self._late = False  # whether the last step took too long
        self._trials: dict[Any, Trial] = {}

    def _set(self, count: int) -> None:
        self.count = count
        if self._teamed and not team.gather(count):
            return  # another run has the team, and says how many threads the BLAS shall have
        of_blas = 1 if self._teamed else count
        if of_blas != self._of_blas:
            self._of_blas = of_blas
            blas = library()
            if blas is not None:
                blas.set_threads(of_blas)

    def begin(self, key: Any) -> float:
        """Begin a step, set the number of threads for it, and return the time.

        Arguments:
            key: steps with the same key do the same work.
        """
        now = self.clock()
        self._heed_others()
        self._teamed = team.possible()
        if self.most == 1:
            self._set(1)
        else:
            trial = self._trials.get(key)
            if trial is None:
                if len(self._trials) > 100:
                    self._trials.clear()
                trial = self._trials[key] = Trial()
            alone = trial.order[-1] if trial.order else now < self._until
            self._set(1 if alone else self.most)
        return now

    def _heed_others(self) -> None:
        """Take a number of threads that somebody else has set (threadpoolctl) as the most."""
        blas = library()
        if blas is not None and (now := blas.threads()) != self._of_blas:
            self.count = self.most = self._of_blas = now
            self._trials.clear()

    def rest(self) -> None:
        """Give NumPy all threads back, after the last step of a run."""
        if self._teamed and not team.dismiss():
            return
        self._teamed = False
        self._set(self.most)

    def end(self, key: Any, began: float) -> None:
        """End the step that `begin` began."""
        if self.most == 1:
            return
        now = self.clock()
        seconds = now - began
        trial = self._trials.get(key)
        if trial is None:
            return
        if trial.order:
            trial.learn(seconds)
            if not trial.order and trial.together > 1.1 * trial.alone:
                self._pause_from(now)
        elif self.count == 1:
            trial.alone += 0.1 * (min(seconds, 2 * trial.alone) - trial.alone)
        elif seconds > 2 * trial.alone + _GRACE:
            if self._late or seconds > 2 * trial.alone + _LONG:
                self._pause_from(now)
            self._late = not self._late
        else:
            self._late = False
            self._clean += 1
            if self._clean > 200:
                self._pause = _FIRST_PAUSE

    def _pause_from(self, now: float) -> None:
        """Go on on one thread, longer each time."""
        self._until = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._clean = 0
        self._set(1)


class Trial:
    """The first steps of one kind: which are done on one thread, and how long they take."""

    def __init__(self) -> None:
        self.order: list[bool | None] = [False, False, True, True, None]  # taken from behind
        self.alone = self.together = float("inf")

    def learn(self, seconds: float) -> None:
        """Take the time of the step at hand; the very first is a warm-up and does not count."""
        on_one = self.order.pop()
        if on_one:
            self.alone = min(self.alone, seconds)
        elif on_one is False:
            self.together = min(self.together, seconds)


def governor() -> Governor:
    """Return the process's governor; the first call makes it."""
    global _governor
    if _governor is None:
        _governor = Governor()
    return _governor


_governor: Governor | None = None
