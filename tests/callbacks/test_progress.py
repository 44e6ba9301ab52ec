"""What a run shows: in a log, in a terminal, in a notebook, and after Ctrl-C."""

import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import types

import pytest
from rich.console import Console

from minidl.callbacks import CallbackList, LambdaCallback, ProgbarLogger, progress
from tests.callbacks.callback_fakes import FakeModel, losses, run

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
RUNNING = {"loss": 0.5, "accuracy": 0.25}


def terminal(width=100):
    return Console(file=io.StringIO(), force_terminal=True, width=width, legacy_windows=False)


def plain(text):
    """Text without colours and cursor movements."""
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text)


def screen(text):
    """The lines that a terminal shows after `text`: newline, return, cursor up, erase line."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|.|\n", text):
        if token == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append("")
        elif token == "\r":
            column = 0
        elif token == "\x1b[2K":
            lines[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d+)A", token):
            row -= int(up[1])
        elif not token.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1 :]
            column += 1
    return [line for line in lines if line.strip()]


@pytest.fixture
def always_due(monkeypatch):
    """Every batch draws the bar."""
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setattr(progress, "_SHARE", float("inf"))


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved: `clock.now += 0.2`."""
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "perf_counter", lambda: clock.now)
    return clock


def started(console, verbose=1, epochs=3, steps=10, others=()):
    """A run of which the first epoch has begun."""
    logger = ProgbarLogger(console)
    together = CallbackList(
        [*others, logger], model=FakeModel(), verbose=verbose, epochs=epochs, steps=steps
    )
    together.on_train_begin()
    together.on_epoch_begin(0)
    return together


# In a file, a pipe or a log


@pytest.mark.parametrize("verbose", [1, True, 2, "auto"])
def test_a_log_gets_one_line_an_epoch_and_no_control_characters(verbose, capsys, always_due):
    logs = [{"loss": 0.12344, "accuracy": 0.96, "val_loss": 2e-5}] * 3
    run([ProgbarLogger()], logs, steps=5, verbose=verbose)
    out = capsys.readouterr().out
    assert re.sub(r"- \d+ms", "- TIME", out).splitlines() == [
        f"Epoch {n}/3 - TIME - loss: 0.1234 - accuracy: 0.9600 - val_loss: 2.0000e-05"
        for n in (1, 2, 3)
    ]
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out)


def test_verbose_0_is_silent(capsys):
    run([ProgbarLogger()], losses(1, 2), verbose=0)
    together = CallbackList(ProgbarLogger(), verbose=0, epochs=1, steps=None)
    together.on_test_begin()
    together.on_test_end({"loss": 1.0})
    together.on_predict_begin()
    together.on_predict_end()
    assert capsys.readouterr().out == ""


def test_a_console_on_a_file_gets_lines_too():
    console = Console(file=io.StringIO())
    run([ProgbarLogger(console)], losses(1), verbose=1)
    assert re.fullmatch(r"Epoch 1/1 - \d+ms - val_loss: 1.0000\n", console.file.getvalue())


