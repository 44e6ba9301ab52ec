"""Three witnesses for one gradient: derived by hand, by minidl.autodiff, and by differences.

The hand-derived one is the built-in's `backward`. The second differentiates the plain definition
in `definitions/`, and must be the same to 1e-10. The third is a central difference of that
definition along a random direction, which no rule of any derivative takes part in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.autodiff import GradientTape, vjp
from minidl.gradcheck.twin import State, disturb_constant_weights, double_twin
from minidl.layers.layer import call_forward
from minidl.layers.masks import beside_inputs

from .definitions import ACTIVATIONS, DEFINITIONS, LAYERS, LOSSES
from .trial import Trial

TOLERANCE = 1e-10  # between hand and autodiff, relative to the largest entry
DIFFERENCES = 1e-6  # between both and the differences
STEP = 1e-6


class Finding(NamedTuple):
    """What the witnesses said of one configuration.

    Attributes:
        derivatives: how many numbers were compared.
        apart: how far hand and autodiff are apart, relative to the largest entry.
        off: how far the difference along a direction is from both; None next to a kink.
    """

    derivatives: int
    apart: float
    off: float | None


class DisagreementError(AssertionError):
    """Two witnesses do not say the same."""


def hear(trial: Trial) -> Finding:
    """Compare all three on one configuration.

    Raises:
        DisagreementError: if they do not agree.
    """
    cls = type(trial.obj)
    if cls in LAYERS:
        return _of_layer(trial)
    if cls in ACTIVATIONS:
        return _of_activation(trial)
    return _of_loss(trial) if cls in LOSSES else _of_regularizer(trial)


def apart(found: Any, expected: Any, what: str) -> float:
    """Return how far two arrays are apart, relative to the largest entry.

    Raises:
        DisagreementError: if that is more than the tolerance.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise DisagreementError(
            f"{what}: autodiff's has shape {found.shape}, by hand {expected.shape}."
        )
    if not found.size:
        return 0.0
    largest = max(np.abs(expected).max(), 1e-3)  # what cancels has no digits of its own
    distance = float(np.abs(found - expected).max() / largest)
    if not distance <= TOLERANCE:
        where = np.unravel_index(np.abs(found - expected).argmax(), found.shape)
        raise DisagreementError(
            f"{what}: {distance:.1e} apart; at {tuple(map(int, where))} the plain definition says "
            f"{found[where]:.12g}, by hand it is {expected[where]:.12g}."
        )
    return distance


def along(function: Callable[[float], float], slope: float, size: float) -> float | None:
    """Return how far the central difference at 0 is from a slope; None next to a kink.

    Raises:
        DisagreementError: if that is more than the tolerance.
    """
    above, here, below = function(STEP), function(0.0), function(-STEP)
    numeric = (above - below) / (2 * STEP)
    scale = max(abs(slope), abs(numeric), size)
    if abs(above - 2 * here + below) / STEP > 1e-2 * scale:
        return None  # another slope on either side
    off = abs(numeric - slope) / scale
    if off > DIFFERENCES:
        raise DisagreementError(
            f"along a direction: {slope:.12g} by hand, {numeric:.12g} numerically."
        )
    return off


