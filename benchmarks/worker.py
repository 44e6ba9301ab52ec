"""One contender on one workload, in this process; the runner starts it and reads what it wrote.

python -m benchmarks.worker --contender torch --task task.npz --result result.json --threads 2
"""

from __future__ import annotations

import argparse
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks import machine


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("--contender", required=True)
    parser.add_argument("--task", required=True, type=Path)
    parser.add_argument("--result", required=True, type=Path)
    parser.add_argument("--threads", required=True, type=int)
    parser.add_argument(
        "--spawned", type=float, help="when the process was started, as time.time()"
    )
    arguments = parser.parse_args(argv)
    machine.pin(arguments.threads)
    try:
        result = work(arguments)
    except Exception as error:
        traceback.print_exc()
        reason = str(error).strip().splitlines() or [""]
        result = {"status": "failed", "message": f"{type(error).__name__}: {reason[0]}"}
    arguments.result.write_text(json.dumps(result))


def work(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the contender's figures, or why there are none."""
    from benchmarks import contenders, workloads
    from benchmarks.task import Task

    kind = contenders.get(arguments.contender)
    if missing := kind.missing():
        return {"status": "not installed", "message": "needs " + ", ".join(missing)}
    os.environ.update(kind.environment)
    task = Task.load(arguments.task)
    spawned = arguments.spawned or time.time()
    contender = kind(task, arguments.threads)
    measured = workloads.get(task.workload).measure(contender, task)
    return {
        "status": "done",
        **measured,
        "start": measured["ready"] - spawned,
        "dtype": contender.dtype,
        "floor": kind.floor,
        "peer": kind.peer,
        "versions": machine.versions([*kind.distributions]),
        "pools": machine.thread_pools(),
    }


if __name__ == "__main__":
    main()
