"""How far this library and Keras are apart, class by class: the worst differences seen in a run.

A layer goes by its name, `Dense`; a class of another family by family and name, `losses.Huber`.
Parts "written" and "read" are predictions of models that went through a `.keras` file, part "onnx"
is how far ONNX Runtime is from the layer on what `export` wrote of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from minidl import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from minidl.registry import snake_case


class ParityTable:
    """Takes down every comparison of the test that is running.

    Attributes:
        layer: the layer that the running test is about, if it is about one.
        differences: the worst difference by class, part and dtype. A layer's parts are "y", "dx",
            "dθ", "written", "read" and "onnx".
        tests: how many tests have compared each class with Keras.
        comparisons: how many comparisons were made, of classes that are not layers.
    """

    def __init__(self) -> None:
        self.layer: str | None = None
        self.differences: dict[str, dict[str, dict[str, float]]] = {}
        self.tests: dict[str, int] = {}
        self.comparisons: dict[str, int] = {}
        self._noted: set[str] = set()  # by the running test

    def observe(self, what: str, dtype: str, ours: Any, theirs: Any) -> None:
        """Take down one comparison; the difference is relative to the largest number, or to 1."""
        if self.layer is None or np.shape(ours) != np.shape(theirs) or not np.size(ours):
            return
        self._add(self.layer, _part(what), dtype, relative_difference(ours, theirs))

    def compare(self, name: str, part: str, ours: Any, theirs: Any, dtype: str = "") -> None:
        """Take down one comparison of a class that is no layer, such as `"losses.Huber"`.

        Arguments:
            part: what is compared, such as `"value"` or `"gradient"`.
            dtype: by default that of our array.
        """
        dtype = dtype or np.asarray(ours).dtype.name
        same_shape = np.shape(ours) == np.shape(theirs) and np.size(ours)
        self.note(name, part, dtype, relative_difference(ours, theirs) if same_shape else 0.0)

    def note(self, name: str, part: str, dtype: str, difference: float = 0.0) -> None:
        """Take down one comparison whose difference is known, or which was one of behavior."""
        self._noted.add(name)
        self.comparisons[name] = self.comparisons.get(name, 0) + 1
        self._add(name, part, dtype, float(difference))

    def _add(self, name: str, part: str, dtype: str, difference: float) -> None:
        parts = self.differences.setdefault(name, {}).setdefault(part, {})
        parts[dtype] = max(difference, parts.get(dtype, 0.0))

    def count(self) -> None:
        """Count a test that is over."""
        for name in [*self._noted, *([self.layer] if self.layer else [])]:
            self.tests[name] = self.tests.get(name, 0) + 1
        self._noted = set()

    def found(self) -> dict[str, Any]:
        """Return everything by class, as plain dicts."""
        return {
            name: {
                "tests": self.tests.get(name, 0),
                "comparisons": self.comparisons.get(name, 0),
                "differences": self.differences.get(name, {}),
            }
            for name in sorted({*self.tests, *self.differences})
        }

    def merge(self, found: dict[str, Any]) -> None:
        """Add what another process has found."""
        for name, of_class in found.items():
            self.tests[name] = self.tests.get(name, 0) + of_class["tests"]
            self.comparisons[name] = self.comparisons.get(name, 0) + of_class["comparisons"]
            for part, by_dtype in of_class["differences"].items():
                for dtype, difference in by_dtype.items():
                    self._add(name, part, dtype, difference)

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


FAMILIES: dict[str, tuple[Any, type]] = {
    "activations": (activations, activations.Activation),
    "losses": (losses, losses.Loss),
    "metrics": (metrics, metrics.Metric),
    "optimizers": (optimizers, optimizers.Optimizer),
    "schedules": (optimizers.schedules, optimizers.schedules.LearningRateSchedule),
    "initializers": (initializers, initializers.Initializer),
    "regularizers": (regularizers, regularizers.Regularizer),
    "constraints": (constraints, constraints.Constraint),
    "callbacks": (callbacks, callbacks.Callback),
}
"""Where the classes of each family are, and their base."""


def public_members() -> list[str]:
    """Return family and name of every public class that is no layer, and no family's base."""
    return [
        f"{family}.{name}"
        for family, (module, base) in FAMILIES.items()
        for name in sorted(
            {
                value.__name__
                for key, value in vars(module).items()
                if isinstance(value, type)
                and issubclass(value, base)
                and value is not base
                and not key.startswith("_")
            }
        )
    ]


def relative_difference(ours: Any, theirs: Any) -> float:
    """Return the worst difference, relative to the largest number or to 1."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    scale = max(1.0, float(np.abs(theirs).max()))
    return float(np.abs(ours - theirs).max()) / scale


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
    # Signatures are compared of every class, whatever it computes; Identity is an initializer too.
    others = ("test_signatures", "test_initializers")
    return hasattr(item, "callspec") and not any(name in item.nodeid for name in others)


def _part(what: str) -> str:
    if what in ("onnx", "written", "read"):
        return what
    if what.startswith(("dx", "gradient of input")):
        return "dx"
    return "y" if re.match(r"(y|output|state|scores)\b", what) else "dθ"