def _of_layer(trial: Trial) -> Finding:
    layer, rng = double_twin(trial.obj), np.random.default_rng(0)
    x, definition = trial.inputs[0], LAYERS[type(layer)]
    inputs, options = layer.pack_inputs((x,), dict(trial.options))
    layer.ensure_built([np.shape(a) for a in inputs] if isinstance(inputs, list) else x.shape)
    disturb_constant_weights(layer, rng)
    if options.get("mask") is not None:
        options["mask"] = beside_inputs(options["mask"], inputs)
    state, parameters = State(layer), layer.trainable_weights

    y, residuals = call_forward(layer, inputs, True, dict(options))
    dys = [rng.standard_normal(np.shape(part)) for part in _listed(y)]
    dy = dys if isinstance(y, list) else dys[0]
    dxs = _listed(layer.backward(residuals, dy))
    by_hand = {id(p): p.grad.copy() for p in parameters}

    # The definition gets what the call got; floats among it are followed.
    def plain(x: Any, given: dict[str, Any]) -> list[Any]:
        state.restore()
        return _listed(definition(layer, x, **given))

    with GradientTape() as tape:
        followed, given = _followed(tape, x), _followed(tape, trial.options)
        outputs = plain(followed, given)
    worst = max(
        apart(np.asarray(o), part, f"y[{i}]")
        for i, (o, part) in enumerate(zip(outputs, _listed(y), strict=True))
    )
    traced = [a for a in [*_listed(followed), *given.values()] if hasattr(a, "tape")]
    reached = [(o, d) for o, d in zip(outputs, dys, strict=True) if hasattr(o, "tape")]
    found: list[Any] = [np.zeros(p.shape) for p in [*traced, *parameters]]
    if reached:
        found = tape.gradient(
            [o for o, _ in reached], [*traced, *parameters], [d for _, d in reached], "zero"
        )
    floats = [(a, dx) for a, dx in zip(_listed(inputs), dxs, strict=False) if _is_float(a)]
    for i, (ours, (_, hand)) in enumerate(zip(found, floats, strict=False)):
        worst = max(worst, apart(ours, hand, f"dx[{i}]"))
    for ours, p in zip(found[len(traced) :], parameters, strict=True):
        worst = max(worst, apart(ours, by_hand[id(p)], p.path))

    directions = [rng.standard_normal(np.shape(a)) for a, _ in floats]
    moves = [rng.standard_normal(p.shape) for p in parameters]
    terms = [np.ravel(d * dx) for d, (_, dx) in zip(directions, floats, strict=True)]
    terms += [np.ravel(m * by_hand[id(p)]) for m, p in zip(moves, parameters, strict=True)]
    slopes = np.concatenate([np.zeros(1), *terms])
    values = [p.value.copy() for p in parameters]

    def moved(t: float) -> float:
        steps = iter(directions)
        new_x, new_given = _moved(x, t, steps), _moved(trial.options, t, steps)
        for p, value, move in zip(parameters, values, moves, strict=True):
            p.assign(value + t * move)
        outputs = plain(new_x, new_given)
        for p, value in zip(parameters, values, strict=True):
            p.assign(value)
        return float(sum(np.sum(np.asarray(o) * d) for o, d in zip(outputs, dys, strict=True)))

    size = max(float(np.abs(slopes).sum()), 1e-2)  # below, round-off divided by STEP shows
    off = along(moved, float(slopes.sum()), size)
    return Finding(sum(np.size(f) for f in found), worst, off)


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _followed(tape: GradientTape, value: Any) -> Any:
    if isinstance(value, list):
        return [_followed(tape, item) for item in value]
    if isinstance(value, dict):
        return {name: _followed(tape, item) for name, item in value.items()}
    return tape.watch(value) if _is_float(value) else value


def _moved(value: Any, t: float, directions: Iterator[Array]) -> Any:
    if isinstance(value, list):
        return [_moved(item, t, directions) for item in value]
    if isinstance(value, dict):
        return {name: _moved(item, t, directions) for name, item in value.items()}
    return value + t * next(directions) if _is_float(value) else value


def _of_function(
    plain: Callable[[Any], Any], x: Array, y: Any, hand: Callable[[Any], Array]
) -> Finding:
    """Compare the gradients of a function of one array, given its value."""
    rng = np.random.default_rng(0)
    found, pull = vjp(plain, x)
    dy = rng.standard_normal(np.shape(y))
    dx = hand(dy)
    worst = max(apart(found, y, "y"), apart(pull(dy)[0], dx, "dx"))
    direction = rng.standard_normal(x.shape)
    slope = direction * dx
    size = max(float(np.abs(slope).sum()), 1e-2)
    off = along(lambda t: float(np.sum(plain(x + t * direction) * dy)), float(slope.sum()), size)
    return Finding(x.size, worst, off)


def _of_activation(trial: Trial) -> Finding:
    activation, z = trial.obj, trial.inputs[0]
    y, residuals = activation.forward(z)
    definition = DEFINITIONS[type(activation)]
    return _of_function(
        lambda z: definition(activation, z), z, y, lambda dy: activation.backward(residuals, dy)
    )


def _of_loss(trial: Trial) -> Finding:
    loss, definition = trial.obj, DEFINITIONS[type(trial.obj)]
    y_true, y_pred = loss.prepare(*trial.inputs[:2])

    def hand(dy: Array) -> Array:
        return loss.gradient(y_true, y_pred) * np.expand_dims(dy, loss.axis)

    return _of_function(
        lambda p: definition(loss, y_true, p), y_pred, loss.values(y_true, y_pred), hand
    )


def _of_regularizer(trial: Trial) -> Finding:
    regularizer, x = trial.obj, trial.inputs[0]
    definition = DEFINITIONS[type(regularizer)]
    return _of_function(
        lambda x: definition(regularizer, x),
        x,
        regularizer(x),
        lambda dy: regularizer.gradient(x) * dy,
    )
