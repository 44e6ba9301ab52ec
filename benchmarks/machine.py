"""The machine and the processes on it: what a worker may use, how much memory it took, what it ran.

Nothing here imports NumPy: a worker calls `pin` before any library counts the processors.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

# Read by the libraries when they are loaded; JAX has no such setting and follows `pin`.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# What tunes a library by hand is not passed on: figures should come from the library as it is.
_TUNING = (
    "GOTO_",
    "OMP_",
    "KMP_",
    "MKL_",
    "BLIS_",
    "XLA_",
    "JAX_",
    "KERAS_",
    "TORCH",
    "NUMBA_",
    "MINIDL_",
)


def environment(threads: int, home: Path) -> dict[str, str]:
    """Return the environment of a worker's process.

    Arguments:
        threads: for all thread pools.
        home: a folder for files that libraries write on first use.
    """
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_TUNING) and "BLAS_" not in key and key not in _THREADS
    }
    return inherited | {
        **dict.fromkeys(_THREADS, str(threads)),
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "KERAS_HOME": str(home),
        "TORCHINDUCTOR_CACHE_DIR": str(home / "torch"),
        "PYTHONHASHSEED": "0",
    }


def available_cpus() -> list[int]:
    """Return the processors that this process may use, one hardware thread a core first."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    first: dict[str, int] = {}
    others = []
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text().strip() if siblings.exists() else str(cpu)
        if core in first:
            others.append(cpu)
        else:
            first[core] = cpu
    return [*first.values(), *others]


def pin(threads: int) -> None:
    """Bind this process to as many processors as it may have threads, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, available_cpus()[:threads])


def peak_memory() -> int:
    """Return the most memory that this process has held so far, in bytes (resident set size).

    On Linux it is the kernel's figure for the program as it runs now. That of `getrusage` also
    counts what the process held before it became this program, which is its parent's memory.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_memory() -> int | None:
    """Return how many bytes are free for a new process, or None where the system does not say."""
    path = Path("/proc/meminfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def describe() -> dict[str, str]:
    """Return what a reader of figures wants to know of the machine."""
    facts = {
        "Processor": _processor(),
        "Processors available": f"{len(available_cpus())} of {os.cpu_count()}",
        "System": f"{platform.system()} {platform.machine()}",
    }
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        doubt = "; something else may have run: do not trust the times" if load > 0.5 else ""
        facts["Load before the run"] = f"{load:.1f}{doubt}"
    return facts


def versions(names: list[str]) -> dict[str, str]:
    """Return the versions of the installed distributions among `names`."""
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def thread_pools() -> list[str]:
    """Return the BLAS and OpenMP thread pools of this process, if threadpoolctl is installed."""
    try:
        import threadpoolctl
    except ImportError:
        return []

    def words(pool: dict[str, Any]) -> str:
        parts = [pool["internal_api"], pool.get("version"), pool.get("architecture")]
        return f"{' '.join(part for part in parts if part)}: {pool['num_threads']} threads"

    return sorted({words(pool) for pool in threadpoolctl.threadpool_info()})


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
