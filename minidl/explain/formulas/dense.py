"""Dense: a product with a matrix, a bias, an activation."""

from __future__ import annotations

import numpy as np

from minidl.explain.content import Equation
from minidl.explain.formulas import activation
from minidl.explain.formulas.common import Lines, gradients, show, weights
from minidl.explain.numbers import shape
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products
from minidl.kernels.products import product


def forward(call: Call) -> Lines:
    """Tell z = x W + b and y = f(z)."""
    W, b, x = call.value("kernel"), call.value("bias"), call.x
    assert W is not None
    z = product(x, W) if b is None else product(x, W) + b
    f = call.layer.activation
    plus = "" if b is None else " + b"
    sizes = f"{shape(x)} · {shape(W)}" + ("" if b is None else f" + {shape(b)}")
    yield Equation(f"z = x W{plus}", f"{sizes} → {shape(z)}")
    yield from weights(call, "kernel", "bias")
    yield from show("z", z)
    index = call.index if z.shape == call.y.shape else largest(z)
    row, unit = index[:-1], index[-1]
    place = "".join(f"{i}, " for i in row)
    bias = "" if b is None else f" + b[{unit}]"
    yield sum_of_products(
        "z", z, index, f"Σₖ x[{place}k] W[k, {unit}]{bias}",
        zip(x[row], W[:, unit], strict=True), () if b is None else (b[unit],),
    )  # fmt: skip
    yield from activation.forward(f, z, call.y, index)


def backward(call: Call) -> Lines:
    """Tell dz, dW, db and dx."""
    W, b, x, dy = call.value("kernel"), call.value("bias"), call.x, call.dy
    assert W is not None
    z = product(x, W) if b is None else product(x, W) + b
    f = call.layer.activation
    dz = f.backward(f.forward(z)[1], dy)
    yield from show("dy", dy)
    index = call.index if z.shape == dy.shape else largest(dz)
    yield from activation.backward(f, z, dy, dz, index)
    unit = index[-1]
    name = "dy" if activation.is_linear(f) else "dz"
    rows, dz_rows = x.reshape(-1, x.shape[-1]), dz.reshape(-1, dz.shape[-1])
    dW, db = call.gradient("kernel"), call.gradient("bias")
    if dW is not None:
        yield Equation("dW = xᵀ dz", f"{shape(rows.T)} · {shape(dz_rows)} → {shape(dW)}")
        yield from gradients(call, "kernel")
        at = int(np.argmax(np.abs(dW[:, unit])))
        yield sum_of_products(
            "dW", dW, (at, unit), f"Σₙ x[n, {at}] {name}[n, {unit}]",
            zip(rows[:, at], dz_rows[:, unit], strict=True),
        )  # fmt: skip
    if db is not None:
        yield Equation("db = Σₙ dzₙ", "over all rows")
        yield from gradients(call, "bias")
        terms = [(v,) for v in dz_rows[:, unit]]
        yield sum_of_products("db", db, (unit,), f"Σₙ {name}[n, {unit}]", terms)
    if call.gives_dx:
        yield Equation("dx = dz Wᵀ", f"{shape(dz)} · {shape(W.T)} → {shape(call.dx)}")
        yield from show("dx", call.dx)
        at_x = (*index[:-1], int(np.argmax(np.abs(call.dx[index[:-1]]))))
        place = "".join(f"{i}, " for i in index[:-1])
        yield sum_of_products(
            "dx", call.dx, at_x, f"Σⱼ {name}[{place}j] W[{at_x[-1]}, j]",
            zip(dz[index[:-1]], W[at_x[-1]], strict=True),
        )  # fmt: skip
