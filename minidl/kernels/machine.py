"""What the machine and the installation offer: processors, and whether loops can be compiled."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from minidl import config


def compiles() -> bool:
    """Return whether kernels run in their compiled form: if Numba is there and not switched off."""
    wanted = config.compiled_kernels()
    return _numba_is_there() if wanted is None else wanted


@cache
def _numba_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None


def processors() -> int:
    """Return how many processors this process may use: its affinity, and its share of a cluster."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share_of_time = _quota()
    return max(1, min(count or 1, share_of_time or count or 1))


def _quota() -> int | None:
    """Return the processors that Linux's control group grants, rounded up; None for all."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if limit == "max" else max(1, -(-int(limit) // int(period)))
    except (OSError, ValueError):
        return None
