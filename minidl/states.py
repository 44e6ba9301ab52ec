"""What states have to look like that come from a file, checked before anything is put back.

    check = entries(epoch=COUNT, best=optional(NUMBER))
    check({"epoch": -1, "best": None}, "state")    ValueError: state['epoch'] is -1, expected ...

A form is a function of a value and of what the value is called in messages. It raises a
`ValueError` that names the entry, what was received and what was expected, or returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Form = Callable[[Any, str], None]

_LIMIT = 2**53  # up to which every integer is a float64 as well


def _refuse(value: Any, where: str, expected: str) -> ValueError:
    received = repr(value)
    if isinstance(value, np.ndarray):
        received = f"an array of {value.dtype} {value.shape}"
    elif len(received) > 100:
        received = f"{received[:100]}... ({type(value).__name__})"
    return ValueError(f"{where} is {received}, expected {expected}")


def _form(expected: str, fits: Callable[[Any], bool]) -> Form:
    def check(value: Any, where: str) -> None:
        if not fits(value):
            raise _refuse(value, where, expected)

    return check


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 0 <= value < _LIMIT


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return not isinstance(value, int) or abs(value) < 10**300  # a float can hold it


def _is_result(value: Any) -> bool:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "fiub"
    return isinstance(value, bool) or _is_number(value)


COUNT = _form("an integer of at least 0", _is_count)
NUMBER = _form("a number", _is_number)
TEXT = _form("a string", lambda value: isinstance(value, str))
RESULT = _form("a number or an array of numbers", _is_result)


def optional(form: Form) -> Form:
    """Return the form of what may also be None."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            form(value, where)

    return check


def list_of(form: Form) -> Form:
    """Return the form of a list of any length."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list | tuple):
            raise _refuse(value, where, "a list")
        for index, item in enumerate(value):
            form(item, f"{where}[{index}]")

    return check


def dict_of(form: Form) -> Form:
    """Return the form of a dict with any strings as keys."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(value, where, "a dict")
        for name, item in value.items():
            TEXT(name, f"a key of {where}")
            form(item, f"{where}[{name!r}]")

    return check


def entries(**forms: Form) -> Form:
    """Return the form of a dict that has these keys, and perhaps others besides."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(value, where, "a dict")
        for name, form in forms.items():
            if name not in value:
                raise ValueError(f"{where} lacks {name!r}, and has {list(value)}")
            form(value[name], f"{where}[{name!r}]")

    return check


def each(forms: Iterable[Form]) -> Form:
    """Return the form of a list with an item for each of these, in their order."""
    wanted = list(forms)

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list | tuple):
            raise _refuse(value, where, f"a list of {len(wanted)}")
        if len(value) != len(wanted):
            raise ValueError(f"{where} has {len(value)} entries, expected {len(wanted)}")
        for index, (item, form) in enumerate(zip(value, wanted, strict=True)):
            form(item, f"{where}[{index}]")

    return check


def array_for(own: Any) -> Form:
    """Return the form of an array that can be copied into `own`, an array or a parameter."""

    def check(value: Any, where: str) -> None:
        given = np.asarray(value)
        if given.dtype.kind not in "fiub" or given.shape != own.shape:
            raise _refuse(value, where, f"an array of {own.dtype} {own.shape}")
        if not np.can_cast(given.dtype, own.dtype, "same_kind"):
            raise _refuse(value, where, f"an array of {own.dtype} {own.shape}")

    return check
