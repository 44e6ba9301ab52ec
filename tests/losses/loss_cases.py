"""Every loss with its settings, and how to draw targets and predictions off its kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl import losses

Array = Any
Draw = Callable[[np.random.Generator, tuple[int, ...]], tuple[Array, Array]]


class Case(NamedTuple):
    make: Callable[..., losses.Loss]
    draw: Draw

    @property
    def id(self) -> str:
        loss = self.make()
        config = loss.get_config()
        plain = {"name", "reduction", "dtype"}
        default = type(loss)().get_config()
        settings = [f"{k}={v}" for k, v in config.items() if k not in plain and v != default[k]]
        return "-".join([type(loss).__name__, *settings])


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Errors of 0.05 to 3 on either side, none within 0.05 of 1 (Huber's kink)."""
    y = rng.normal(size=shape) * 2
    size = np.where(
        rng.random(shape) < 0.5, rng.uniform(0.05, 0.95, shape), rng.uniform(1.05, 3, shape)
    )
    return y, y + size * rng.choice([-1, 1], shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Positive targets, positive predictions."""
    return rng.uniform(0.1, 3, shape), rng.uniform(0.1, 3, shape)


def partly_negative(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Targets and predictions on both sides of zero, off zero itself."""
    sign = rng.choice([-1, 1], shape)
    return rng.normal(size=shape), sign * rng.uniform(0.1, 3, shape)


def margins(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Targets of −1 and 1; margins off 1."""
    y = rng.choice([-1.0, 1.0], shape)
    y.flat[0] = -1.0
    margin = np.where(
        rng.random(shape) < 0.6, rng.uniform(-2, 0.9, shape), rng.uniform(1.1, 3, shape)
    )
    return y, y * margin


def bits_with_margins(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The same with targets of 0 and 1."""
    y, p = margins(rng, shape)
    return (y + 1) / 2, p


def bits(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Targets of 0 and 1, and soft ones; probabilities."""
    soft = rng.random(shape)
    y = np.where(rng.random(shape) < 0.7, np.round(soft), soft)
    return y, rng.uniform(0.02, 0.98, shape)


def bits_beyond(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Targets of 0 and 1; predictions of which some are no probabilities and are clipped."""
    y, p = bits(rng, shape)
    return y, p + rng.choice([-1, 0, 1], shape)


def bits_and_logits(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return bits(rng, shape)[0], rng.normal(size=shape) * 3


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of which no two are closer than 0.05, so that a maximum is not at a kink."""
    size = int(np.prod(shape))
    return (rng.permutation(size) * 0.1 - size * 0.05 + rng.uniform(0, 0.05, size)).reshape(shape)


def one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    labels = rng.integers(0, shape[-1], shape[:-1])
    return np.eye(shape[-1])[labels]


def rows_and_scores(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return one_hot(rng, shape), distinct(rng, shape) + 0.0123


def rows(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """One-hot rows and soft ones, some that do not add up to 1; probabilities likewise."""
    y = one_hot(rng, shape)
    if rng.random() < 0.5:
        y = y * rng.uniform(0.5, 2, (*shape[:-1], 1)) + rng.random(shape) * 0.1
    p = rng.uniform(0.05, 1, shape)
    return y, p / p.sum(-1, keepdims=True) if rng.random() < 0.5 else p


def distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    y, p = rng.uniform(0.05, 0.9, shape), rng.uniform(0.05, 0.9, shape)
    return y / y.sum(-1, keepdims=True), p / max(1.0, p.max() * 1.05)


def rows_and_logits(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return rows(rng, shape)[0], rng.normal(size=shape) * 3


def labels(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.integers(0, shape[-1], shape[:-1]), rows(rng, shape)[1]


def labels_and_logits(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.integers(0, shape[-1], shape[:-1]), rng.normal(size=shape) * 3


def some_unknown(draw: Draw) -> Draw:
    """The same with about a third of the labels −1."""

    def draw_some(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
        y, p = draw(rng, shape)
        return np.where(rng.random(y.shape) < 0.3, -1, y), p

    return draw_some


def classes_first(draw: Draw) -> Draw:
    """The same with the classes along axis 1."""

    def draw_moved(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
        y, p = draw(rng, shape)
        same = y.shape == p.shape
        return (np.moveaxis(y, -1, 1) if same else y), np.moveaxis(p, -1, 1)

    return draw_moved


def with_settings(cls: type[losses.Loss], **settings: Any) -> Callable[..., losses.Loss]:
    return lambda **more: cls(**settings, **more)


_BCE, _CCE = losses.BinaryCrossentropy, losses.CategoricalCrossentropy
_SCCE = losses.SparseCategoricalCrossentropy
_BFCE, _CFCE = losses.BinaryFocalCrossentropy, losses.CategoricalFocalCrossentropy

CASES = [
    Case(losses.MeanSquaredError, numbers),
    Case(losses.MeanAbsoluteError, numbers),
    Case(losses.MeanAbsolutePercentageError, numbers),
    Case(losses.MeanSquaredLogarithmicError, positive),
    Case(losses.MeanSquaredLogarithmicError, partly_negative),
    Case(losses.Huber, numbers),
    Case(with_settings(losses.Huber, delta=0.03), numbers),
    Case(losses.LogCosh, numbers),
    Case(losses.CosineSimilarity, partly_negative),
    Case(with_settings(losses.CosineSimilarity, axis=1), classes_first(partly_negative)),
    Case(losses.Hinge, margins),
    Case(losses.Hinge, bits_with_margins),
    Case(losses.SquaredHinge, margins),
    Case(losses.SquaredHinge, bits_with_margins),
    Case(losses.CategoricalHinge, rows_and_scores),
    Case(losses.KLDivergence, distributions),
    Case(losses.Poisson, positive),
    Case(_BCE, bits),
    Case(_BCE, bits_beyond),
    Case(with_settings(_BCE, label_smoothing=0.2), bits),
    Case(with_settings(_BCE, from_logits=True), bits_and_logits),
    Case(with_settings(_BCE, from_logits=True, label_smoothing=0.2), bits_and_logits),
    Case(with_settings(_BCE, from_logits=True, axis=1), classes_first(bits_and_logits)),
    Case(_CCE, rows),
    Case(with_settings(_CCE, label_smoothing=0.1), rows),
    Case(with_settings(_CCE, from_logits=True), rows_and_logits),
    Case(with_settings(_CCE, from_logits=True, label_smoothing=0.1), rows_and_logits),
    Case(with_settings(_CCE, axis=1), classes_first(rows)),
    Case(with_settings(_CCE, from_logits=True, axis=1), classes_first(rows_and_logits)),
    Case(_SCCE, labels),
    Case(with_settings(_SCCE, ignore_class=-1), some_unknown(labels)),
    Case(with_settings(_SCCE, from_logits=True), labels_and_logits),
    Case(with_settings(_SCCE, from_logits=True, ignore_class=-1), some_unknown(labels_and_logits)),
    Case(with_settings(_SCCE, from_logits=True, ignore_class=0), labels_and_logits),
    Case(with_settings(_SCCE, axis=1), classes_first(labels)),
    Case(with_settings(_SCCE, from_logits=True, axis=1), classes_first(labels_and_logits)),
    Case(_BFCE, bits),
    Case(with_settings(_BFCE, apply_class_balancing=True, gamma=0.5), bits),
    Case(with_settings(_BFCE, gamma=0.0), bits),
    Case(with_settings(_BFCE, from_logits=True, label_smoothing=0.2), bits_and_logits),
    Case(_CFCE, rows),
    Case(with_settings(_CFCE, gamma=0.5, label_smoothing=0.1), rows),
    Case(with_settings(_CFCE, gamma=0.0), rows),
    Case(with_settings(_CFCE, from_logits=True), rows_and_logits),
]

IDS = [f"{case.id}-{case.draw.__name__}" for case in CASES]
