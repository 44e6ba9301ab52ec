"""Starts the workers: one at a time, in turn, for several rounds, all in the same environment."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import contenders, equal_work, machine, workloads
from benchmarks.task import Task

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Settings:
    """How to run: what `python -m benchmarks` was told.

    `pythons` says which interpreter runs which contender; `""` stands for all others. In the folder
    `store` every workload that is done is kept, and not done again.
    """

    workloads: list[str]
    contenders: list[str]
    rounds: int = 5
    threads: int = 1
    quick: bool = False
    data: Path | None = None
    reference: str = "minidl"
    timeout: float = 1800.0
    store: Path | None = None
    pythons: dict[str, str] = field(default_factory=dict)


@dataclass
class Entry:
    """A contender's figures on one workload.

    `status` is `done`, `floor`, `differs`, `failed` or `not installed`; `message` says why.
    """

    name: str
    status: str = "done"
    message: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """The time of one unit in each round: the median of what its process measured."""
        return [statistics.median(run["seconds"]) for run in self.runs]

    @property
    def wrong(self) -> bool:
        """Whether the whole run has to be called a failure because of it."""
        return self.status in ("differs", "failed")

    @property
    def counts(self) -> bool:
        """Whether its figures may be compared with others'."""
        return self.status in ("done", "floor") and bool(self.runs)


@dataclass
class Result:
    """Everything measured on one workload."""

    workload: str
    description: str
    unit: str
    tolerances: dict[str, float]
    expected: dict[str, float]
    entries: list[Entry]
    reference: str = "notebook"

    @property
    def wrong(self) -> bool:
        """Whether something failed, or was not the same work."""
        return not self.expected or any(entry.wrong for entry in self.entries)

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read what `save` wrote."""
        read = json.loads(path.read_text(encoding="utf-8"))
        return cls(**read | {"entries": [Entry(**entry) for entry in read["entries"]]})

    def entry(self, name: str) -> Entry | None:
        """Return the contender of this name if its figures may be compared."""
        return next((e for e in self.entries if e.name == name and e.counts), None)


def run(settings: Settings, say: Callable[[str], None]) -> list[Result]:
    """Run every workload with every contender, and check that they did the same."""
    results = []
    with tempfile.TemporaryDirectory(prefix="minidl-benchmarks-") as folder:
        for name in settings.workloads:
            workload = workloads.get(name)
            if settings.store and (stored := settings.store / f"{name}.json").exists():
                results.append(Result.load(stored))
                say(f"{name}: done before, {stored.name}")
                continue
            task = workload.task(settings.data, settings.quick)
            path = Path(folder) / "task.npz"
            task.save(path)
            result = Result(
                workload=name,
                description=workload.describe(task),
                unit=workload.unit,
                tolerances=dict(zip(workload.moments, task.tolerances, strict=True)),
                expected={},
                entries=[Entry(c) for c in settings.contenders if _takes_part(c, workload, task)],
                reference=workload.reference,
            )
            del task  # a worker's memory is its own, but the machine's is shared
            _rounds(settings, result, path, say)
            _check(settings, result, path)
            results.append(result)
            if settings.store:
                result.save(settings.store / f"{name}.json")
    return results


def _takes_part(contender: str, workload: workloads.Workload, task: Task) -> bool:
    """Say whether a contender has this network; one from elsewhere is asked in its own process."""
    if ":" in contender:
        return True
    wanted = workload.contenders is None or contender in workload.contenders
    return wanted and task.network in contenders.get(contender).networks


def _rounds(settings: Settings, result: Result, task: Path, say: Callable[[str], None]) -> None:
    for number in range(1, settings.rounds + 1):
        for entry in result.entries:
            if entry.status != "done":
                continue
            outcome = worker(settings, entry.name, task)
            if outcome["status"] == "done":
                entry.runs.append(outcome)
                seconds = statistics.median(outcome["seconds"])
                said = f"{seconds * 1e6:,.0f} µs a {result.unit}"
            else:
                entry.status, entry.message = outcome["status"], outcome["message"]
                said = f"{entry.status}: {entry.message}"
            say(f"{result.workload} {number}/{settings.rounds} {entry.name}: {said}")


def _check(settings: Settings, result: Result, task: Path) -> None:
    """Compare all losses with those of the reference, which runs once more if need be."""
    reference = result.entry(result.reference)
    run = reference.runs[0] if reference else worker(settings, result.reference, task)
    result.expected = run.get("losses", {})
    for entry in result.entries:
        if entry.status != "done":
            continue
        if entry.runs[0]["floor"]:
            entry.status, entry.message = "floor", "bounds the others, trains nothing"
            continue
        for outcome in entry.runs:
            differs = equal_work.difference(outcome["losses"], result.expected, result.tolerances)
            if differs:
                entry.status, entry.message = "differs", differs
                break


def worker(settings: Settings, contender: str, task: Path) -> dict[str, Any]:
    """Run one worker to its end and return what it wrote, or how it failed."""
    python = settings.pythons.get(contender, settings.pythons.get("", sys.executable))
    path = task.with_name("result.json")
    path.unlink(missing_ok=True)
    command = [python, "-m", "benchmarks.worker", "--contender", contender, "--task", str(task)]
    command += ["--result", str(path), "--threads", str(settings.threads)]
    command += ["--spawned", repr(time.time())]
    try:
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=machine.environment(settings.threads, task.parent),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=settings.timeout,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return {"status": "failed", "message": f"did not end within {settings.timeout:g} s"}
    except OSError as error:
        return {"status": "failed", "message": f"could not start {python}: {error}"}
    if process.returncode == 0 and path.exists():
        result: dict[str, Any] = json.loads(path.read_text())
        return result | {"output": process.stdout}
    last = (process.stdout.strip().splitlines() or ["no output"])[-1]
    return {"status": "failed", "message": f"exit code {process.returncode}: {last}"}
