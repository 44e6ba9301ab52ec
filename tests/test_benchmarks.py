"""The benchmarks' own logic: who did other work is found out, and what is written is what was run.

The contenders here are the notebook's recipe and spoiled copies of it; no times are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    __main__,
    breakdown,
    contenders,
    contention,
    equal_work,
    import_time,
    machine,
    memory,
    pictures,
    report,
    runner,
    targets,
    worker,
    workloads,
)
from benchmarks.contenders.notebook import Notebook
from benchmarks.task import Task, cross_entropy

FAKES = '''
import os
from benchmarks.contenders.base import Contender
from benchmarks.contenders.notebook import Notebook, Notebook32

class Honest(Notebook32):
    peer = True

class OneStepShort(Notebook32):
    """Leaves out a single step."""
    skipped = False
    def step(self, x, y):
        if self.skipped:
            super().step(x, y)
        self.skipped = True

class Lazy(Notebook32):
    """Trains in the warm-up only."""
    def train(self, rows, epochs):
        if not self.steps:
            super().train(rows, epochs)

class WrongRate(Notebook32):
    """Takes steps that are 2% too long."""
    def update(self, value, gradient, place):
        super().update(value, gradient * 1.02, place)

class OtherWeights(Notebook32):
    """Does not start where it should."""
    def prepare(self):
        super().prepare()
        self.W[1][:] = self.W[1][::-1]

class WrongGradient(Notebook32):
    """Forgets one layer's activation on the way back."""
    def slope(self, z, a):
        return 1.0

class NotANumber(Notebook32):
    def predict(self, x):
        return super().predict(x) * float("nan")

class Absent(Contender):
    requires = ("numpy", "no_such_library")

class Broken(Contender):
    def prepare(self):
        raise RuntimeError("it does not work | at all")

class Killed(Contender):
    def prepare(self):
        print("last words", flush=True)
        os._exit(3)

class Nosy(Notebook32):
    """Tells what it saw as versions."""
    def prepare(self):
        super().prepare()
        seen = {k: v for k, v in os.environ.items() if "BLAS" in k or "THREADS" in k}
        seen["cpus"] = str(len(os.sched_getaffinity(0)))
        open(os.environ["SEEN"], "w").write(__import__("json").dumps(seen))
