"""Recurrent layers: the last step of the first sample, gate by gate, and its way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array
from minidl.explain.content import Equation, Note
from minidl.explain.formulas.activation import WRITTEN_OUT, fill
from minidl.explain.formulas.common import LETTERS, Lines, float64, from_docstring, show
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import sum_of_products, value

BLOCKS = {"SimpleRNNCell": ("h",), "LSTMCell": ("i", "f", "g", "o"), "GRUCell": ("z", "r", "ĥ")}
"""The blocks of columns of a cell's kernels, in order."""


def forward(call: Call) -> Lines:
    """Tell the equations, and the last step for one unit."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield from _weights(call)
    yield from show("y", call.y)
    if reason := _not_worked(call):
        yield Note(f"No step is worked through: {reason}.")
        return
    step = Step(call)
    steps = len(step.xs)
    yield Note(f"The last step, {steps} of {steps}, of sample 0, for unit {step.unit}:")
    yield from show("xₜ", step.xs[-1])
    for name, state in zip(("hₜ₋₁", "cₜ₋₁"), step.before, strict=False):
        yield from show(name, state)
    yield from step.told()


def backward(call: Call) -> Lines:
    """Tell the equations, the gradients, and how dx of the last step comes from its gates."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    yield from show("dy", call.dy)
    for parameter in call.parameters():
        symbol = LETTERS.get(parameter.name, parameter.name)
        yield from show(f"d{symbol}", call.gradient(parameter), parameter.path)
    yield from show("dx", call.dx)
    if not call.gives_dx or isinstance(call.dx, list) or _not_worked(call):
        return
    yield from _last_dx(call)


def _weights(call: Call) -> Lines:
    for parameter in call.layer.weights:
        symbol = LETTERS.get(parameter.name, parameter.name)
        yield from show(symbol, call.value(parameter), parameter.path)


def _not_worked(call: Call) -> str:
    """Return why a step is not worked through, or nothing."""
    layer = call.layer
    if call.mask is not None:
        return "a mask holds states"
    if isinstance(call.x, list):
        return "the first states are given"
    if layer.states is not None:
        return "the first states are those of the batch before"
    if call.training and (layer.cell.dropout or layer.cell.recurrent_dropout):
        return "dropout is on"
    if type(layer.cell).__name__ == "GRUCell" and not layer.cell.reset_after:
        return "reset_after is off"
    if type(layer.cell).__name__ not in BLOCKS:
        return "the cell is one of your own"
    return ""


class Step:
    """The last step of the first sample, computed anew with all digits."""

    def __init__(self, call: Call) -> None:
        layer = call.layer
        cell = self.cell = layer.cell
        self.call = call
        self.W, self.U = self._value(cell.kernel), self._value(cell.recurrent_kernel)
        self.b = None if cell.bias is None else self._value(cell.bias)
        x = float64(call.x[0])
        self.xs = x[::-1] if layer.go_backwards else x
        count = 2 if type(cell).__name__ == "LSTMCell" else 1
        states = [np.zeros(cell.units) for _ in range(count)]
        for xt in self.xs:
            self.before = states
            states = self._next(xt, states)
        self.after = states
        y = call.y[0] if isinstance(call.y, list) else call.y
        self.y = y
        self.at: tuple[int, ...] = (0, y.shape[1] - 1) if layer.return_sequences else (0,)
        self.unit = int(np.argmax(np.abs(y[self.at])))

    def _value(self, parameter: Any) -> Array:
        found = self.call.value(parameter)
        assert found is not None
        return float64(found)

    def _gates(self, x: Array, h: Array) -> Array:
        """Return what the activations get, a row a block."""
        units = self.cell.units
        a = x @ self.W + h @ self.U
        if self.b is not None:
            a = a + (self.b[0] + self.b[1] if self.b.ndim == 2 else self.b)
        return a.reshape(-1, units)

    def _inner(self, h: Array) -> Array:
        """Return hₜ₋₁ U + b' of a GRU's candidate."""
        u = h @ self.U + (0.0 if self.b is None else self.b[1])
        return u.reshape(-1, self.cell.units)[2]

    def _next(self, x: Array, states: list[Array]) -> list[Array]:
        f, sigma = _function(self.cell.activation), None
        if hasattr(self.cell, "recurrent_activation"):
            sigma = _function(self.cell.recurrent_activation)
        h = states[0]
        a = self._gates(x, h)
        self.a = a
        if sigma is None:
            self.gates = f(a)
            return [self.gates[0]]
        if len(states) == 2:
            i, keep, o = sigma(a[0]), sigma(a[1]), sigma(a[3])
            g = f(a[2])
            c = keep * states[1] + i * g
            self.gates = np.stack([i, keep, g, o])
            return [o * f(c), c]
        z, r = sigma(a[0]), sigma(a[1])
        inner = self._inner(h)
        candidate = a[2] - inner + r * inner
        self.a = np.stack([a[0], a[1], candidate])
        new = f(candidate)
        self.gates = np.stack([z, r, new])
        return [z * h + (1 - z) * new]

    def told(self) -> Lines:
        """Tell the gates of one unit and its new state."""
        names = BLOCKS[type(self.cell).__name__]
        k, units = self.unit, self.cell.units
        for block, name in enumerate(names):
            column = block * units + k
            h = self.before[0]
            if name == "ĥ":
                yield from self._candidate(column)
                continue
            terms = [*zip(self.xs[-1], self.W[:, column], strict=True)]
            terms += zip(h, self.U[:, column], strict=True)
            bias = () if self.b is None else tuple(np.atleast_2d(self.b)[:, column])
            a = self.a[block]
            yield sum_of_products(
                f"a_{name}", a, (k,), f"xₜ W[:, {column}] + hₜ₋₁ U[:, {column}]"
                + (" + b" if bias else ""), terms, bias,
            )  # fmt: skip
            yield self._activated(name, block)
        yield self._new_state()

    def _candidate(self, column: int) -> Lines:
        k = self.unit
        inner = float(self._inner(self.before[0])[k])
        r = float(self.gates[1, k])
        x_part = float(self.a[2, k]) - r * inner
        yield sum_of_products(
            "a_ĥ", self.a[2], (k,), f"xₜ W[:, {column}] + b + r (hₜ₋₁ U[:, {column}] + b')",
            [(x_part,), (r, inner)],
        )  # fmt: skip
        yield self._activated("ĥ", 2)

    def _activated(self, name: str, block: int) -> Any:
        of_gate = name in ("i", "f", "o", "z", "r")
        f = self.cell.recurrent_activation if of_gate else self.cell.activation
        k = self.unit
        a = float(self.a[block, k])
        pattern = WRITTEN_OUT.get(type(f).__name__, f"{f.__name__}({{}})")
        symbol = "hₜ" if name == "h" else name
        result: Any = self.gates[block]
        index: tuple[int, ...] = (k,)
        if name == "h":
            result, index, symbol = self.y, (*self.at, k), "y"
        inside = "a_h" if name == "h" else f"a_{name}"
        numbers = fill(pattern, a)
        return value(symbol, result, index, pattern.format(inside), numbers, _function(f)(a))

    def _new_state(self) -> Any:
        k, kind = self.unit, type(self.cell).__name__
        if kind == "SimpleRNNCell":
            return Note("hₜ is the output y.")
        at = (*self.at, k)
        if kind == "GRUCell":
            z, new, h = self.gates[0, k], self.gates[2, k], self.before[0][k]
            text = f"{number(z)}·{factor(h)} + (1 - {number(z)})·{factor(new)}"
            return value("y", self.y, at, "z hₜ₋₁ + (1 - z) ĥ", text, z * h + (1 - z) * new)
        i, f, g, o = self.gates[:, k]
        before, c = self.before[1][k], self.after[1][k]
        name = self.cell.activation.__name__
        text = (
            f"{number(o)}·{name}({number(c)}),  "
            f"cₜ = {number(f)}·{factor(before)} + {number(i)}·{factor(g)} = {number(c)}"
        )
        result = o * _function(self.cell.activation)(c)
        return value("y", self.y, at, f"o {name}(cₜ),  cₜ = f cₜ₋₁ + i g", text, result)


