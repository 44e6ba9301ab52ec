"""The update to come: from the parameters' gradients to the values that they will have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import optimizers
from minidl._typing import Array
from minidl.explain.content import Equation, Item, Note, Step
from minidl.explain.equations import equations_of
from minidl.explain.formulas.common import float64, from_docstring, kernel_axes, letter, show
from minidl.explain.numbers import factor, number
from minidl.explain.working import largest, sum_of_products, value

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


def told(model: Any, parts: dict[int, list[tuple[str, Array]]]) -> list[Step]:
    """Return a step for the optimizer and one for every parameter, and take the update.

    Arguments:
        model: a copy, after the backward pass.
        parts: of each parameter's gradient, and the layers that they are from.
    """
    optimizer = model.optimizer
    parameters = model.trainable_weights
    if not parameters:
        return [Step("update", "no parameter is trained", [Note("So nothing changes.")])]
    penalised = {}
    for p in parameters:
        if p.regularizer is not None:
            penalised[id(p)] = np.asarray(p.regularizer.gradient(p.value)).copy()
            p.grad += penalised[id(p)]
    before = {id(p): p.value.copy() for p in parameters}
    gradients = {id(p): p.grad.copy() for p in parameters}
    slots = {id(p): {n: a.copy() for n, a in optimizer._slots.of(p).items()} for p in parameters}
    rate, count = optimizer.learning_rate, int(optimizer.iterations)
    optimizer.step()
    steps = [_rule(optimizer, rate, count)]
    for p in parameters:
        items = list(_summed(p, parts.get(id(p), []), penalised.get(id(p)), gradients[id(p)]))
        name = letter(p)
        axes = kernel_axes(p.value)
        items += show(f"{name} before", before[id(p)], axes=axes)
        items += show(f"{name} after", p.value.copy(), axes=axes)
        items += _worked(
            optimizer, p, name, before[id(p)], gradients[id(p)], slots[id(p)], rate, count
        )
        steps.append(Step("update", p.path, items))
    return steps


def _rule(optimizer: Any, rate: float, count: int) -> Step:
    items = _equations(optimizer)
    items.append(Note(f"Step {count + 1}: η = {number(rate)}, and g is the parameter's gradient."))
    clips = ((kind, getattr(optimizer, kind)) for kind in _CLIPS)
    items += [
        Note(f"Gradients are clipped first: {kind} = {limit}.")
        for kind, limit in clips
        if limit is not None
    ]
    if optimizer.weight_decay:
        items.append(Equation("value ← value - η λ value first", f"λ = {optimizer.weight_decay}"))
    if optimizer.gradient_accumulation_steps:
        items.append(
            Note(
                f"An update follows every {optimizer.gradient_accumulation_steps} steps, from the "
                "mean of their gradients."
            )
        )
    return Step("update", type(optimizer).__name__, items)


def _equations(optimizer: Any) -> list[Item]:
    if type(optimizer) is optimizers.SGD:
        mu = optimizer.momentum
        if not mu:
            return [Equation("value ← value - η g")]
        step = "value ← value + μ m - η g" if optimizer.nesterov else "value ← value + m"
        return [Equation("m ← μ m - η g", f"μ = {number(mu)}"), Equation(step)]
    found = equations_of(type(optimizer))
    phase = "forward" if found.forward else "backward"
    return list(from_docstring(type(optimizer), phase)) or [Equation("value ← update(value, g)")]


def _summed(p: Any, parts: list[Any], penalty: Any, gradient: Array) -> list[Item]:
    """Tell what a gradient was added up from, where it is more than one call's."""
    name = f"d{letter(p)}"
    pieces = [(f"from {owner!r}", part) for owner, part in parts]
    if penalty is not None:
        pieces.append((f"of the penalty, {type(p.regularizer).__name__}", penalty))
    items: list[Item] = list(show(name, gradient, axes=kernel_axes(gradient)))
    if len(pieces) < 2:
        return items
    items.insert(0, Equation(f"{name} = " + " + ".join(f"[{whose}]" for whose, _ in pieces)))
    at = _at(gradient)
    letters = " + ".join(f"[{whose}]" for whose, _ in pieces)
    items.append(sum_of_products(name, gradient, at, letters, [(part[at],) for _, part in pieces]))
    return items


def _at(gradient: Array) -> tuple[int, ...]:
    """Return the index of the largest entry."""
    if gradient.ndim == 0:
        return ()
    return largest(gradient[np.newaxis])[1:]


def _worked(
    optimizer: Any,
    p: Any,
    name: str,
    before: Array,
    gradient: Array,
    slots: Any,
    rate: float,
    count: int,
) -> list[Item]:
    """Work an entry of the update through, for the rules that fit in a line."""
    if not gradient.size or not _is_plain(optimizer) or p.constraint is not None:
        return []
    at = _at(gradient)
    w, g = float(before[at]), float(gradient[at])
    decay = rate * (optimizer.weight_decay or 0.0)
    shrunk = w - decay * w
    first = number(w) if not decay else f"{number(w)}·(1 - {number(decay)})"
    symbol = f"{name} after"
    kind = type(optimizer)
    if kind is optimizers.SGD and not optimizer.momentum:
        numbers = f"{first} - {number(rate)}·{factor(g)}"
        return [value(symbol, p.value, at, f"{name} - η g", numbers, shrunk - rate * g)]
    if kind is optimizers.SGD:
        mu, m = optimizer.momentum, float(slots["momentum"][at])
        new = mu * m - rate * g
        step = mu * new - rate * g if optimizer.nesterov else new
        numbers = f"{first} + {factor(step)}"
        said = Equation(
            f"m = {number(mu)}·{factor(m)} - {number(rate)}·{factor(g)} = {number(new)}",
            "for the same entry",
        )
        return [said, value(symbol, p.value, at, f"{name} + step", numbers, shrunk + step)]
    if isinstance(optimizer, optimizers.Adam) and kind.update is optimizers.Adam.update:
        return _adam(optimizer, p, symbol, name, at, shrunk, first, g, slots, rate, count)
    return []


def _is_plain(optimizer: Any) -> bool:
    """Return whether an update hangs on the entry's own gradient alone, and happens at all."""
    clips = (optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
    undecayed = optimizer._undecayed or optimizer._undecayed_names
    averaged = optimizer.use_ema and optimizer.ema_overwrite_frequency
    accumulates = optimizer.gradient_accumulation_steps
    return not (any(c is not None for c in clips) or undecayed or averaged or accumulates)


def _adam(
    optimizer: Any, p: Any, symbol: str, name: str, at: Any, w: float, first: str, g: float,
    slots: Any, rate: float, count: int,
) -> list[Item]:  # fmt: skip
    b1, b2 = optimizer.beta_1, optimizer.beta_2
    if optimizer.amsgrad:
        return []
    m = float64(slots["momentum"])[at]
    v = float64(slots["velocity"])[at]
    m, v = m + (1 - b1) * (g - m), v + (1 - b2) * (g * g - v)
    t = count + 1
    alpha = rate * math.sqrt(1 - b2**t) / (1 - b1**t)
    said = Equation(
        f"m = {number(m)}, v = {number(v)}, α = {number(alpha)}", f"for the same entry, t = {t}"
    )
    numbers = f"{first} - {number(alpha)}·{factor(m)} / (√{number(v)} + {optimizer.epsilon})"
    result = w - alpha * m / (math.sqrt(v) + optimizer.epsilon)
    return [said, value(symbol, p.value, at, f"{name} - α m / (√v + ε)", numbers, result)]
