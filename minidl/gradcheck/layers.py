"""Checking layers and activations: numbers, and what the contract promises besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.gradcheck.compare import Problem
from minidl.gradcheck.contract import Run, check_contract, check_single
from minidl.gradcheck.diagnosis import Clues
from minidl.gradcheck.inputs import random_inputs
from minidl.gradcheck.report import GradientError, Report
from minidl.gradcheck.subject import LayerSubject, Subject, row, title_of
from minidl.gradcheck.twin import (
    disturb_constant_weights,
    double_twin,
    flatten,
    labels,
    pack,
    retype,
    retyped,
    same_weights,
    to_double,
)
from minidl.gradcheck.verdict import check_gradient
from minidl.layers.layer import Layer, NotAPairError

ENTRIES = 100


def check_layer(
    layer: Layer,
    x: Any = None,
    *,
    input_shape: Any = None,
    training: bool | None = None,
    tolerance: float = 1e-6,
    seed: int = 0,
    entries: int = ENTRIES,
    **options: Any,
) -> Report:
    """Check a layer or a model: dx, every parameter's gradient, and the layer's contract.

    The check works on a copy in float64, so the layer is left as it is. Parameters whose entries
    are all the same, as zeros and ones are at the start, are moved off them in the copy: a
    forgotten factor does not show while it is one. Integer inputs have no gradient and get none.

    Arguments:
        layer: any layer or model, built or not.
        x: an array, or the list or dict of arrays that the layer takes; random if left out.
        input_shape: with the batch axis, for random inputs: `(4, 5)`, or a list of shapes.
        training: the mode; both by default.
        tolerance: the relative error that passes.
        seed: of the random inputs, cotangents and directions.
        entries: arrays up to this size are checked entry by entry.
        options: further keyword arguments of a call: `mask=...`, tensors such as
            `initial_state=[h, c]`, which get gradients too, or anything that `forward` takes.

    Returns:
        A report with a row for each gradient.

    Raises:
        GradientError: if a gradient is wrong, or the layer breaks its contract.
        ValueError: if neither `x` nor a shape is known.
    """
    rng = np.random.default_rng(seed)
    x = random_inputs(layer, input_shape, rng) if x is None else to_double(x)
    options = retyped(options, "float64")
    with same_weights(seed):
        twin = double_twin(layer)
        _build(twin, x, options)
    disturb_constant_weights(twin, rng)
    report = Report(title_of(layer))
    inputs, _ = twin.pack_inputs((x,), options)
    for mode in (False, True) if training is None else (training,):
        subject = LayerSubject(twin, mode, x, options)
        try:
            _check_subject(subject, inputs, rng, tolerance, entries, report)
        except GradientError as error:
            error.add_note(f"  in the call with training={mode}")
            raise
    _check_in_single(twin, x, training, options)
    return report


def _build(twin: Layer, x: Any, options: dict[str, Any]) -> None:
    """Build the copy and all layers within on the inputs, in float64 throughout."""
    try:
        twin(pack(x, [item.copy() for item in flatten(x)]), **options)
    except NotAPairError as error:
        raise GradientError(title_of(twin), "forward", str(error)) from None
    retype(twin, "float64")


def _check_in_single(twin: Layer, x: Any, training: bool | None, options: dict[str, Any]) -> None:
    """See that float32 stays float32."""
    retype(twin, "float32")
    x, options = retyped(x, "float32"), retyped(options, "float32")
    inputs, _ = twin.pack_inputs((x,), options)
    for mode in (False, True) if training is None else (training,):
        check_single(LayerSubject(twin, mode, x, options), inputs)


def check_activation(
    activation: Any,
    z: Any = None,
    *,
    input_shape: tuple[int, ...] = (4, 5),
    tolerance: float = 1e-6,
    seed: int = 0,
    entries: int = ENTRIES,
) -> Report:
    """Check an activation: dz, and that neither method changes or keeps anything.

    Arguments:
        activation: an `Activation`, or the name of one.
        z: an array; random if left out.
        input_shape: the shape of a random `z`.
        tolerance: the relative error that passes.
        seed: of the random inputs, cotangents and directions.
        entries: arrays up to this size are checked entry by entry.

    Raises:
        GradientError: if the gradient is wrong, or the contract is broken.
    """
    from minidl import activations

    activation = activations.get(activation)
    rng = np.random.default_rng(seed)
    inputs = random_inputs(None, input_shape, rng) if z is None else to_double(np.asarray(z))
    subject = Subject(title_of(activation), activation)
    report = Report(subject.title)
    _check_subject(subject, inputs, rng, tolerance, entries, report)
    check_single(subject, inputs.astype(np.float32))
    return report


def _check_subject(
    subject: Subject,
    x: Any,
    rng: np.random.Generator,
    tolerance: float,
    entries: int,
    report: Report,
) -> None:
    run = check_contract(subject, x, rng)
    cotangents = _cotangents(run)
    cotangent = np.append(row(cotangents), 1.0) if subject.adds else row(cotangents)
    title, factors = subject.title, _factors(subject, run, x)

    def check(name: str, array: Array, gradient: Array, inputs: Array | None) -> None:
        problem = Problem(array, lambda: subject.outputs(x), cotangent, rng, tolerance, entries)
        check_gradient(title, name, Clues(gradient, problem, cotangents, factors, inputs), report)

    items, names = flatten(x), labels(f"d{subject.input_name}", x)
    for name, item, dx in zip(names, items, run.dx, strict=True):
        if dx is not None:
            check(name, item, dx, item)
    names = subject.parameter_names()
    for name, parameter, gradient in zip(names, subject.parameters, run.gradients, strict=True):
        check(name, parameter.value, gradient, None)
    for index, item in enumerate(items):
        if item.dtype.kind == "f" and item.size:
            chain = _Chain(subject, x, index)
            # A few entries do: dx itself has been compared already.
            problem = Problem(chain.u, chain.outputs, cotangent, rng, tolerance, min(entries, 4))
            clues = Clues(chain.backward(run.dy), problem, cotangents, {}, None)
            check_gradient(title, "behind another", clues, report)


class _Chain:
    """The chain u → sinh u → subject, by one of the subject's inputs.

    sinh keeps its output, which is the subject's input, and needs it for its own backward. So the
    check fails too where the subject scribbles over what belongs to the layer before it.
    """

    def __init__(self, subject: Subject, x: Any, index: int) -> None:
        self.subject = subject
        self.x = x
        self.index = index
        self.u = np.arcsinh(flatten(x)[index])

    def inputs(self) -> Any:
        """Return the subject's inputs, one of them sinh u."""
        items = flatten(self.x)
        items[self.index] = np.sinh(self.u)
        return pack(self.x, items)

    def outputs(self) -> Array:
        """Return the chain's outputs."""
        return self.subject.outputs(self.inputs())

    def backward(self, dy: Any) -> Array:
        """Return du = dx cosh u, with cosh u = √(1 + sinh² u) from what sinh kept."""
        inputs = self.inputs()
        kept = flatten(inputs)[self.index]
        dx = self.subject.backward(self.subject.forward(inputs)[1], dy)
        if isinstance(inputs, dict) and isinstance(dx, dict):
            dx = [dx[key] for key in inputs]
        given = flatten(dx)[self.index]
        return np.zeros_like(kept) if given is None else np.asarray(given * np.sqrt(1 + kept**2))


def _cotangents(run: Run) -> list[Array]:
    """Return the cotangents of the floating outputs."""
    pairs = zip(flatten(run.dy), flatten(run.y), strict=True)
    return [dy for dy, y in pairs if y.dtype.kind == "f"]


def _factors(subject: Subject, run: Run, x: Any) -> dict[str, Array]:
    """Return the arrays that a derivative may have as a factor, by name."""
    arrays = dict(zip(labels(subject.input_name, x), flatten(x), strict=True))
    arrays.update(zip(labels("y", run.y), flatten(run.y), strict=True))
    arrays.update(zip(labels("dy", run.y), flatten(run.dy), strict=True))
    values = [p.value for p in subject.parameters]
    arrays.update(zip(subject.parameter_names(), values, strict=True))
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
