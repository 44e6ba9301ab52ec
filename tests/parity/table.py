"""How far this library and Keras are apart, layer by layer: the worst differences seen in a run.

Part "onnx" is how far ONNX Runtime is from the layer on what `export` wrote of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from minidl import layers
from minidl.registry import snake_case


class ParityTable:
    """Takes down every comparison of the test that is running.

    Attributes:
        layer: the layer that the running test is about, if it is about one.
        differences: the worst difference by layer, part ("y", "dx", "dθ", "onnx") and dtype.
        tests: how many tests have compared each layer with Keras.
    """

    def __init__(self) -> None:
        self.layer: str | None = None
        self.differences: dict[str, dict[str, dict[str, float]]] = {}
        self.tests: dict[str, int] = {}

    def observe(self, what: str, dtype: str, ours: Any, theirs: Any) -> None:
        """Take down one comparison; the difference is relative to the largest number, or to 1."""
        if self.layer is None or np.shape(ours) != np.shape(theirs) or not np.size(ours):
            return
        scale = max(1.0, float(np.abs(theirs).max()))
        difference = float(np.abs(np.asarray(ours) - np.asarray(theirs)).max()) / scale
        parts = self.differences.setdefault(self.layer, {}).setdefault(_part(what), {})
        parts[dtype] = max(difference, parts.get(dtype, 0.0))

    def count(self) -> None:
        """Count a test that is over."""
        if self.layer is not None:
            self.tests[self.layer] = self.tests.get(self.layer, 0) + 1

    def found(self) -> dict[str, Any]:
        """Return everything by layer, as plain dicts."""
        return {
            name: {"tests": self.tests.get(name, 0), "differences": self.differences.get(name, {})}
            for name in sorted({*self.tests, *self.differences})
        }

    def merge(self, found: dict[str, Any]) -> None:
        """Add what another process has found."""
        for name, of_layer in found.items():
            self.tests[name] = self.tests.get(name, 0) + of_layer["tests"]
            for part, by_dtype in of_layer["differences"].items():
                parts = self.differences.setdefault(name, {}).setdefault(part, {})
                for dtype, difference in by_dtype.items():
                    parts[dtype] = max(difference, parts.get(dtype, 0.0))

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self.found(), indent=1, ensure_ascii=False), encoding="utf-8")


TABLE = ParityTable()


def public_layers() -> set[str]:
    """Return the class names of all public layers; an alias is no layer of its own."""
    return {
        value.__name__
        for key, value in vars(layers).items()
        if isinstance(value, type) and issubclass(value, layers.Layer) and not key.startswith("_")
    } - {"Layer"}


def layer_of(item: Any) -> str | None:
    """Return the layer that a test is about: its case's name, its parameter, or its own name."""
    for value in item.callspec.params.values() if _has_cases(item) else ():
        name = getattr(value, "name", value)
        found = re.match(r"\w+", name) if isinstance(name, str) else None
        cls = getattr(layers, found.group(), None) if found else None
        if isinstance(cls, type) and issubclass(cls, layers.Layer):
            return cls.__name__
    for name in sorted(public_layers(), key=len, reverse=True):
        if re.match(rf"test_{snake_case(name)}(_|\[|$)", item.name):
            return name
    return None


def _has_cases(item: Any) -> bool:
    # Signatures are compared of every class, whatever it computes.
    return hasattr(item, "callspec") and "signatures" not in item.nodeid


def _part(what: str) -> str:
    if what == "onnx":
        return what
    if what.startswith(("dx", "gradient of input")):
        return "dx"
    return "y" if re.match(r"(y|output|state|scores)\b", what) else "dθ"
