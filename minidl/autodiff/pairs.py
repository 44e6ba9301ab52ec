"""Layers, activations and losses on a tape, and the pair of a layer that wrote `call` alone.

    class Mine(Layer):                  Layer.forward runs `call` on a tape of its own, and
        def call(self, x): ...          Layer.backward walks back over it

    inside `call`, or a GradientTape:   self.dense(x), relu(x), loss(y, x)
                                        have their own backward, derived by hand: each is one
                                        record on the tape, and its backward is the way back

A layer within that wrote `call` alone too is simply run on the same tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minidl import tracing
from minidl.autodiff.errors import NotDifferentiableError
from minidl.autodiff.tape import Backward, Tape, is_floating
from minidl.autodiff.traced import TracedArray
from minidl.autodiff.trees import leaves, map_leaves, rebuilt
from minidl.layers.input_spec import check_input
from minidl.layers.layer import Layer, accepts, call_forward, map_structure
from minidl.layers.parameter import Parameter
from minidl.layers.symbolic import is_symbolic


class Run:
    """What a layer that wrote `call` alone keeps of a call: its residuals.

    Attributes:
        tape: what `call` did.
        inputs: for each input its number on the tape; None for one without a gradient.
        outputs: the same for each output.
        like: the inputs' structure.
        added: what the call added to the loss.
        term: the number of that on the tape; None if it is a constant.
    """

    def __init__(self, tape: Tape, like: Any, inputs: list[Any], outputs: list[Any]) -> None:
        self.tape = tape
        self.like = like
        self.inputs = inputs
        self.outputs = outputs
        self.added = 0.0
        self.term: int | None = None


class Untraced:
    """The residuals of a call in evaluation, from which nobody goes backwards."""

    def __init__(self, added: float) -> None:
        self.added = added


class Failed(Untraced):
    """The residuals of a call that has no derivative: it is no error before one is asked for."""

    def __init__(self, error: NotDifferentiableError, added: float) -> None:
        super().__init__(added)
        self.error = error


def forward(layer: Any, x: Any, training: bool, options: dict[str, Any]) -> tuple[Any, Any]:
    """Return what a layer's `call` computes, and the residuals that `backward` needs."""
    return on_tape(lambda inputs: layer._forward_by_call(inputs, training, options), x, training)


def on_tape(call: Callable[[Any], Any], x: Any, training: bool) -> tuple[Any, Any]:
    """Return call(x), and the residuals that `backward` needs."""
    if type(tracing.current()) is tracing.Collector:
        y, plain = _untraced(call, x, training)
        return y, Untraced(plain)
    tape = Tape(training)
    tape.depth = 1
    traced = map_leaves(lambda a: tape.leaf(a) if is_floating(a) else a, _arrays(x))
    outer = tracing.begin(tape)
    failed: NotDifferentiableError | None = None
    added: Any = 0.0
    try:
        result = call(traced)
        if tape.losses:
            added = sum(term for _, term in tape.losses)
    except NotDifferentiableError as error:
        failed = error
    finally:
        tracing.end(outer)
        tape.recording = False
    if failed is not None:
        try:
            y, plain = _untraced(call, x, training)
        except ValueError as error:
            raise failed if "read-only" in str(error) else error from None
        return y, Failed(failed, plain)
    numbers: list[Any] = []

    def outside(item: Any) -> Any:
        if isinstance(item, Parameter):
            known = tape.parameters.get(id(item))
            numbers.append(known[1] if known else None)
            return item.value
        if isinstance(item, TracedArray) and item.tape is tape:
            numbers.append(item.index)
            return item.inner
        numbers.append(None)
        return item if item is None or hasattr(item, "shape") else np.asarray(item)

    y = map_leaves(outside, result)
    inputs = [a.index if isinstance(a, TracedArray) else None for a in leaves(traced)]
    run = Run(tape, x, inputs, numbers)
    if tape.losses:
        run.term = added.index if isinstance(added, TracedArray) else None
        run.added = float(tracing.plain(added))
    return y, run


def _untraced(call: Callable[[Any], Any], x: Any, training: bool) -> tuple[Any, float]:
    """Return call(x) on plain arrays, and what it added to the loss."""
    collector = tracing.Collector(training)
    with tracing.recording(collector):
        result = call(_arrays(x))
    y = map_leaves(lambda a: a if a is None or type(a) is np.ndarray else np.asarray(a), result)
    return y, float(sum(term for _, term in collector.losses))


def backward(layer: Any, run: Any, dy: Any, need_dx: bool) -> Any:
    """Assign the gradient of every parameter, and return the input's."""
    if isinstance(run, Failed):
        raise run.error
    tape = run.tape
    read = [(p, i) for p, i, _ in tape.parameters.values() if p.trainable]
    sinks = {i: p.grad for p, i in read}
    walk = Backward(tape, None if need_dx else sinks, sinks)
    for number, d in zip(run.outputs, leaves(dy), strict=True):
        if number is not None and d is not None:
            walk.give(number, d)
    if run.term is not None:
        walk.give(run.term, np.ones((), tape.records[run.term].y.dtype))
    gradients = walk.run()
    for parameter, number in read:
        g = gradients[number]
        parameter.grad = np.zeros(parameter.shape, parameter.dtype) if g is None else g
    for parameter in layer.trainable_weights:
        if id(parameter) not in tape.parameters:
            parameter.grad[...] = 0  # `call` did not use it
    if not need_dx:
        return None
    dxs = [
        None if number is None else _whole(gradients[number], x)
        for number, x in zip(run.inputs, leaves(run.like), strict=True)
    ]
    return rebuilt(run.like, dxs)