'''

WRONG = ["OneStepShort", "Lazy", "WrongRate", "OtherWeights", "WrongGradient", "NotANumber"]


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the contenders `fakes:…` importable in the workers."""
    (tmp_path / "fakes.py").write_text(FAKES)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)


@pytest.fixture
def in_process(fakes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the workers do their work in this process: a quarter of a second less for each."""
    monkeypatch.syspath_prepend(tmp_path)

    def work(settings: runner.Settings, name: str, task: Path) -> dict[str, object]:
        arguments = argparse.Namespace(contender=name, task=task, threads=1, spawned=None)
        with np.errstate(all="ignore"):  # as in a process of its own
            return worker.work(arguments)

    monkeypatch.setattr(runner, "worker", work)
    yield
    sys.modules.pop("fakes", None)


def settings(*names: str, **options: object) -> runner.Settings:
    defaults = {"workloads": ["digits"], "rounds": 1, "quick": True, "timeout": 60.0}
    return runner.Settings(contenders=list(names), **{**defaults, **options})  # type: ignore[arg-type]


def tiny(workload: str = "digits", batch: int = 8) -> Task:
    """A task whose numeric gradient is cheap."""
    random = np.random.default_rng(3)
    digits = workload == "digits"
    sizes = (4, 5, 3) if digits else (4, 5, 1)
    shapes = list(pairwise(sizes))
    return Task(
        workload=workload,
        sizes=sizes,
        hidden="relu" if digits else "sigmoid",
        output="softmax" if digits else "sigmoid",
        dtype="float64",
        optimizer="sgd",
        learning_rate=0.5,
        batch_size=batch,
        epochs=1,
        warm_up=(batch, 1),
        repeats=1,
        tolerances=(1e-6, 1e-6),
        x=random.standard_normal((batch, 4)),
        labels=random.integers(0, 3 if digits else 2, batch),
        kernels=[random.standard_normal(shape) for shape in shapes],
        biases=[random.standard_normal(units) for _, units in shapes],
    )


# Equal work.


@pytest.mark.parametrize(
    ("workload", "wrong"),
    [
        ("digits", WRONG),
        ("digits-adam", ["OneStepShort", "Lazy", "WrongGradient"]),  # no feeling for a rate's 2%
        ("binary", WRONG),
    ],
)
def test_other_work_is_found_out(workload: str, wrong: list[str], in_process: None) -> None:
    names = ["fakes:Honest", *(f"fakes:{name}" for name in wrong)]
    result = runner.run(settings(*names, workloads=[workload]), lambda _: None)[0]
    assert {e.name: e.status for e in result.entries} == dict.fromkeys(names, "differs") | {
        "fakes:Honest": "done"
    }
    assert result.wrong
    if workload == "binary":
        known = workloads.Binary.loss_after_warm_up
        assert result.expected["warm_up"] == pytest.approx(known, abs=1e-9)
    assert all("its loss" in entry.message for entry in result.entries[1:])


def test_wrong_predictions_are_found_out(in_process: None) -> None:
    names = ["fakes:Honest", "fakes:OtherWeights"]
    result = runner.run(settings(*names, workloads=["predict-3"]), lambda _: None)[0]
    assert [entry.status for entry in result.entries] == ["done", "differs"]
    assert result.unit == "call"


def test_one_difference_in_one_round_is_enough() -> None:
    tolerances = {"final": 1e-4}
    assert equal_work.difference({"final": 2.0001}, {"final": 2.0}, tolerances) is None
    text = equal_work.difference({"final": 2.001}, {"final": 2.0}, tolerances)
    assert text is not None
    assert "2.001" in text
    assert equal_work.difference({"final": float("nan")}, {"final": 2.0}, tolerances)
    assert equal_work.difference({"final": float("nan")}, {"final": float("nan")}, tolerances)
    assert equal_work.difference({}, {"final": 2.0}, tolerances)


def test_a_difference_in_a_later_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([1.0, 1.0, 1.0, 1.5])
    monkeypatch.setattr(runner, "worker", lambda *_: outcome(0.1, next(losses)))
    result = runner.run(settings("notebook", "x:other", rounds=2), lambda _: None)[0]
    assert [entry.status for entry in result.entries] == ["done", "differs"]


def outcome(seconds: float, loss: float = 1.0, peer: bool = True) -> dict[str, object]:
    return {
        "status": "done",
        "seconds": [seconds],
        "warm_up": 0.5,
        "start": 1.5,
        "peak": 50_000_000,
        "losses": {"warm_up": loss, "final": loss},
        "dtype": "float32",
        "floor": False,
        "peer": peer,
        "versions": {"python": "3"},
        "pools": [],
    }


# Who cannot take part.


def test_absent_broken_and_killed_are_reported(
    fakes: None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    page = tmp_path / "results.md"
    names = ["notebook", "matmul-floor", "fakes:Absent", "fakes:Broken", "fakes:Killed"]
    arguments = ["--quick", "--workloads", "binary", "--rounds", "2", "--contenders", *names]
    python = ["--python", "fakes:Honest=/no/such/python"]
    assert __main__.main([*arguments, "fakes:Honest", *python, "--output", str(page)]) == 1
    printed = capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    for part in ("not installed, needs no_such_library", "RuntimeError: it does not work"):
        assert part in text
        assert part in printed
    assert "exit code 3: last words" in text
    assert "could not start /no/such/python" in text
    rows = {line.split(" | ")[0][2:]: line for line in text.splitlines() if line.startswith("| ")}
    assert rows["fakes:Absent"].endswith("| not installed |")
    assert rows["fakes:Broken"].endswith("| FAILED |")
    assert rows["matmul-floor"].endswith("| floor |")
    assert rows["notebook"].startswith("| notebook | float64 | ")
    assert printed.count("fakes:Absent") == 3  # tried once, not in every round; row and note


def test_not_installed_alone_is_no_failure(in_process: None) -> None:
    result = runner.run(settings("notebook", "fakes:Absent", workloads=["binary"]), lambda _: None)[
        0
    ]
    assert [entry.status for entry in result.entries] == ["done", "not installed"]
    assert not result.wrong


def test_a_worker_that_does_not_end_is_stopped(fakes: None, tmp_path: Path) -> None:
    quick = settings("notebook", timeout=0.01)
    assert "did not end" in runner.worker(quick, "notebook", tmp_path / "task.npz")["message"]


@pytest.mark.parametrize("name", contenders.CONTENDERS)
def test_every_contender_can_be_asked_whether_it_can_run(name: str) -> None:
    kind = contenders.get(name)
    assert isinstance(kind.missing(), list)
    assert kind.distributions


def test_unknown_names_are_errors() -> None:
    for arguments in (["--workloads", "digit"], ["--contenders", "tensorflow"], ["--rounds", "0"]):
        with pytest.raises(SystemExit):
            __main__.main([*arguments, "--quick"])
    with pytest.raises(ValueError, match="predict a number of rows"):
        workloads.get("predict")


# Layered networks, growth, targets.


@pytest.mark.parametrize("name", ["lstm", "depth-3"])
def test_other_networks_are_compared_too(name: str, in_process: None) -> None:
    names = ["minidl", "notebook", "fakes:Absent"]
    result = runner.run(settings(*names, workloads=[name]), lambda _: None)[0]
    trained = {entry.name: entry for entry in result.entries if entry.status == "done"}
    assert set(trained) == {"minidl"}  # the notebook has no LSTM, and takes no part in growth
    losses = trained["minidl"].runs[0]["losses"]
    assert set(losses) == set(result.tolerances) == set(result.expected)
    assert not result.wrong


def test_a_stored_workload_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "worker", lambda *_: outcome(0.1))
    chosen = settings("notebook", "x:other", workloads=["binary"], store=tmp_path)
    first = runner.run(chosen, lambda _: None)
    monkeypatch.setattr(runner, "worker", lambda *_: pytest.fail("it was done before"))
    assert runner.run(chosen, lambda _: None) == first


def test_targets_say_met_and_missed(tmp_path: Path) -> None:
    def entry(name: str, seconds: float, peer: bool = False) -> runner.Entry:
        return runner.Entry(name, runs=[outcome(seconds, peer=peer)])

    entries = [
        entry("minidl", 1.1),
        entry("minidl-fast", 0.7),
        entry("matmul-floor", 0.6),
        entry("torch", 1.0, peer=True),
        entry("jax", 2.0, peer=True),
    ]
    entries[2].status = "floor"
    losses = {"warm_up": 1.0, "final": 1.0}
    result = runner.Result("digits", "", "step", losses, losses, entries)
    entries.append(entry("jax-loop", 0.5, peer=True))
    assert [row[1:3] for row in targets.table([result]).rows] == [
        ["jax-loop", "2.20"],
        ["torch", "1.10"],
        ["matmul-floor", "1.83"],
    ]
    entries.pop()
    assert targets.table([result]).rows == [
        ["digits", "torch", "1.10", "1", "missed", "0.70", "0.75", "met"],
        ["digits", "matmul-floor", "1.83", "1.5", "missed", "1.17", "1.25", "met"],
    ]
    grown = [
        runner.Result(f"rows-{n}", "", "row", losses, losses, entries[:2]) for n in (1000, 10_000)
    ]
    parts = dict.fromkeys(breakdown.KINDS, 100.0)
    files = pictures.draw(grown, {"sgd, NumPy": parts}, tmp_path / "pictures")
    assert [file.stat().st_size > 1000 for file in files] == [True, True]
    assert not pictures.draw([result], None, tmp_path)


def test_a_stopwatch_within_another_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 3.0, 6.0])
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: next(clock))
    watches = breakdown.Stopwatches()
    watches.start("rest")
    watches.start("products")
    watches.stop()
    watches.stop()
    assert (watches.seconds["products"], watches.seconds["rest"]) == (2.0, 4.0)


# How they run.


def test_contenders_alternate_and_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    order = []
    names = ["minidl", "x:own", "x:fast", "x:slow"]

    def worker(settings: runner.Settings, name: str, task: Path) -> dict[str, object]:
        order.append(name)
        Task.load(task)
        times = {"minidl": (1e-3, 2e-3, 1e-3), "x:fast": (2e-3, 3e-3, 4e-3), "x:own": (1e-4,) * 3}
        times["x:slow"] = (9e-3,) * 3
        return outcome(times[name][(len(order) - 1) // 4], peer=name in ("x:fast", "x:slow"))

    monkeypatch.setattr(runner, "worker", worker)
    monkeypatch.setattr(workloads.Digits, "reference", "x:own")
    output = tmp_path / "results.md"
    chosen = ["--quick", "--workloads", "digits", "--rounds", "3", "--output", str(output)]
    assert __main__.main([*chosen, "--contenders", *names]) == 0
    assert order == names * 3
    text = output.read_text(encoding="utf-8")
    assert f"python -m benchmarks {' '.join(chosen)}" in text
    assert "Its times mean nothing" in text
    assert "| contender | dtype | µs a step (min … max) | × minidl |" in text
    wanted = (
        "| x:fast | float32 | 3,000 (2,000 … 4,000) | 2.00 (1.50 … 4.00) | 500 ms | 1.50 s | 50 |"
    )
    assert wanted in text
    assert "minidl takes 0.50 (0.25 … 0.67) of the time of x:fast, the fastest peer" in text
    assert "OPENBLAS_" not in text
    assert "2.00 (1.50 … 4.00)" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_workers_get_the_same_clean_environment(
    fakes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen.json"
    monkeypatch.setenv("SEEN", str(seen))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    result = runner.run(settings("fakes:Nosy", threads=1, workloads=["binary"]), lambda _: None)[0]
    assert result.entries[0].status == "done"
    told = json.loads(seen.read_text())
    assert told.pop("cpus") == "1"
    assert set(told) == {
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    }
    assert set(told.values()) == {"1"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it is the system's own")
def test_peak_memory_is_the_workers_own(fakes: None) -> None:
    ballast = np.ones(15_000_000)  # 120 MB in this process, which becomes the worker's parent
    result = runner.run(settings("notebook", workloads=["binary"]), lambda _: None)[0]
    peak = result.entries[0].runs[0]["peak"]
    assert 20e6 < peak < 100e6 < ballast.nbytes


# The work itself.


@pytest.mark.parametrize("workload", ["digits", "binary"])
def test_the_notebooks_gradient_is_the_true_one(workload: str) -> None:
    task = tiny(workload)
    model = Notebook(task, threads=1)
    before = [array.copy() for array in [*model.W, *model.b]]
    arrays = [*model.W, *model.b]
    numeric = []
    for array in arrays:
        slope = np.empty_like(array)
        for place in np.ndindex(array.shape):
            kept, values = array[place], []
            for h in (1e-5, -1e-5):
                array[place] = kept + h
                values.append(cross_entropy(model.predict(task.x), task.labels))
            array[place] = kept
            slope[place] = (values[0] - values[1]) / 2e-5
        numeric.append(slope)
    model.train(task.rows, 1)
    for old, new, slope in zip(before, arrays, numeric, strict=True):
        np.testing.assert_allclose((old - new) / task.learning_rate, slope, atol=1e-8)


def test_the_binary_network_ends_where_it_should() -> None:
    workload = workloads.get("binary")
    task = workload.task(None, True)
    model = Notebook(task, threads=1)
    assert cross_entropy(model.predict(task.x), task.labels) == pytest.approx(
        0.7850270652, abs=1e-9
    )
    model.train(*task.warm_up)
    assert cross_entropy(model.predict(task.x), task.labels) == pytest.approx(
        workload.loss_after_warm_up, abs=1e-9
    )


NAMES = ["digits-adam-16", "binary", "predict-7", "convnet", "lstm", "width-16", "rows-500"]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_arrives_as_it_was_sent(name: str, tmp_path: Path) -> None:
    task = workloads.get(name).task(None, True)
    task.save(tmp_path / "task.npz")
    other = Task.load(tmp_path / "task.npz")
    for key, value in vars(task).items():
        np.testing.assert_equal(vars(other)[key], value)
    assert other.x.dtype == task.x.dtype == task.dtype
    assert task.rows % task.batch_size == 0
    assert task.steps * task.batch_size == task.rows * task.epochs


def test_a_table_survives_markdown_and_the_terminal() -> None:
    table = report.Table("a", ["x", "y [b]"], [["1|2", "[red]3"]], "About.", ["Note."])
    lines = table.markdown().splitlines()
    assert lines[:3] == ["## a", "", "About."]
    assert lines[4:7] == ["| x | y [b] |", "| --- | ---: |", "| 1\\|2 | [red]3 |"]
    assert lines[-1] == "- Note."
    from rich.console import Console

    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(table.rich())
    assert "[red]3" in console.export_text()
    console.file.close()


# The two figures that are not a step's time.


def test_an_import_that_drags_others_in_is_found_out() -> None:
    statements = {"import numpy": "import numpy", "ours": "import numpy, rich"}
    table, wrong = import_time.measure(1, statements)
    assert wrong
    assert any("FAILED, it imports rich" in note for note in table.notes)
    statements["ours"] = "import numpy, time; time.sleep(0.3)"
    table, wrong = import_time.measure(1, statements)
    assert wrong
    assert any("EXCEEDED" in note for note in table.notes)
    assert not import_time.measure(1, {"import numpy": "import numpy", "ours": "import sys"})[1]


@pytest.mark.slow
def test_steps_are_timed_beside_other_processes() -> None:
    table, _ = contention.measure(rounds=1, seconds=0.3, threads=1)
    assert len(table.rows) == 2 * len(contention.NEIGHBOURS) + 1
    assert all(float(row[-1]) > 0 for row in table.rows)
    assert len(table.notes) == len(contention.NEIGHBOURS)


def test_the_made_images_are_moved_digits(tmp_path: Path) -> None:
    memory.make_files(tmp_path, 5003, None)
    raw = (tmp_path / memory.NAMES[0]).read_bytes()
    assert struct.unpack(">4I", raw[:16]) == (0x803, 5003, 28, 28)
    images = np.frombuffer(raw[16:], np.uint8).reshape(-1, 28, 28)
    labels = np.frombuffer((tmp_path / memory.NAMES[1]).read_bytes()[8:], np.uint8)
    from minidl.datasets import digits

    (x, y), _ = digits.load_data()
    np.testing.assert_array_equal(labels, np.concatenate([y, y[:3]]))
    for made, source in zip(images[4995:], np.concatenate([x, x])[4995:5003], strict=True):
        around = np.pad(source, 2)
        moves = [around[r : r + 28, c : c + 28] for r in range(5) for c in range(5)]
        assert any(np.array_equal(made, moved) for moved in moves)
    again = tmp_path / "again"
    again.mkdir()
    memory.make_files(again, 5003, None)
    assert (again / memory.NAMES[0]).read_bytes() == raw


def test_too_much_memory_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("minidl-read", "minidl-mapped", "notebook")
    table, wrong = memory.measure(contenders=names, rows=320, steps=5, threads=1)
    assert not wrong, table.notes
    assert [row[-1] for row in table.rows] == ["kept", "kept", "for comparison"]
    table, wrong = memory.measure(contenders=names[:1], rows=64, steps=1, threads=1, limit=5)
    assert wrong
    assert table.rows[0][-1] == "OVER"
    monkeypatch.setattr(machine, "available_memory", lambda: 10**8)
    table, wrong = memory.measure(contenders=names[2:], rows=320, threads=1)
    assert table.rows[0][-1] == "not run"
    assert not wrong
