"""The runner's command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import contenders, machine, pictures, report, runner, targets, workloads

OUTPUT = runner.ROOT / "benchmarks" / "results.md"


def main(argv: list[str] | None = None) -> int:
    """Run, print and write; return 0 if all contenders that ran did the same work, else 1."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(argv)
    settings = _settings(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    facts = machine.describe()  # before the run, for its load is not the machine's
    results = runner.run(settings, lambda line: console.print(line, style="dim", markup=False))
    tables = [targets.table(results)]
    wrong = any(result.wrong for result in results)
    breakdown = None
    for also in arguments.also:
        if also == "breakdown":
            table, breakdown = _breakdown(settings)
        else:
            table, over = _ALSO[also](settings)
            wrong = wrong or over
        tables.append(table)
    tables += [report.table(result, settings.reference) for result in results]
    for table in tables:
        console.print()
        console.print(table.rich())
    output = arguments.output or (None if settings.quick else OUTPUT)
    if output:
        command = shlex.join(["python", "-m", "benchmarks", *argv])
        drawn = pictures.draw(results, breakdown, output.with_name("pictures"))
        page = report.page(tables, settings, facts, results, command, drawn)
        output.write_text(page, encoding="utf-8")
        console.print(f"Written: {', '.join(map(str, [output, *drawn]))}", markup=False)
    if settings.quick and not wrong:
        console.print("Quick form: everything above works; its times mean nothing.")
    if wrong:
        console.print("Not all is as it should be: see the notes above.", style="bold red")
    return int(wrong)


def parser() -> argparse.ArgumentParser:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="minidl and its peers, doing the same work in turn.",
    )
    parser.add_argument(
        "--workloads", nargs="+", metavar="NAME",
        help=f"what to measure; by default {', '.join(workloads.DEFAULT)}; in general "
        "digits[-sgd|-adam][-BATCH], binary, predict-ROWS, convnet, lstm, "
        "(batch|width|depth|rows)-N; growth is all of the last kind that belong to the pictures",
    )  # fmt: skip
    parser.add_argument(
        "--contenders", nargs="+", metavar="NAME",
        help=f"who takes part; by default all: {', '.join(contenders.CONTENDERS)}; "
        "module:Class is one of your own",
    )  # fmt: skip
    parser.add_argument("--rounds", type=_positive, help="rounds (default 5; 1 with --quick)")
    parser.add_argument(
        "--threads", type=_positive, default=len(machine.available_cpus()),
        help="threads of every contender (default: as many as processors, here %(default)s)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="show that it works, in tiny sizes")
    parser.add_argument("--data", type=Path, help="folder with MNIST; without it, embedded digits")
    parser.add_argument("--reference", default="minidl", help="whose time is 1 (default minidl)")
    parser.add_argument(
        "--python", action="append", default=[], metavar="[NAME=]EXE",
        help="the interpreter of one contender, or of all others; may be repeated",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help=f"Markdown file (default {OUTPUT.name})")
    parser.add_argument(
        "--also", nargs="+", choices=[*_ALSO, "breakdown"], default=[], help="other figures"
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR",
        help="keep each workload's figures there, and go on from what is there",
    )  # fmt: skip
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one process")
    return parser


def _settings(arguments: argparse.Namespace) -> runner.Settings:
    quick = arguments.quick
    default = [n for n in contenders.CONTENDERS if not (quick and n == "torch-compile")]
    pythons = dict(part.rpartition("=")[::2] for part in arguments.python)
    names = arguments.contenders or default
    named = arguments.workloads or (workloads.QUICK if quick else (*workloads.DEFAULT, "growth"))
    chosen = [n for name in named for n in (workloads.GROWTH if name == "growth" else (name,))]
    try:
        for name in chosen:
            workloads.get(name)
        for name in names:
            if ":" not in name:
                contenders.get(name)
    except ValueError as error:
        raise SystemExit(f"python -m benchmarks: {error}") from None
    return runner.Settings(
        workloads=chosen,
        contenders=names,
        rounds=arguments.rounds or (1 if quick else 5),
        threads=arguments.threads,
        quick=quick,
        data=arguments.data,
        reference=arguments.reference,
        timeout=arguments.timeout,
        store=arguments.store,
        pythons={name: _absolute(python) for name, python in pythons.items()},
    )


def _absolute(python: str) -> str:
    """Return a path that holds in the workers' folder too; a bare name is looked up in PATH."""
    return str(Path(python).absolute()) if "/" in python else python


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"received {text}, expected an integer of at least 1")
    return number


def _import_time(settings: runner.Settings) -> tuple[report.Table, bool]:
    from benchmarks import import_time

    return import_time.measure(rounds=3 if settings.quick else 20)


def _contention(settings: runner.Settings) -> tuple[report.Table, bool]:
    from benchmarks import contention

    rounds, seconds = (1, 0.5) if settings.quick else (5, 3.0)
    table, over = contention.measure(rounds, seconds, settings.threads)
    return table, over and not settings.quick


def _memory(settings: runner.Settings) -> tuple[report.Table, bool]:
    from benchmarks import memory

    return memory.measure(
        data=settings.data,
        quick=settings.quick,
        threads=settings.threads,
        contenders=memory.CONTENDERS[: 2 if settings.quick else 3],
    )


def _cold_start(settings: runner.Settings) -> tuple[report.Table, bool]:
    from benchmarks import cold_start

    python = settings.pythons.get("", sys.executable)
    return cold_start.measure(settings.rounds, settings.threads, python)


def _breakdown(settings: runner.Settings) -> tuple[report.Table, dict[str, dict[str, float]]]:
    from benchmarks import breakdown

    python = settings.pythons.get("", sys.executable)
    return breakdown.measure(settings.rounds, settings.threads, python)


_ALSO = {
    "cold-start": _cold_start,
    "contention": _contention,
    "import-time": _import_time,
    "memory": _memory,
}


if __name__ == "__main__":
    sys.exit(main())