def _whole(g: Any, x: Any) -> Any:
    """Return a gradient as an array that can be written to; zeros where there is none."""
    if g is None:
        return np.zeros(np.shape(x), x.dtype)
    return g if isinstance(g, np.ndarray) and g.flags.writeable else np.array(g)


def _arrays(x: Any) -> Any:
    return map_leaves(lambda a: a if a is None or hasattr(a, "dtype") else np.asarray(a), x)


# Within a trace


def call_layer(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer the call of a layer while a tape records."""
    tape: Tape = tracing.current()
    inputs, options = layer.pack_inputs(args, kwargs)
    if options.get("mask") is None:
        options.pop("mask", None)
    if is_symbolic(inputs):
        with tracing.recording(None):
            return layer(*args, **kwargs)
    arrays = map_structure(lambda a: _array(layer, a), inputs)
    shapes = map_structure(np.shape, arrays)
    with tracing.recording(None):
        layer.ensure_built(shapes)
        check_input(layer, shapes)
        if "mask" in options:
            options["mask"] = layer._given_mask(options["mask"], inputs, shapes)
    arrays = map_structure(layer._autocast, arrays)
    training = options.pop("training", None)
    training = bool(tape.training if training is None else training)
    if not tape.depth and tape.losses:  # as in Keras, a new call of a layer begins anew
        own = {id(member) for member in layer.with_sublayers()}
        tape.losses[:] = [(owner, t) for owner, t in tape.losses if id(owner) not in own]
    before, tape.training = tape.training, training
    tape.depth += 1
    try:
        y = _called(tape, layer, arrays, training, options)
    finally:
        tape.depth -= 1
        tape.training = before
    if layer.activity_regularizer is not None:
        for part in leaves(y):
            penalty = through_regularizer(layer.activity_regularizer, part)
            tape.losses.append((layer, penalty / len(part)))
    return y


def _called(tape: Tape, layer: Any, x: Any, training: bool, options: dict[str, Any]) -> Any:
    if layer.writes_call_alone:
        return layer._forward_by_call(x, training, options)
    if not options and layer.unrolled_graph() is not None and layer.adds_within():
        return layer.call_one_by_one(x, training)
    return _through_layer(tape, layer, x, training, options)


def _array(layer: Any, value: Any) -> Any:
    if isinstance(value, Parameter):
        value = value.value
    return value if isinstance(value, TracedArray) else layer._to_array(value)


def _through_layer(tape: Tape, layer: Any, x: Any, training: bool, options: dict[str, Any]) -> Any:
    """Run a layer that has a pair of its own, and record it as one step."""
    name = f"layer {layer.name!r}"
    read = [(p, tape.read(p)) for p in layer.trainable_weights]
    parameters = [(p, t.index) for p, t in read if isinstance(t, TracedArray) and t.tape is tape]
    inside = [_own_value(tape, a, name) for a in leaves(x)]
    for _, value in read:
        _own_value(tape, value, name)
    with tracing.recording(None):
        y, residuals = call_forward(layer, rebuilt(x, inside), training, options)
    if added := layer.added_loss(residuals):
        if not tape.recording:
            tape.losses.append((layer, added))
            return y
        raise NotDifferentiableError(
            name,
            "a layer within it adds to the loss, which cannot be followed from outside. Call that "
            "layer itself within your call.",
        )
    inputs = [a.index if isinstance(a, TracedArray) else None for a in leaves(x)]
    record = _LayerRecord(layer, residuals, inputs, parameters, y)
    if not record.parents:
        return y
    if isinstance(y, list | tuple | dict):
        return rebuilt(y, list(tape.add_parts(record, leaves(y))))
    return tape.add(record, y)


def _own_value(tape: Tape, item: Any, name: str) -> Any:
    """Return the plain array behind one that this tape follows.

    Raises:
        NotDifferentiableError: if an outer tape follows it too.
    """
    if not isinstance(item, TracedArray):
        return item
    value = item.inner if item.tape is tape else item
    if isinstance(value, TracedArray):
        if any(t.recording for t in _tapes(value)):
            raise NotDifferentiableError(
                name,
                "the gradient of a gradient goes through it, and its backward, written by hand, "
                "has no derivative. Write the layer with `call` alone, in NumPy.",
            )
        return tracing.plain(value)
    return value


def _tapes(item: Any) -> Iterator[Tape]:
    while isinstance(item, TracedArray):
        yield item.tape
        item = item.inner


class _LayerRecord:
    """A call of a layer with a pair of its own."""

    def __init__(
        self,
        layer: Layer,
        residuals: Any,
        inputs: list[Any],
        parameters: list[tuple[Any, int]],
        y: Any,
    ) -> None:
        self.layer = layer
        self.residuals = residuals
        self.inputs = inputs
        self.parameters = parameters
        self.like = y if isinstance(y, list | tuple | dict) else None
        self.parents = [i for i in inputs if i is not None] + [i for _, i in parameters]

    def pull(self, g: Any, walk: Backward) -> Iterator[tuple[int, Any]]:
        """Run the layer backwards."""
        dy = g if self.like is None else rebuilt(self.like, g)
        options = {}
        if accepts(type(self.layer).backward, "need_dx"):
            options["need_dx"] = any(i is not None and walk.needs(i) for i in self.inputs)
        with tracing.recording(None):
            dx = self.layer.backward(self.residuals, dy, **options)
        for parameter, number in self.parameters:
            if parameter.trainable and walk.needs(number):
                g = parameter.grad
                yield number, g if walk.sink(number) is g else g.copy()
        for number, d in zip(self.inputs, leaves(dx), strict=False):
            if number is not None and d is not None and walk.needs(number):
                yield number, d


def through_activation(activation: Any, z: TracedArray) -> Any:
    """Run an activation and record it as one step."""
    tape = z.tape
    value = z.inner
    if isinstance(value, TracedArray):
        value = _own_value(tape, z, f"activation {activation.__name__}")
    if not tape.recording:
        return activation(tracing.plain(z))
    outer = tracing.begin(None)
    try:
        y, residuals = activation.forward(value if value.ndim else value.reshape(1))
    finally:
        tracing.end(outer)
    return tape.add(_ActivationRecord(activation, residuals, z), y if value.ndim else y.reshape(()))


class _ActivationRecord:
    """A call of an activation."""

    def __init__(self, activation: Any, residuals: Any, z: TracedArray) -> None:
        self.activation = activation
        self.residuals = residuals
        self.parents = [z.index]
        self.shape = z.shape

    def pull(self, g: Any, walk: Backward) -> Iterator[tuple[int, Any]]:
        """Run the activation backwards."""
        outer = tracing.begin(None)
        try:
            d = self.activation.backward(self.residuals, g if self.shape else g.reshape(1))
        finally:
            tracing.end(outer)
        yield self.parents[0], d if self.shape else d.reshape(())


def through_loss(loss: Any, y_true: Any, y_pred: TracedArray, sample_weight: Any) -> Any:
    """Compute a loss and record it as one step."""
    tape, name = y_pred.tape, f"loss {loss.name!r}"
    for role, item in (("y_true", y_true), ("sample_weight", sample_weight)):
        if isinstance(item, TracedArray) and any(t.recording for t in _tapes(item)):
            raise NotDifferentiableError(
                name,
                f"its {role} is traced, and it has a gradient for y_pred alone. Pass "
                "minidl.autodiff.stop_gradient(...), or write the loss in NumPy.",
            )
    arguments = [tracing.plain(y_true), _own_value(tape, y_pred, name)]
    if sample_weight is not None:
        arguments.append(tracing.plain(sample_weight))
    with tracing.recording(None):
        value = np.asarray(loss(*arguments), dtype=y_pred.dtype)
    if not tape.recording:
        return value[()]
    return tape.add(_LossRecord(loss, arguments, y_pred, value), value)


class _LossRecord:
    """A call of a loss."""

    def __init__(self, loss: Any, arguments: list[Any], y_pred: TracedArray, value: Any) -> None:
        self.loss = loss
        self.arguments = arguments
        self.parents = [y_pred.index]
        self.rank = value.ndim

    def pull(self, g: Any, walk: Backward) -> Iterator[tuple[int, Any]]:
        """Return g times the loss's gradient; of values that were not reduced, each its own g."""
        with tracing.recording(None):
            d = self.loss.backward(*self.arguments)
        if self.rank and self.rank < d.ndim:
            g = np.expand_dims(g, self.loss.axis) if self.rank == d.ndim - 1 else g
            g = np.reshape(g, g.shape + (1,) * (d.ndim - g.ndim))
        yield self.parents[0], d * g


def through_regularizer(regularizer: Any, value: Any) -> Any:
    """Return a penalty, recorded as one step if the value is traced."""
    if not isinstance(value, TracedArray):
        return regularizer(value)
    tape, plain = value.tape, _own_value(value.tape, value, "a regularizer")
    with tracing.recording(None):
        penalty = np.asarray(regularizer(plain), dtype=plain.dtype)
    return tape.add(_PenaltyRecord(regularizer, plain, value.index), penalty)


class _PenaltyRecord:
    """A call of a regularizer."""

    def __init__(self, regularizer: Any, value: Any, number: int) -> None:
        self.regularizer = regularizer
        self.value = value
        self.parents = [number]

    def pull(self, g: Any, walk: Backward) -> Iterator[tuple[int, Any]]:
        """Return g times the regularizer's gradient."""
        with tracing.recording(None):
            d = self.regularizer.gradient(self.value) * g
        yield self.parents[0], d
