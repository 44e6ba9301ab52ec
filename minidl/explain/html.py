"""An explanation as HTML: a card a step, arrays as tables whose cells are coloured by size."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from minidl.explain.content import Equation, Explanation, Item, Note, Numbers, Step, Worked
from minidl.explain.numbers import number, table

_STYLE = """
.minidl-explain{font:14px/1.5 system-ui,sans-serif;color:#1a1a2e;background:#fff;max-width:60rem;
 margin:0 auto;padding:.5rem}
.minidl-explain h1{font-size:1.25rem;margin:.4rem 0 .8rem}
.minidl-explain details{border:1px solid #d8dbe8;border-left:4px solid #5566cc;border-radius:6px;
 margin:.6rem 0;padding:.4rem .8rem}
.minidl-explain details.loss{border-left-color:#8a4fbf}
.minidl-explain details.backward{border-left-color:#d9662b}
.minidl-explain details.update{border-left-color:#2e8b57}
.minidl-explain summary{cursor:pointer;font-weight:600}
.minidl-explain summary small{font-weight:400;color:#667;text-transform:uppercase;
 letter-spacing:.05em;margin-right:.6rem}
.minidl-explain .equation,.minidl-explain .worked{font-family:ui-monospace,Menlo,Consolas,monospace;
 white-space:pre-wrap;margin:.3rem 0}
.minidl-explain .equation{background:#f1f3fb;padding:.15rem .5rem;border-radius:4px}
.minidl-explain .worked{border-left:3px solid #e3c34a;background:#fffbea;padding:.2rem .6rem}
.minidl-explain .aside{color:#667;font-family:system-ui,sans-serif;margin-left:1.2rem}
.minidl-explain .note{margin:.3rem 0;color:#445}
.minidl-explain .array{display:flex;align-items:center;flex-wrap:wrap;gap:.5rem;margin:.35rem 0}
.minidl-explain .symbol{font-family:ui-monospace,Menlo,Consolas,monospace;font-weight:600}
.minidl-explain table{border-collapse:collapse;border:solid #889;
 border-width:0 2px;border-radius:4px;margin:0}
.minidl-explain td{padding:.05rem .5rem;text-align:right;border:0;color:#1a1a2e;
 font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px}
"""


def page(explanation: Explanation) -> str:
    """Return a whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(explanation.title)}</title></head>\n<body>\n{fragment(explanation)}\n"
        "</body></html>\n"
    )


def fragment(explanation: Explanation) -> str:
    """Return what stands within a page: for a notebook's cell."""
    steps = "\n".join(map(_step, explanation.steps))
    return (
        f'<div class="minidl-explain"><style>{_STYLE}</style>\n'
        f"<h1>{escape(explanation.title)}</h1>\n{steps}\n</div>"
    )


def _step(step: Step) -> str:
    items = "\n".join(map(_item, step.items))
    return (
        f'<details class="{escape(step.phase)}" open><summary><small>{escape(step.phase)}</small>'
        f"{escape(step.title)}</summary>\n{items}\n</details>"
    )


def _item(item: Item) -> str:
    if isinstance(item, Note):
        return f'<p class="note">{escape(item.text)}</p>'
    if isinstance(item, Equation):
        return f'<div class="equation">{escape(item.text)}{_aside(item.aside)}</div>'
    if isinstance(item, Numbers):
        return _numbers(item)
    return _worked(item)


def _aside(text: str) -> str:
    return f'<span class="aside">{escape(text)}</span>' if text else ""


def _worked(item: Worked) -> str:
    space = " " * len(item.symbol)
    lines = [f"{item.symbol} = {item.letters}"]
    result = number(item.result)
    if item.numbers != result:
        lines.append(f"{space} = {item.numbers}")
    text = "\n".join(escape(line) for line in lines)
    return f'<div class="worked">{text}\n{space} = <b>{escape(result)}</b></div>'


def _numbers(item: Numbers) -> str:
    shown = table(item.symbol, item.values, item.axes)
    largest = _largest(item.values)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_colour(value, largest)}>{escape(text)}</td>"
            for text, value in zip(texts, values, strict=True)
        )
        + "</tr>"
        for texts, values in zip(shown.rows, shown.values, strict=True)
    )
    aside = ", ".join(part for part in (item.aside, shown.where) if part)
    return (
        f'<div class="array"><span class="symbol">{escape(item.symbol)} =</span>'
        f"<table>{rows}</table>{_aside(aside)}</div>"
    )


def _largest(values: Any) -> float:
    values = np.asarray(values)
    if values.size == 0 or values.dtype.kind not in "fiub":
        return 0.0
    return float(np.abs(values.astype(np.float64)).max())


def _colour(value: Any, largest: float) -> str:
    """Return the style of a cell: blue below zero, orange above, paler towards zero."""
    if value is None or not largest or not np.isfinite(largest):
        return ""
    share = min(abs(float(value)) / largest, 1.0) * 0.45
    if share < 0.01:
        return ""
    colour = "217,102,43" if value > 0 else "85,102,204"
    return f' style="background:rgba({colour},{share:.2f})"'