def test_a_dumb_terminal_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not CallbackList(ProgbarLogger(terminal()), verbose=1).callbacks[0]._live
    fake = types.SimpleNamespace(isatty=lambda: True, write=len, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", fake)
    assert not CallbackList(ProgbarLogger(), verbose=1).callbacks[0]._live
    monkeypatch.setenv("TERM", "xterm")
    assert CallbackList(ProgbarLogger(), verbose=1).callbacks[0]._live
    assert CallbackList(ProgbarLogger(), verbose="auto").callbacks[0]._live
    assert not CallbackList(ProgbarLogger(), verbose=2).callbacks[0]._live


def test_without_standard_output_nothing_fails(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    run([ProgbarLogger()], losses(1), verbose=1)


def test_in_a_log_no_batch_has_a_listener():
    together = started(Console(file=io.StringIO()))
    assert not together.wants_train_batches
    assert not together.wants_test_batches


def test_the_lines_of_evaluate_and_predict(capsys):
    together = CallbackList(ProgbarLogger(), verbose=2, epochs=1, steps=4)
    together.on_test_begin()
    together.on_test_end({"loss": 0.5, "mae": 0.25})
    together.on_predict_begin()
    together.on_predict_end()
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Evaluate - \d+ms - loss: 0.5000 - mae: 0.2500", first)
    assert re.fullmatch(r"Predict - \d+ms", second)


def test_predict_prints_nothing_unless_asked(capsys):
    together = CallbackList(ProgbarLogger(), verbose="auto", epochs=1, steps=4)
    together.on_predict_begin()
    together.on_predict_batch_end(0, {"outputs": 1})
    together.on_predict_end()
    assert capsys.readouterr().out == ""


def test_a_logger_may_serve_fit_and_then_evaluate(capsys):
    logger = ProgbarLogger()
    run([logger], losses(1), verbose=2)
    together = CallbackList(logger, verbose=2, epochs=1, steps=4)
    together.on_test_begin()
    together.on_test_end({"loss": 0.5})
    assert capsys.readouterr().out.splitlines()[1].startswith("Evaluate - ")


def test_validation_prints_no_line_of_its_own(capsys):
    together = started(None, verbose=2, epochs=2)
    together.on_test_begin()
    together.on_test_end({"loss": 9.0})
    together.on_epoch_end(0, {"loss": 0.5, "val_loss": 9.0})
    out = capsys.readouterr().out
    assert re.fullmatch(r"Epoch 1/2 - \d+ms - loss: 0.5000 - val_loss: 9.0000\n", out)


def test_the_time_of_an_epoch_includes_its_validation(clock, capsys):
    together = started(None, verbose=2)
    clock.now += 75
    together.on_test_begin()
    clock.now += 10
    together.on_test_end({})
    together.on_epoch_end(0, {"loss": 1.0})
    assert capsys.readouterr().out == "Epoch 1/3 - 1m25s - loss: 1.0000\n"


def test_text_and_arrays_in_the_logs_are_shown(capsys):
    run([ProgbarLogger()], [{"loss": float("nan"), "f1": [0.25, 0.75], "phase": "warm"}], verbose=2)
    assert "loss: nan - f1: 0.5000 - phase: warm" in capsys.readouterr().out


# In a terminal


def test_the_bar_has_everything_and_says_what_its_metrics_are(clock):
    console = terminal()
    together = started(console)
    clock.now += 2.0
    together.on_train_batch_end(3, RUNNING)
    first, second = screen(console.file.getvalue())
    assert re.fullmatch(r"Epoch 1/3 ━+╺?━+ 4/10 2.0 steps/s  3.0s left *", first)
    assert second.rstrip() == "running means: loss: 0.5000 - accuracy: 0.2500"
    together.close()


def test_the_bar_goes_and_the_line_stays(always_due):
    console = terminal()
    run([ProgbarLogger(console)], [RUNNING] * 3, steps=4, verbose=1)
    out = console.file.getvalue()
    assert "4/4" in plain(out)
    lines = screen(out)
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert all(line.endswith("loss: 0.5000 - accuracy: 0.2500") for line in lines)
    assert out.count(HIDE) == out.count(SHOW) == 3


def test_unknown_steps(clock):
    console = terminal()
    together = started(console, steps=None)
    clock.now += 2.0
    together.on_train_batch_end(1199, RUNNING)
    (first, _), out = screen(console.file.getvalue()), console.file.getvalue()
    assert re.fullmatch(r"Epoch 1/3 ━+ 1,200 600 steps/s *", first)
    assert "left" not in out
    together.close()


def test_more_steps_than_announced_do_no_harm(always_due):
    console = terminal()
    together = started(console, steps=2)
    together.on_train_batch_end(4, RUNNING)
    assert "5/2" in plain(console.file.getvalue())
    together.close()


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_gets_no_longer_lines(width, always_due):
    console = terminal(width)
    together = started(console)
    together.on_train_batch_end(3, {f"metric_number_{i}": i for i in range(9)})
    drawn = plain(console.file.getvalue())
    assert max(len(line) for line in re.split(r"[\n\r]", drawn)) <= width
    assert len(screen(console.file.getvalue())) == 2
    together.close()
    assert screen(console.file.getvalue()) == []


def test_markup_in_names_is_shown_as_it_is(clock):
    console = terminal()
    together = started(console)
    clock.now += 1
    together.on_train_batch_end(3, {"[red]f1[/red]": 0.5})
    assert "running means: [red]f1[/red]: 0.5000" in plain(console.file.getvalue())
    together.close()


def test_what_a_callback_prints_stands_above_the_bar(always_due, monkeypatch):
    console = terminal()
    console.file.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", console.file)
    together = started(console, others=[LambdaCallback(on_epoch_end=lambda *_: print("note"))])
    together.on_train_batch_end(3, RUNNING)
    together.on_epoch_end(0, RUNNING)
    together.close()
    lines = screen(console.file.getvalue())
    assert lines[0].rstrip() == "note"
    assert lines[1].startswith("Epoch 1/3 - ")


def test_a_bar_is_drawn_only_every_tenth_of_a_second(clock):
    console = terminal()
    together = started(console)
    drawn = []
    for step in range(10):
        clock.now += 0.04
        if together.wants_train_batches:
            together.on_train_batch_end(step, RUNNING)
            drawn.append(step)
    assert drawn == [2, 5, 8]
    together.close()


def test_called_more_often_it_still_draws_only_when_due(clock):
    console = terminal()
    together = started(console)
    clock.now += 0.2
    together.on_train_batch_end(0, RUNNING)
    size = len(console.file.getvalue())
    for step in range(1, 10):
        together.on_train_batch_end(step, RUNNING)
    assert len(console.file.getvalue()) == size
    together.close()


def test_a_slow_terminal_is_drawn_less_often(clock):
    """Drawing that takes 50 ms is paid back by 2.5 s without."""

    class Slow:
        drawn = 0

        def show(self, *args):
            Slow.drawn += 1
            clock.now += 0.05

        def clear(self):
            pass

    together = started(terminal())
    together.callbacks[0]._bar = Slow()
    for step in range(100):
        clock.now += 0.1
        together.on_train_batch_end(step, RUNNING)
    assert Slow.drawn == 4


def test_a_batch_that_is_not_due_costs_next_to_nothing():
    together = started(terminal())
    together.callbacks[-1]._next = float("inf")
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for step in range(500):
            together.on_train_batch_begin(step)
            if together.wants_train_batches:
                together.on_train_batch_end(step, {})
        best = min(best, (time.perf_counter() - start) / 500)
    assert best < 3e-6  # 0.3 µs where nothing else runs


def test_a_quick_epoch_draws_no_bar():
    console = terminal()
    run([ProgbarLogger(console)], [RUNNING] * 2, steps=3, verbose="auto")
    assert len(console.file.getvalue().splitlines()) == 2
    assert "\x1b" not in console.file.getvalue()


def test_validation_goes_on_in_the_bar(clock):
    console = terminal()
    together = started(console)
    clock.now += 1
    together.on_train_batch_end(9, RUNNING)
    together.on_test_begin()
    assert not together.wants_test_batches
    clock.now += 0.5
    assert together.wants_test_batches
    together.on_test_batch_end(4, RUNNING)
    first = screen(console.file.getvalue())[0]
    assert re.fullmatch(r"Epoch 1/3, validation ━+ 5 10 steps/s *", first)
    together.on_test_end(RUNNING)
    together.on_epoch_end(0, RUNNING)
    together.on_epoch_begin(1)
    clock.now += 1
    together.on_train_batch_end(0, RUNNING)
    assert screen(console.file.getvalue())[1].startswith("Epoch 2/3 ")
    together.close()


@pytest.mark.parametrize("phase", ["test", "predict"])
def test_evaluate_and_predict_have_a_bar_too(phase, clock):
    console = terminal()
    together = CallbackList(ProgbarLogger(console), verbose=1, epochs=1, steps=8)
    getattr(together, f"on_{phase}_begin")()
    clock.now += 1
    assert getattr(together, f"wants_{phase}_batches")
    getattr(together, f"on_{phase}_batch_end")(3, {"loss": 0.5})
    drawn = screen(console.file.getvalue())
    title = {"test": "Evaluate", "predict": "Predict"}[phase]
    assert re.fullmatch(rf"{title} ━+╺?━+ 4/8 4.0 steps/s  1.0s left *", drawn[0])
    assert ("running means" in plain(console.file.getvalue())) == (phase == "test")
    getattr(together, f"on_{phase}_end")({})
    assert screen(console.file.getvalue()) == [f"{title} - 1.0s"]


def test_predict_within_fit_takes_the_place_of_its_bar(always_due):
    console = terminal()

    def titles():
        return [line.split()[0] for line in screen(console.file.getvalue())]

    together = started(console)
    together.on_train_batch_end(0, RUNNING)
    assert titles() == ["Epoch", "running"]
    within = CallbackList(ProgbarLogger(console), verbose="auto", epochs=1, steps=2)
    within.on_predict_begin()
    within.on_predict_batch_end(0, {})
    assert titles() == ["Predict"]
    within.on_predict_end()
    within.close()
    assert titles() == []
    together.on_train_batch_end(1, RUNNING)
    assert titles() == ["Epoch", "running"]
    together.close()
    assert titles() == []


# However it ends


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_bar_goes_and_the_cursor_comes_back_after_an_error(error, always_due):
    console = terminal()

    def fail(epoch, logs):
        raise error

    with pytest.raises(error):
        run([LambdaCallback(on_epoch_end=fail), ProgbarLogger(console)], [RUNNING], verbose=1)
    out = console.file.getvalue()
    assert out.count(HIDE) == out.count(SHOW) == 1
    assert screen(out) == []


def test_close_can_be_called_again_and_without_a_bar(always_due):
    console = terminal()
    together = started(console)
    together.close()
    assert console.file.getvalue() == ""
    together = started(console)
    together.on_train_batch_end(0, RUNNING)
    together.close()
    size = len(console.file.getvalue())
    together.close()
    assert len(console.file.getvalue()) == size
    assert not together.wants_train_batches


def test_a_logger_that_is_let_go_of_restores_the_terminal(always_due):
    console = terminal()
    together = started(console)
    together.on_train_batch_end(0, RUNNING)
    assert SHOW not in console.file.getvalue()
    del together
    assert SHOW in console.file.getvalue()
    assert screen(console.file.getvalue()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_in_a_real_terminal():
    """A process in a pseudo-terminal trains, is interrupted, and leaves the terminal clean."""
    import pty

    program = textwrap.dedent(
        """
        import signal, sys, time
        from minidl.callbacks import CallbackList
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        run = CallbackList(add_progbar=True, verbose="auto", epochs=1, steps=1000)
        try:
            run.on_train_begin()
            run.on_epoch_begin(0)
            while not run.wants_train_batches:
                time.sleep(0.01)
            run.on_train_batch_end(5, {"loss": 0.5})
            print("drawn", file=sys.stderr, flush=True)
            time.sleep(60)
        finally:
            run.close()
        """
    )
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(theirs)
    out = b""
    try:
        assert child.stderr.readline() == b"drawn\n"
        child.send_signal(signal.SIGINT)
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end was closed
                break
            if not part:
                break
            out += part
        errors = child.communicate(timeout=20)[1]
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    text = out.decode().replace("\r\n", "\n")
    assert b"KeyboardInterrupt" in errors
    assert "6/1,000" in text
    assert text.rindex(SHOW) > text.rindex(HIDE)
    assert screen(text) == []


def test_rich_is_not_imported_where_no_bar_is_drawn():
    program = textwrap.dedent(
        """
        import sys
        from minidl.callbacks import CallbackList
        run = CallbackList(add_progbar=True, verbose="auto", epochs=1, steps=1)
        run.on_train_begin(); run.on_epoch_begin(0); run.on_epoch_end(0, {"loss": 1.0})
        run.close()
        assert not {"rich", "difflib", "csv"} & set(sys.modules)
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


# In a notebook


class OutStream(io.StringIO):
    """Stands for the standard output that a notebook's kernel sets."""


OutStream.__module__ = "ipykernel.iostream"


def notebook(monkeypatch):
    """Pretend to run in one; returns what it shows, a list with all states of each display."""
    displays = []

    def display(data, raw, display_id):
        assert raw
        assert display_id
        states = [data["text/plain"]]
        displays.append(states)
        return types.SimpleNamespace(update=lambda new, raw: states.append(new["text/plain"]))

    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(sys, "stdout", OutStream())
    return displays


def test_a_notebook_has_one_bar_in_one_place_and_the_lines(monkeypatch, always_due):
    shown = notebook(monkeypatch)
    run([ProgbarLogger()], [RUNNING] * 3, steps=4, verbose="auto")
    (states,) = shown
    bar = re.compile(
        r"Epoch 1/3  ━{10}─{10}  2/4  [\d,]+ steps/s  \d+ms left\n"
        r"running means: loss: 0.5000 - accuracy: 0.2500"
    )
    assert bar.fullmatch(states[1])
    assert states[-1] == ""
    lines = sys.stdout.getvalue().splitlines()
    assert [line[:9] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert "\x1b" not in sys.stdout.getvalue()


def test_unknown_steps_in_a_notebook(monkeypatch, clock):
    shown = notebook(monkeypatch)
    together = CallbackList(ProgbarLogger(), verbose=1, epochs=1, steps=None)
    together.on_predict_begin()
    clock.now += 1
    together.on_predict_batch_end(4, {})
    assert shown == [["Predict  5  5.0 steps/s"]]
    together.close()
    assert shown[0][-1] == ""
