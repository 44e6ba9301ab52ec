"""Checking losses and regularizers: functions that give a number, and their gradients."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.gradcheck.compare import Problem
from minidl.gradcheck.diagnosis import Clues
from minidl.gradcheck.inputs import random_array
from minidl.gradcheck.report import GradientError, Report
from minidl.gradcheck.subject import title_of
from minidl.gradcheck.verdict import check_gradient
from minidl.losses import Loss
from minidl.regularizers import Regularizer

REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none")
ENTRIES = 100


def check_loss(
    loss: Loss,
    y_true: Any = None,
    y_pred: Any = None,
    sample_weight: Any = None,
    *,
    tolerance: float = 1e-6,
    seed: int = 0,
    entries: int = ENTRIES,
) -> Report:
    """Check a loss: its gradient with respect to y_pred, with and without weights.

    Every reduction is checked, that of `loss` and the others. A loss with a `backward` or
    `__call__` of its own is checked with its own reduction alone, and without weights where it
    takes none.

    Arguments:
        loss: a `Loss`.
        y_true: targets; without them, one-hot rows, or class numbers for a sparse loss.
        y_pred: predictions off the loss's kinks; probabilities if left out.
        sample_weight: weights for the weighted check; random ones with a zero if left out.
        tolerance: the relative error that passes.
        seed: of what is random.
        entries: a y_pred of up to this size is checked entry by entry.

    Returns:
        A report with a row for each reduction, unweighted and weighted.

    Raises:
        GradientError: if the gradient is wrong, is of another shape or dtype than y_pred, does not
            go with the value, or if an argument is changed.
    """
    rng = np.random.default_rng(seed)
    y_true, y_pred = _targets_and_predictions(loss, y_true, y_pred, rng)
    own = type(loss).backward is not Loss.backward or type(loss).__call__ is not Loss.__call__
    weights: Array | None = None
    if not own or _takes_weights(loss):
        weights = _weights(sample_weight, y_pred, rng)
    report = Report(title_of(loss))
    for reduction in (loss.reduction,) if own else REDUCTIONS:
        twin = copy.copy(loss)
        twin.reduction, twin.dtype = reduction, None
        for given in (None,) if weights is None else (None, weights):
            name = f"dy_pred, {reduction}" + (", weighted" if given is not None else "")
            _check_loss_once(twin, y_true, y_pred, given, name, rng, tolerance, entries, report)
    return report


def _check_loss_once(
    loss: Loss,
    y_true: Array,
    y_pred: Array,
    weights: Array | None,
    name: str,
    rng: np.random.Generator,
    tolerance: float,
    entries: int,
    report: Report,
) -> None:
    title = report.subject

    def outputs() -> Array:
        return np.atleast_1d(np.asarray(_call(loss, y_true, y_pred, weights))).ravel()

    arrays = {"y_true": y_true, "y_pred": y_pred}
    if weights is not None:
        arrays["sample_weight"] = weights
    before = {label: array.copy() for label, array in arrays.items()}
    values = outputs()
    gradient = _gradient(loss, y_true, y_pred, weights, title, name)
    value, again = loss.value_and_gradient(y_true, y_pred, weights)
    if not np.allclose(value, values.sum(), rtol=1e-9, atol=1e-12):
        raise GradientError(
            title, name, f"value_and_gradient gives the value {value}, a call gives {values.sum()}."
        )
    if not np.allclose(again, gradient, rtol=1e-9, atol=1e-12):
        raise GradientError(title, name, "value_and_gradient gives another gradient than backward.")
    for label, array in arrays.items():
        if not np.array_equal(array, before[label]):
            raise GradientError(title, name, f"it changes {label} in place.")
    single = None if weights is None else weights.astype(np.float32)
    _gradient(loss, y_true, y_pred.astype(np.float32), single, title, name)

    factors = {"y_true": y_true, "y_pred": y_pred}
    if weights is not None:
        shape = weights.shape + (1,) * (y_pred.ndim - weights.ndim)
        factors = {"sample_weight": weights.reshape(shape), **factors}
    problem = Problem(y_pred, outputs, np.ones(values.shape), rng, tolerance, entries)
    clues = Clues(gradient, problem, [np.ones(y_pred.shape)], factors, y_pred)
    check_gradient(title, name, clues, report)


def _call(loss: Loss, y_true: Array, y_pred: Array, weights: Array | None) -> Any:
    return loss(y_true, y_pred) if weights is None else loss(y_true, y_pred, weights)


def _gradient(
    loss: Loss, y_true: Array, y_pred: Array, weights: Array | None, title: str, name: str
) -> Array:
    given = () if weights is None else (weights,)
    if y_true.dtype.kind == "f":
        y_true = y_true.astype(y_pred.dtype)  # as training hands it over
    gradient = np.asarray(loss.backward(y_true, y_pred, *given))
    if gradient.shape != y_pred.shape or gradient.dtype != y_pred.dtype:
        raise GradientError(
            title,
            name,
            f"the gradient has shape {gradient.shape} and dtype {gradient.dtype}, expected "
            f"{y_pred.shape} and {y_pred.dtype}, those of y_pred.",
        )
    return gradient


def _targets_and_predictions(
    loss: Loss, y_true: Any, y_pred: Any, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return copies, or probabilities and suitable targets where there are none."""
    if (y_true is None) != (y_pred is None):
        raise ValueError(
            "gradcheck received only one of y_true and y_pred. Pass both, gradcheck(loss, y_true, "
            "y_pred), or neither."
        )
    if y_pred is not None:
        return np.array(y_true), np.array(y_pred, dtype=np.float64)
    y_pred = rng.uniform(0.1, 1.0, (4, 3))
    y_pred /= y_pred.sum(axis=-1, keepdims=True)
    labels = rng.integers(0, 3, 4)
    return np.eye(3)[labels] if loss.same_shape else labels, y_pred


