"""An explanation as plain text, to be read in a terminal or printed on paper."""

from __future__ import annotations

import textwrap

from minidl.explain.content import Equation, Explanation, Item, Note, Numbers, Step, Worked
from minidl.explain.numbers import number, table

_INDENT = "    "
_WIDTH = 92
_ASIDE_AT = 46  # the column where what belongs to an equation begins


def render(explanation: Explanation) -> str:
    """Return the text."""
    lines = [explanation.title, "=" * len(explanation.title)]
    for step in explanation.steps:
        lines += ["", *_step(step)]
    return "\n".join(lines)


def _step(step: Step) -> list[str]:
    lines = [f"{step.phase.upper()} · {step.title}"]
    for item in step.items:
        lines += [f"{_INDENT}{line}".rstrip() for line in _item(item)]
    return lines


def _item(item: Item) -> list[str]:
    if isinstance(item, Note):
        return textwrap.wrap(item.text, _WIDTH)
    if isinstance(item, Equation):
        if not item.aside:
            return [item.text]
        return [f"{item.text:<{_ASIDE_AT}}  {item.aside}"]
    if isinstance(item, Numbers):
        return _numbers(item)
    return _worked(item)


def _numbers(item: Numbers) -> list[str]:
    shown = table(item.symbol, item.values, item.axes)
    widths = [max(map(len, column)) for column in zip(*shown.rows, strict=True)]
    rows = [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in shown.rows
    ]
    begin = f"{item.symbol} = "
    aside = ", ".join(part for part in (item.aside, shown.where) if part)
    lines = [f"{begin if i == 0 else ' ' * len(begin)}[ {row} ]" for i, row in enumerate(rows)]
    if not lines:
        lines = [f"{begin}[ ]"]
    if aside:
        lines[0] = f"{lines[0]:<{_ASIDE_AT}}  {aside}"
    return lines


def _worked(item: Worked) -> list[str]:
    space = " " * len(item.symbol)
    lines = [f"{item.symbol} = {item.letters}"]
    result = number(item.result)
    if item.numbers != result:
        lines.append(f"{space} = {item.numbers}")
    lines.append(f"{space} = {result}")
    return lines
