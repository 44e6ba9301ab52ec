"""Dropout and noise: which numbers were drawn in this very run, and what they did."""

from __future__ import annotations

import numpy as np

from minidl.explain.content import Equation, Note
from minidl.explain.formulas.common import Lines, from_docstring, show
from minidl.explain.numbers import entry
from minidl.explain.recording import Call
from minidl.explain.working import sum_of_products


def forward(call: Call) -> Lines:
    """Tell y = x m / (1 − r) in training, y = x at inference."""
    rate = call.layer.rate
    if call.residuals is None:
        why = "at inference" if not call.training else "its rate is 0"
        yield Equation("y = x", f"nothing is dropped {why}")
        yield from show("y", call.y)
        return
    yield Equation(
        "y = x m / (1 - r)", f"r = {rate}: each number stays with probability {1 - rate:g}"
    )
    kept = (np.asarray(call.residuals) != 0).astype(int)
    yield from show("m", kept, "drawn in this run: 1 stays, 0 goes")
    yield from show("y", call.y)
    index = call.index
    m = int(np.broadcast_to(kept, call.x.shape)[index])
    yield sum_of_products(
        "y",
        call.y,
        index,
        f"{entry('x', index)} · m / (1 - r)",
        [(call.x[index], m, 1 / (1 - rate))],
    )


def backward(call: Call) -> Lines:
    """Tell dx = dy m / (1 − r), with the m of the forward pass."""
    rate = call.layer.rate
    yield from show("dy", call.dy)
    if call.residuals is None:
        yield Equation("dx = dy", "nothing was dropped")
        yield from show("dx", call.dx)
        return
    yield Equation(
        "dx = dy m / (1 - r)", "the m of the forward pass: what was dropped learns nothing"
    )
    yield from show("dx", call.dx)
    if call.gives_dx:
        index = call.index
        m = int(np.broadcast_to(np.asarray(call.residuals) != 0, call.dx.shape)[index])
        yield sum_of_products(
            "dx", call.dx, index, f"{entry('dy', index)} · m / (1 - r)",
            [(call.dy[index], m, 1 / (1 - rate))],
        )  # fmt: skip


def other_forward(call: Call) -> Lines:
    """Tell y of the other noises."""
    if not call.training:
        yield Equation("y = x", "at inference")
        yield from show("y", call.y)
        return
    yield from from_docstring(type(call.layer), "forward")
    yield from show("y", call.y)
    if type(call.layer).__name__ == "GaussianDropout" and call.residuals is not None:
        m = np.broadcast_to(call.residuals, call.x.shape)
        yield from show("m", call.residuals, "drawn in this run")
        index = call.index
        yield sum_of_products("y", call.y, index, "x m", [(call.x[index], m[index])])


def other_backward(call: Call) -> Lines:
    """Tell dx of the other noises."""
    if call.training:
        yield from from_docstring(type(call.layer), "backward")
        yield Note("The draws are those of the forward pass.")
    else:
        yield Equation("dx = dy", "at inference")
    yield from show("dy", call.dy)
    yield from show("dx", call.dx)