def _weights(given: Any, y_pred: Array, rng: np.random.Generator) -> Array:
    if given is not None:
        return np.array(given, dtype=np.float64)
    weights = rng.uniform(0.5, 2.0, y_pred.shape[:1])
    if weights.size > 2:
        weights[rng.integers(weights.size)] = 0.0
    return weights


def _takes_weights(loss: Loss) -> bool:
    import inspect

    return all(
        "sample_weight" in inspect.signature(method).parameters
        for method in (type(loss).backward, type(loss).__call__)
    )


def check_regularizer(
    regularizer: Regularizer,
    value: Any = None,
    *,
    input_shape: tuple[int, ...] = (4, 5),
    tolerance: float = 1e-6,
    seed: int = 0,
    entries: int = ENTRIES,
) -> Report:
    """Check a regularizer: `gradient(value)` is the derivative of `regularizer(value)`.

    Arguments:
        regularizer: a `Regularizer`.
        value: the array to penalise; random and off zero if left out.
        input_shape: the shape of a random `value`.
        tolerance: the relative error that passes.
        seed: of what is random.
        entries: a value of up to this size is checked entry by entry.

    Raises:
        GradientError: if the gradient is wrong, is of another shape or dtype than the value, or
            the value is changed.
    """
    rng = np.random.default_rng(seed)
    array = random_array(input_shape, rng) if value is None else np.array(value, dtype=np.float64)
    title, before = title_of(regularizer), array.copy()
    for given in (array, array.astype(np.float32)):
        gradient = np.asarray(regularizer.gradient(given))
        if gradient.shape != given.shape or gradient.dtype != given.dtype:
            raise GradientError(
                title,
                "dvalue",
                f"it has shape {gradient.shape} and dtype {gradient.dtype}, expected "
                f"{given.shape} and {given.dtype}, those of the value.",
            )
    gradient = np.array(regularizer.gradient(array))

    def outputs() -> Array:
        return np.array([float(regularizer(array))])

    report = Report(title)
    problem = Problem(array, outputs, np.ones(1), rng, tolerance, entries)
    clues = Clues(gradient, problem, [], {"value": before}, before)
    check_gradient(title, "dvalue", clues, report)
    if not np.array_equal(array, before):
        raise GradientError(title, "dvalue", "the value is changed in place.")
    return report
