"""The team: with `minidl[fast]`, the threads that share a product or a loop between them.

NumPy's BLAS brings threads of its own; compiled loops can have others. Two pools slow each other
down many times, for the waiting threads of one keep the processors from the other. So a run on
compiled kernels has one pool: the BLAS computes on one thread, and the team calls it from several
at once, each for its share of a product. The same threads then share the loops in between.

    products     |  columns 0 … 255 of C = A B  |  columns 256 … 511  |
    updates      |  one half of the parameters  |  the other          |
    images       |  one half of the batch       |  the other          |

The threads are those of OpenMP: to send work to them and wait for all takes 2 µs, where TBB's take
16 and Numba's own ("workqueue") 150, which is more than most of a small network's products. Where
OpenMP's library is missing there is no team, and the BLAS keeps its own threads.

How something is cut depends on its shape and on the machine alone, never on how many threads are
at work, so a run gives the same bytes whatever `threads` chooses from step to step. One run has
the team at a time; others, in threads of their own, take their shares in turn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

from minidl.kernels.blas import library
from minidl.kernels.machine import compiles, processors

prange = range  # in compiled code Numba's: its turns go to the threads of the team


class Here(threading.local):
    """What this thread does: whether it is in a run that shares, and whether with the team."""

    sharing = False
    together = False
    count = 1  # threads at work
    limit = 1  # threads that Numba gives others here, and gets back


here = Here()
_claim = threading.Lock()
_children = False  # whether this process was forked, and must not use its parent's threads


@cache
def size() -> int:
    """Return the number of threads that a team can have here; 1 if there can be none."""
    blas = library()
    if blas is None or not blas.wide or processors() < 2:
        return 1
    try:
        import numba

        import_module("numba.np.ufunc.omppool")
    except ImportError:
        return 1
    settings: Any = numba.config
    if settings.THREADING_LAYER not in ("default", "omp"):
        return 1  # somebody has chosen another
    settings.THREADING_LAYER = "omp"
    numba.get_num_threads()  # starts them, if nobody has
    if numba.threading_layer() != "omp":
        return 1
    return min(processors(), settings.NUMBA_NUM_THREADS)


def possible() -> bool:
    """Return whether a run can have the team now: kernels are compiled, and OpenMP is there."""
    return compiles() and not _children and size() > 1


def gather(count: int) -> bool:
    """Share from now on, in this thread, between `count` threads; return whether it has the team.

    While another run has it, this one takes its shares in turn.
    """
    import numba

    here.sharing = True
    if not here.together and _claim.acquire(blocking=False):
        here.together = True
        here.count = here.limit = numba.get_num_threads()
    if here.together and count != here.count:
        here.count = min(count, here.limit)
        numba.set_num_threads(here.count)
    return here.together


def dismiss() -> bool:
    """End what `gather` began; return whether this thread had the team."""
    here.sharing = False
    if not here.together:
        return False
    if here.count != here.limit:
        import numba

        numba.set_num_threads(here.limit)
    here.together = False
    _claim.release()
    return True


def share(part: int, parts: int, count: int) -> tuple[int, int]:
    """Return where the share `part` of `parts` begins and ends among `count` things."""
    return part * count // parts, (part + 1) * count // parts


def loop(*arguments: Any) -> None:
    """Stand for the loop that a kernel's threads share; compiled code gets its own."""
    raise NotImplementedError


def machine_code(
    function: Callable[..., Any], parallel: bool = False, signature: Any = None, **names: Any
) -> Callable[..., Any]:
    """Return the function compiled, and kept on disk.

    Arguments:
        function: plain Python that Numba can compile.
        parallel: whether its `prange` goes to the team.
        signature: the types it shall be compiled for; by default those that it is called with.
        names: what the function's global names shall mean in compiled code.
    """
    import numba

    names["prange"] = numba.prange
    if parallel and "share" in function.__code__.co_names:
        names["share"] = machine_code(share)
    function = FunctionType(function.__code__, function.__globals__ | names, function.__name__)
    if parallel:
        function.__qualname__ += "_shared"  # on disk, a file of its own
    # nogil: other threads go on meanwhile. error_model: x / 0 is ∞ as in NumPy, and the loop has
    # no branch for it, so that it can be vectorised.
    options: Any = {"cache": True, "nogil": True, "error_model": "numpy", "parallel": parallel}
    return numba.njit(signature, **options)(function)


def _in_child() -> None:
    """Give up the team in a forked process: OpenMP's threads are not there, and it ends at that."""
    global _children, _claim
    _children, _claim = True, threading.Lock()
    here.sharing = here.together = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