def _function(f: activations.Activation) -> Any:
    def apply(a: Any) -> Any:
        array = float64(a)
        result = f.forward(np.atleast_1d(array).copy())[0]
        return result if array.ndim else float(result[0])

    return apply


def _last_dx(call: Call) -> Lines:
    """Work dx of the last step through, back from dy by the gates' gradients."""
    step = Step(call)
    layer = call.layer
    dy = call.dy[0] if isinstance(call.dy, list) else call.dy
    if layer.return_state or dy is None:
        return
    dh = float64(dy[step.at])
    da = _gate_gradients(step, dh)
    place = 0 if layer.go_backwards else call.x.shape[1] - 1
    feature = int(np.argmax(np.abs(call.dx[0, place])))
    yield Note("Back through the last step of sample 0, where dhₜ is what dy says:")
    yield from show("da", da.reshape(len(da), -1), f"a row a block: {', '.join(_names(step))}")
    yield Equation("dxₜ = daₜ Wᵀ")
    terms = zip(da.ravel(), step.W[feature], strict=True)
    letters = f"Σⱼ da[j] W[{feature}, j]"
    yield sum_of_products("dx", call.dx, (0, place, feature), letters, terms)


def _names(step: Step) -> tuple[str, ...]:
    return BLOCKS[type(step.cell).__name__]


def _slope(f: activations.Activation, a: Array) -> Array:
    return f.backward(f.forward(a.copy())[1], np.ones_like(a))


def _gate_gradients(step: Step, dh: Array) -> Array:
    """Return the gradients of what the activations get, a row a block."""
    cell, a, gates = step.cell, step.a, step.gates
    phi = cell.activation
    if len(gates) == 1:
        return (_slope(phi, a[0]) * dh)[np.newaxis]
    sigma = cell.recurrent_activation
    if len(gates) == 4:
        i, _, g, o = gates
        c_before, c = step.before[1], step.after[1]
        dc = dh * o * _slope(phi, c)
        return np.stack(
            [
                _slope(sigma, a[0]) * dc * g,
                _slope(sigma, a[1]) * dc * c_before,
                _slope(phi, a[2]) * dc * i,
                _slope(sigma, a[3]) * dh * _function(phi)(c),
            ]
        )
    z, _, new = gates
    h = step.before[0]
    d_new = _slope(phi, a[2]) * dh * (1 - z)
    d_r = _slope(sigma, a[1]) * d_new * step._inner(h)
    return np.stack([_slope(sigma, a[0]) * dh * (h - new), d_r, d_new])
