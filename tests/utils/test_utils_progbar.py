"""Progbar: what it averages, when it draws, and the line it leaves."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from minidl.utils import Progbar, display


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)


def plain(text):
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text)


def last_line(bar_arguments, updates, capsys):
    bar = Progbar(**bar_arguments)
    for update in updates:
        bar.update(*update)
    return capsys.readouterr().out


def test_values_are_averaged_over_the_steps(capsys):
    updates = [(1, [("a", 1.0)]), (4, [("a", 3.0)]), (5, [("b", 2.0)], True)]
    out = last_line({"target": 5}, updates, capsys)
    assert re.fullmatch(r"5/5 - \d+ms - \d+ms/step - a: 2.5000 - b: 2.0000\n", out)


def test_the_last_update_shows_its_own_value(capsys):
    out = last_line({"target": 2}, [(1, [("a", 1.0)]), (2, [("a", 3.0)])], capsys)
    assert out.endswith("a: 3.0000\n")


@pytest.mark.parametrize(
    ("names", "a", "b"),
    [
        ({}, "2.0000", "2.0000"),
        ({"stateful_metrics": ["a"]}, "3.0000", "2.0000"),
        ({"stateless_metrics": ["a"]}, "2.0000", "3.0000"),
        ({"stateless_metrics": []}, "3.0000", "3.0000"),
    ],
)
def test_some_values_are_shown_as_they_come(names, a, b, capsys):
    updates = [(1, [("a", 1), ("b", 1)]), (2, [("a", 3), ("b", 3)]), (3, [("c", 0)])]
    out = last_line({"target": 3, **names}, updates, capsys)
    assert out.endswith(f"a: {a} - b: {b} - c: 0.0000\n")


def test_a_log_gets_only_the_last_line(capsys):
    bar = Progbar(3)
    bar.add(1, [("a", 1.0)])
    bar.add(1)
    assert capsys.readouterr().out == ""
    bar.add(1)
    assert re.fullmatch(r"3/3 - \d+ms - \d+ms/step - a: 1.0000\n", capsys.readouterr().out)


def test_verbose_0_is_silent(capsys):
    assert last_line({"target": 1, "verbose": 0}, [(1, [("a", 1.0)])], capsys) == ""


def test_an_unknown_target_ends_where_it_is_told(capsys):
    out = last_line({"target": None, "unit_name": "file"}, [(1,), (7,), (7, None, True)], capsys)
    assert re.fullmatch(r"7 - \d+ms - \d+ms/file\n", out)


def test_the_bar_in_a_terminal():
    console = terminal()
    bar = Progbar(4, width=8, interval=0, unit_name="file", console=console)
    for step in range(1, 4):
        bar.update(step, [("loss", 0.5)])
    drawn = plain(console.file.getvalue())
    assert re.search(r"━━━━━━╺━ 3/4 [\d,]+ files/s  \d+ms left", drawn)
    assert "loss: 0.5000" in drawn
    bar.update(4)
    out = console.file.getvalue()
    assert out.index("\x1b[?25h") > out.index("\x1b[?25l")
    assert re.search(r"4/4 - \d+ms - \d+ms/file - loss: 0.5000\n$", out)


def test_the_interval_between_two_drawings():
    console = terminal()
    bar = Progbar(1000, interval=1000, console=console)
    bar.update(1)
    size = len(console.file.getvalue())
    assert size
    for step in range(2, 1000):
        bar.update(step)
    assert len(console.file.getvalue()) == size
    bar.close()


def test_close_brings_the_cursor_back():
    console = terminal()
    bar = Progbar(4, console=console)
    bar.close()
    assert console.file.getvalue() == ""
    bar.update(1)
    bar.close()
    assert console.file.getvalue().count("\x1b[?25h") == 1


def test_verbose_2_has_no_bar():
    console = terminal()
    bar = Progbar(2, verbose=2, console=console)
    bar.update(1)
    assert console.file.getvalue() == ""
    bar.update(2)
    assert console.file.getvalue().count("\n") == 1


def test_wrong_arguments():
    with pytest.raises(ValueError, match="both stateful_metrics and stateless_metrics"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ValueError, match="verbose=3"):
        Progbar(1, verbose=3)


# Numbers as text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1.0000"),
        (0, "0.0000"),
        (-0.5, "-0.5000"),
        (1e-3, "1.0000e-03"),
        (0.0011, "0.0011"),
        (-2e-9, "-2.0000e-09"),
        (1e7, "1.0000e+07"),
        (np.float32(0.1), "0.1000"),
        (np.array([1, 2]), "1.5000"),
        (float("nan"), "nan"),
        (-float("inf"), "-inf"),
        ("warm", "warm"),
        (None, "None"),
    ],
)
def test_values(value, text):
    assert display.format_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0994, "99ms"),
        (0.0996, "0.1s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (90000, "25h00m"),
    ],
)
def test_durations(seconds, text):
    assert display.format_duration(seconds) == text


def test_rates_and_time_left_where_they_cannot_be_told():
    assert display.format_rate(0, 1) == display.format_rate(5, 0) == ""
    assert display.format_rate(1, 90) == "1m30s/step"
    assert display.format_rate(10**6, 1) == "1,000,000 steps/s"
    assert display.format_left(0, 5, 1) == display.format_left(6, 5, 1) == ""
    assert display.format_left(5, 5, 1) == "0ms left"
