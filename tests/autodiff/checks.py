"""How a function's gradient is compared with the differences of the function itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.autodiff import vjp
from minidl.autodiff.trees import leaves
from minidl.gradcheck.compare import Mismatch, Problem, compare
from minidl.gradcheck.report import Part


def outputs(call: Callable[..., Any], inputs: list[Any]) -> Any:
    """Return all floating outputs in one row."""
    found = [np.ravel(y) for y in leaves(call(*inputs)) if y.dtype.kind == "f"]
    return np.concatenate(found) if found else np.zeros(0)


def is_float(x: Any) -> bool:
    """Return whether x is an array of floats, traced or not."""
    return hasattr(x, "dtype") and x.dtype.kind == "f"


def of_floats(call: Callable[..., Any], inputs: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Return the row of outputs as a function of the floating inputs alone, and those."""
    places = [i for i, x in enumerate(inputs) if is_float(x)]

    def function(*floats: Any) -> Any:
        whole = list(inputs)
        for place, x in zip(places, floats, strict=True):
            whole[place] = x
        return outputs(call, whole)

    return function, [inputs[i] for i in places]


def gradients(call: Callable[..., Any], inputs: Any, dy: Any) -> list[Any]:
    """Return the gradient of dy · outputs for each floating input."""
    function, floats = of_floats(call, inputs)
    return list(vjp(function, *floats)[1](dy))


def check_gradients(
    call: Callable[..., Any], inputs: list[Any], tolerance: float = 1e-6, entries: int = 12
) -> list[Part]:
    """Compare all gradients with differences, entry by entry; the worst error must be small."""
    inputs = [np.array(x) if isinstance(x, np.ndarray | np.generic) else x for x in inputs]
    rng = np.random.default_rng(0)
    dy = rng.standard_normal(outputs(call, inputs).shape)
    floats = [x for x in inputs if is_float(x)]
    found = gradients(call, inputs, dy)
    parts = []
    for number, (x, dx) in enumerate(zip(floats, found, strict=True)):
        assert dx.shape == x.shape
        assert dx.dtype == x.dtype
        problem = Problem(x, lambda: outputs(call, inputs), dy, rng, tolerance, entries)
        result = compare(f"dx{number}", problem, np.asarray(dx))
        assert not isinstance(result, Mismatch), result
        parts.append(result)
    return parts
