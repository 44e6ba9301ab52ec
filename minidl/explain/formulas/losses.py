"""The loss of each output and its gradient, from the values of the samples to one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, config
from minidl import losses as all_losses
from minidl._typing import Array
from minidl.explain.content import Equation, Item, Note, Step
from minidl.explain.equations import equations_of
from minidl.explain.formulas.activation import softmax_entry
from minidl.explain.formulas.common import Lines, float64, from_docstring, show
from minidl.explain.numbers import entry, factor, number
from minidl.explain.working import largest, sum_of_products, value
from minidl.models.batches import Batch


def told(
    objective: Any, batch: Batch, outputs: list[Array], penalties: list[Any], gradients: bool
) -> list[Step]:
    """Return a step for the loss of each output, and one for their sum where there are several."""
    steps = []
    total, values = objective.value(batch, outputs)
    for index, head in enumerate(objective.heads):
        if head.loss is None:
            continue
        arguments = objective._arguments(batch, index, outputs)
        items = list(_loss(head, arguments, values[index], gradients))
        title = type(head.loss).__name__ + (f" of {head.name!r}" if len(outputs) > 1 else "")
        steps.append(Step("loss", title, items))
    whole = [_sum(objective, values, penalties, total)]
    return steps + [step for step in whole if step is not None]


def _sum(objective: Any, values: list[float], penalties: list[Any], total: float) -> Step | None:
    heads = [(h, v) for h, v in zip(objective.heads, values, strict=True) if h.loss is not None]
    weighted = [(h.weight, v) for h, v in heads]
    if len(heads) == 1 and heads[0][0].weight == 1.0 and not penalties:
        return None
    total += sum(amount for _, amount in penalties)
    items: list[Item] = [Equation("L = Σ weight · loss + penalties")]
    items += [Note(f"Penalty: {name}: {number(amount)}.") for name, amount in penalties]
    terms = [(w, v) if w != 1.0 else (v,) for w, v in weighted]
    plus = [amount for _, amount in penalties]
    letters = " + ".join(f"loss of {h.name!r}" for h, _ in heads) + " + penalty" * len(plus)
    items.append(sum_of_products("L", np.float64(total), (), letters, terms, plus))
    return Step("loss", "the whole loss", items)


def _loss(head: Any, arguments: tuple[Any, ...], total: float, gradients: bool) -> Lines:
    loss = head.logits_loss or head.loss
    y_true, given = arguments[:2]
    if head.logits_loss is not None:
        name = type(head.activation).__name__.lower()
        yield Note(
            f"The model's {name} and this loss are one step, computed from the logits z: it is "
            "stable where the two apart are not, and its gradient is short."
        )
    weight = arguments[2] if len(arguments) > 2 else None
    targets, predictions = loss.prepare(y_true, given)
    values = np.asarray(loss.call(targets, predictions))
    weights, scale = (
        loss._weigh(values, targets, *arguments[2:]) if not loss._is_own() else (None, 1)
    )
    dy = float64(loss.backward(*arguments))
    at = largest(dy)
    sample = at[: values.ndim]
    work = _WORKED.get(type(loss).__name__, _generic)
    yield from work(loss, targets, predictions, values, sample)
    if loss._is_own():
        yield from show("L", np.asarray(total))
    else:
        yield from show("values", values, "one a sample" if values.ndim == 1 else "")
        if weight is not None:
            yield from show("w", np.asarray(weight), "the sample weights")
        yield from _reduced(values, weights, scale, total)
    if not gradients:
        return
    factor_ = scale * head.weight
    if weights is not None:
        w = float(np.asarray(weights).reshape(-1)[0]) if np.ndim(weights) == 0 else float(
            np.broadcast_to(weights, values.shape)[sample]
        )  # fmt: skip
        factor_ *= w
    letter = "dz" if head.logits_loss is not None else "dy"
    yield from _gradient(loss, targets, predictions, values, dy * head.weight, at, factor_, letter)
    if head.weight != 1.0:
        yield Note(
            f"The loss counts {number(head.weight)} times in the whole, and so does {letter}."
        )


def _reduced(values: Array, weights: Any, scale: float, total: float) -> Lines:
    """Tell how the values became one number."""
    flat = values.reshape(-1)
    w = None if weights is None else np.broadcast_to(weights, values.shape).reshape(-1)
    divisor = "" if scale == 1.0 else f" / {number(1 / scale)}" if scale else " · 0"
    letters = ("Σ values" if w is None else "Σ w · values") + divisor
    if len(flat) == 1 and w is None and scale == 1.0:
        yield value("L", np.float64(total), (), "values[0]", number(flat[0]), flat[0])
        return
    terms = [(v,) for v in flat] if w is None else list(zip(w, flat, strict=True))
    times = None if scale == 1.0 else scale
    yield sum_of_products("L", np.float64(total), (), letters, terms, times=times)


# The single losses: the value of one sample


def _generic(loss: Any, y: Array, p: Array, values: Array, at: tuple[int, ...]) -> Lines:
    yield from from_docstring(type(loss), "forward")
    if not equations_of(type(loss)).forward:
        yield Equation("values = loss(y_true, y_pred)")
    yield from show("y_pred", p)


def _squared(loss: Any, y: Array, p: Array, values: Array, at: tuple[int, ...]) -> Lines:
    squared = isinstance(loss, all_losses.MeanSquaredError)
    inner = "e²" if squared else "|e|"
    yield Equation("e = y_pred - y_true")
    yield Equation(f"values = 1/D Σ {inner}", f"D = {p.shape[-1]}, over the last axis")
    yield from show("e", p - y)
    row = (float64(p) - float64(y))[at]
    texts = [f"{factor(v)}²" if squared else f"|{number(v)}|" for v in row[:4]]
    more = f" + [{len(row) - 4} more terms]" if len(row) > 4 else ""
    numbers = f"({' + '.join(texts)}{more}) / {len(row)}"
    result = (row**2 if squared else np.abs(row)).mean()
    yield value("values", values, at, f"1/D Σ {inner}", numbers, result)


def _binary(loss: Any, y: Array, p: Array, values: Array, at: tuple[int, ...]) -> Lines:
    if loss.label_smoothing:
        yield Note(f"The targets are smoothed by α = {number(loss.label_smoothing)}.")
    if loss.from_logits:
        yield Equation(
            "values = 1/D Σ [max(z, 0) - z y + log(1 + exp(-|z|))]",
            "= -log of the probability of y",
        )
        yield from show("p = σ(z)", activations.sigmoid(p))
    else:
        yield Equation("values = -1/D Σ [y log p + (1 - y) log(1 - p)]")
    if p.shape[loss.axis] != 1 or loss.axis not in (-1, p.ndim - 1):
        return
    here = (*at, 0)
    target = float(y[here]) * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    if loss.from_logits:
        z = float(p[here])
        result = max(z, 0) - z * target + np.log1p(np.exp(-abs(z)))
        numbers = (
            f"max({number(z)}, 0) - {factor(z)}·{number(target)} + log(1 + exp(-|{number(z)}|))"
        )
        letters = "max(z, 0) - z y + log(1 + exp(-|z|))"
    else:
        q = min(max(float(p[here]), config.epsilon()), 1 - config.epsilon())
        result = -(target * np.log(q) + (1 - target) * np.log(1 - q))
        numbers = (
            f"-({number(target)}·log({number(q)}) + {number(1 - target)}·log({number(1 - q)}))"
        )
        letters = "-(y log p + (1 - y) log(1 - p))"
    yield value("values", values, at, letters, numbers, result)


def _classes(loss: Any, y: Array, p: Array, values: Array, at: tuple[int, ...]) -> Lines:
    sparse = isinstance(loss, all_losses.SparseCategoricalCrossentropy)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if smoothing:
        yield Note(f"The targets are smoothed by α = {number(smoothing)}.")
    if loss.axis not in (-1, p.ndim - 1):
        yield from _generic(loss, y, p, values, at)
        return
    z = float64(p)
    if loss.from_logits:
        yield Equation("p = softmax(z)", "exp(z - max z) / Σ exp(z - max z)")
        probabilities = activations.softmax(p)
        yield from show("z", p)
        yield from show("p", probabilities)
    else:
        probabilities = p / p.sum(axis=-1, keepdims=True)
    yield Equation(
        "values = -log p[k]" if sparse else "values = -Σ y log p",
        "k is the class" if sparse else "",
    )
    q = float64(probabilities)[at]
    target = _one_hot(y, p)[at] * (1 - smoothing) + smoothing / p.shape[-1]
    if sparse and getattr(loss, "ignore_class", None) is not None:
        return
    k = int(np.argmax(target))
    if loss.from_logits:
        row = z[at]
        yield from softmax_entry("p", probabilities, (*at, k), "z", row, row[k], row.max())
    clipped = q if loss.from_logits else np.clip(q, config.epsilon(), 1 - config.epsilon())
    kept = np.flatnonzero(target)
    terms = [
        f"{number(target[j])}·log({number(clipped[j])})"
        if target[j] != 1
        else f"log({number(clipped[j])})"
        for j in kept[:4]
    ]
    numbers = (
        f"-{terms[0]}"
        if len(terms) == 1
        else f"-({' + '.join(terms)}{' + …' if len(kept) > 4 else ''})"
    )
    with np.errstate(divide="ignore"):
        result = -float((target[kept] * np.log(clipped[kept])).sum())
    letters = (
        f"-log {entry('p', (*at, k))}" if len(kept) == 1 and target[k] == 1 else "-Σⱼ yⱼ log pⱼ"
    )
    yield value("values", values, at, letters, numbers, result)


def _one_hot(y: Array, p: Array) -> Array:
    """Return targets as rows of numbers, one a class."""
    if y.shape == p.shape:
        return float64(y)
    labels = y.reshape(p.shape[:-1]).astype(int)
    return float64(np.arange(p.shape[-1]) == labels[..., np.newaxis])


_WORKED = {
    "MeanSquaredError": _squared,
    "MeanAbsoluteError": _squared,
    "BinaryCrossentropy": _binary,
    "CategoricalCrossentropy": _classes,
    "SparseCategoricalCrossentropy": _classes,
}


# Their gradients


def _gradient(
    loss: Any,
    y: Array,
    p: Array,
    values: Array,
    dy: Array,
    at: tuple[int, ...],
    scale: float,
    d: str,
) -> Lines:
    """Tell the gradient, with an entry worked through where the loss is one of the common ones."""
    name = type(loss).__name__
    dy = dy.reshape(p.shape)
    smoothing = float(getattr(loss, "label_smoothing", 0.0))
    simple = getattr(loss, "axis", -1) in (-1, p.ndim - 1)
    classes = isinstance(
        loss, all_losses.CategoricalCrossentropy | all_losses.SparseCategoricalCrossentropy
    )
    ignored = getattr(loss, "ignore_class", None) is not None
    times = f"{number(scale)} · " if scale != 1.0 else ""
    if name in ("MeanSquaredError", "MeanAbsoluteError"):
        e = float(p[at]) - float(y[at])
        D = p.shape[-1]
        inner, slope = (
            ("2/D e", 2 / D * e) if "Squared" in name else ("1/D sign(e)", np.sign(e) / D)
        )
        yield Equation(f"{d} = {inner} / N", "N the number of values; with weights, times w")
        yield from show(d, dy)
        written = f"2/{D}·{factor(e)}" if "Squared" in name else f"1/{D}·sign({number(e)})"
        letters = inner if scale == 1.0 else f"{inner} / N"
        yield value(d, dy, at, letters, f"{times}{written}", slope * scale)
        return
    if (
        loss_from_logits(loss)
        and simple
        and not ignored
        and (classes or name == "BinaryCrossentropy")
    ):
        D = 1 if classes else p.shape[-1]
        turn = activations.softmax if classes else activations.sigmoid
        q = float64(turn(float64(p)))
        target = _one_hot(y, p) if classes else float64(y)
        rest = smoothing / p.shape[-1] if classes else smoothing / 2
        target = target * (1 - smoothing) + rest
        whole = target.sum(axis=-1, keepdims=True) if classes else 1.0
        divisor = "batch" if scale and abs(1 / scale - len(p)) < 1e-9 else "N"
        aside = f"1/{divisor} = {number(scale)}" if scale != 1.0 else "one sample"
        yield Equation(f"{d} = (p - y) / {divisor}" + (f" / {D}" if D > 1 else ""), aside)
        yield from show(d, dy)
        numbers = f"({number(q[at])} - {factor(target[at])})" + (f" / {D}" if D > 1 else "")
        ones = np.broadcast_to(whole, p.shape)[at]
        yield value(
            d, dy, at, f"(p - y)[{', '.join(map(str, at))}] / {divisor}", f"{times}{numbers}",
            (q[at] * ones - target[at]) / D * scale,
        )  # fmt: skip
        return
    yield from from_docstring(type(loss), "backward")
    yield Equation(f"{d} = gradient / N", f"times {number(scale)} here" if scale != 1.0 else "")
    yield from show(d, dy)


def loss_from_logits(loss: Any) -> bool:
    """Return whether a loss takes logits."""
    return bool(getattr(loss, "from_logits", False))
