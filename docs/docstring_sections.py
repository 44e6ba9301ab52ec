"""Fits minidl's docstrings to the renderer: a griffe extension, used by mkdocs alone.

The docstrings are written to be read in the source. Three of their habits are turned here into
what the renderer of Google-style docstrings knows: `Example:` becomes `Examples:`, an argument
line `a, b: text` becomes a line for each name, and `Shapes:` becomes a literal block.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SHARED = re.compile(r"^(?P<indent> +)(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)+): (?P<text>.*)$")


def rewritten(docstring: str) -> str:
    """Return a docstring with sections as the renderer expects them."""
    lines: list[str] = []
    source = docstring.splitlines()
    position = 0
    in_arguments = False
    while position < len(source):
        line = source[position]
        position += 1
        if re.match(r"\w[\w ]*:$", line):
            in_arguments = line in ("Arguments:", "Attributes:", "Raises:")
            line = {"Example:": "Examples:", "Shapes:": "Shapes:\n"}.get(line, line)
        shared = _SHARED.match(line) if in_arguments else None
        if shared is None:
            lines.append(line)
            continue
        text = [shared["text"]]
        while position < len(source) and source[position].startswith(shared["indent"] + " "):
            text.append(source[position])
            position += 1
        for name in shared["names"].split(", "):
            lines += [f"{shared['indent']}{name}: {text[0]}", *text[1:]]
    return "\n".join(lines)


class DocstringSections(griffe.Extension):
    """Rewrites every docstring as it is collected."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)
