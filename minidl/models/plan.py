"""A graph made ready to run: a flat list of steps, forwards and backwards.

    values:   x ──[step 0]──► ──[step 1]──► ──[step 2]──► y          forward keeps a tape of
    tape:          res 0         res 1         res 2                 residuals beside it
    gradients: dx ◄──────── ◄──────────── ◄──────────── dy           backward reads it from behind

Nested models are unrolled into the same list. Where a tensor is used twice its gradients are
added here, and where a parameter is used twice so are its: layers only ever assign. A step itself,
the call of one layer, is in `plan_step.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl import tracing
from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer
from minidl.layers.symbolic import Node
from minidl.models.graph import Graph
from minidl.models.plan_step import ActivityPenalty, Step

Tape = list[Residuals]


class Plan:
    """A graph as a list of steps.

    Arguments:
        graph: what to run.
        input_gradients: whether the gradient with respect to the model's own inputs is wanted.
        views: layers to run in place of others, by the id of the node: how training takes the
            logits of the last layer instead of its activation.
    """

    def __init__(
        self, graph: Graph, input_gradients: bool = False, views: dict[int, Layer] | None = None
    ) -> None:
        self.steps: list[Step] = []
        self.size = 0
        self._inert: set[int] = set()  # slots of integers and truth values: they have no gradient
        self._views = views or {}
        slots: dict[int, int] = {}
        for tensor in graph.inputs:
            slots[id(tensor)] = self._new_slot(tensor.dtype)
        self._unroll_whole(graph, slots)
        self.inputs = [slots[id(tensor)] for tensor in graph.inputs]
        self.outputs = [slots[id(tensor)] for tensor in graph.outputs]
        self.adding = self._steps_that_add()
        self._mark_backward(input_gradients)
        self._release = self._last_uses()

    @classmethod
    def of_one_layer(cls, layer: Layer, inputs: int, outputs: int, single: bool) -> Plan:
        """Return the plan of a model that computes by its own `forward` and `backward`."""
        plan = cls.__new__(cls)
        plan.size = inputs + outputs
        plan.inputs = list(range(inputs))
        plan.outputs = list(range(inputs, inputs + outputs))
        step = Step(layer, plan.inputs, plan.outputs)
        step.single, step.single_output = single, outputs == 1
        step.wants_dx = False
        plan.steps, plan._views = [step], {}
        plan.adding = plan._steps_that_add()
        plan._release = [[]]
        return plan

    def _steps_that_add(self) -> list[int]:
        """Return the numbers of the steps that may add to the loss."""

        def may(layer: Layer) -> bool:
            return layer.writes_call_alone or type(layer).added_loss is not Layer.added_loss

        return [i for i, step in enumerate(self.steps) if may(step.layer)]

    def _new_slot(self, dtype: str) -> int:
        if not dtype.startswith("float"):
            self._inert.add(self.size)
        self.size += 1
        return self.size - 1

    def _unroll_whole(self, graph: Graph, slots: dict[int, int]) -> None:
        """Append the steps of the outermost graph."""
        self._unroll(graph, slots, None)

    def _unroll(self, graph: Graph, slots: dict[int, int], training: bool | None) -> None:
        """Append the steps of `graph`; `slots` knows its inputs and learns its outputs."""
        for node in graph.nodes:
            if all(id(tensor) in slots for tensor in node.outputs):
                continue  # an input
            fixed = node.options.get("training", training)
            inner = node.layer.unrolled_graph()
            if inner is not None:
                self._unroll_model(node, inner, slots, fixed)
            else:
                self._append(node, slots, fixed)

    def _unroll_model(
        self, node: Node, inner: Graph, slots: dict[int, int], training: bool | None
    ) -> None:
        """Put the steps of a nested model in place of its call."""
        inside = {id(t): slots[id(s)] for t, s in zip(inner.inputs, node.inputs, strict=True)}
        self._unroll(inner, inside, training)
        for outer, tensor in zip(node.outputs, inner.outputs, strict=True):
            slots[id(outer)] = inside[id(tensor)]

    def _append(self, node: Node, slots: dict[int, int], training: bool | None) -> None:
        for tensor in node.outputs:
            slots[id(tensor)] = self._new_slot(tensor.dtype)
        layer = self._views.get(id(node), node.layer)
        step = Step(
            layer, [slots[id(t)] for t in node.inputs], [slots[id(t)] for t in node.outputs]
        )
        step.single, step.single_output = node.single, node.single_output
        step.options = {k: v for k, v in node.options.items() if k != "training"}
        step.training = training
        self.steps.append(step)
        if layer.activity_regularizer is not None:
            for tensor in node.outputs:
                penalised = slots[id(tensor)]
                slots[id(tensor)] = self._new_slot(tensor.dtype)
                penalty = ActivityPenalty(layer.activity_regularizer, layer.name)
                self.steps.append(Step(penalty, [penalised], [slots[id(tensor)]]))

    def _mark_backward(self, input_gradients: bool) -> None:
        """Find which steps need to run backwards, and which need to give an input gradient."""
        live = set(self.inputs) - self._inert if input_gradients else set()
        uses: dict[int, int] = {}
        for step in self.steps:
            step.wants_dx = any(slot in live for slot in step.inputs)
            step.runs_backward = step.wants_dx or bool(step.parameters)
            if step.runs_backward:
                live.update(slot for slot in step.outputs if slot not in self._inert)
            for parameter in step.parameters:
                uses[id(parameter)] = uses.get(id(parameter), 0) + 1
        for step in self.steps:
            step.shared = [p for p in step.parameters if uses[id(p)] > 1]

    def _last_uses(self) -> list[list[int]]:
        """Return for each step the values that no later step reads."""
        seen = set(self.outputs)
        release = []
        for step in reversed(self.steps):
            touched = {*step.inputs, *step.outputs}
            release.append(sorted(touched - seen))
            seen |= touched
        return release[::-1]

    def evaluate(self, inputs: list[Array]) -> tuple[list[Array], Tape]:
        """Return the outputs in inference mode, and a tape from which nobody will go backwards."""
        if not self.adding:
            return self.forward(inputs, training=False)
        with tracing.recording(tracing.Collector()):
            return self.forward(inputs, training=False)

    def forward(self, inputs: list[Array], training: bool) -> tuple[list[Array], Tape]:
        """Return the outputs and the tape of residuals."""
        values: list[Any] = [None] * self.size
        for slot, array in zip(self.inputs, inputs, strict=True):
            values[slot] = array
        tape: Tape = []
        for step in self.steps:
            x: Any = values[step.inputs[0]] if step.single else [values[i] for i in step.inputs]
            y, residuals = step.forward(x, training)
            tape.append(residuals)
            if step.single_output:
                values[step.outputs[0]] = y
            else:
                for slot, item in zip(step.outputs, y, strict=True):
                    values[slot] = item
        return [values[slot] for slot in self.outputs], tape

    def predict(self, inputs: list[Array]) -> list[Array]:
        """Return the outputs in inference mode; every value is let go after its last use."""
        if not self.adding:
            return self._predict(inputs)
        with tracing.recording(tracing.Collector()):
            return self._predict(inputs)

    def _predict(self, inputs: list[Array]) -> list[Array]:
        return self.walk(inputs, self.steps, lambda step, x: step.forward(x, False)[0])

    def walk(
        self, inputs: list[Array], steps: Sequence[Any], compute: Callable[[Any, Any], Any]
    ) -> list[Array]:
        """Return the outputs, of which `compute(step, x)` gives each step's own.

        Arguments:
            steps: as many as the plan's, each with the slots that the plan's has.
        """
        values: list[Any] = [None] * self.size
        for slot, array in zip(self.inputs, inputs, strict=True):
            values[slot] = array
        for step, dead in zip(steps, self._release, strict=True):
            x: Any = values[step.inputs[0]] if step.single else [values[i] for i in step.inputs]
            y = compute(step, x)
            if step.single_output:
                values[step.outputs[0]] = y
            else:
                for slot, item in zip(step.outputs, y, strict=True):
                    values[slot] = item
            for slot in dead:
                values[slot] = None
        return [values[slot] for slot in self.outputs]

    def backward(self, tape: Tape, dys: list[Array | None]) -> list[Array | None]:
        """Leave every trained parameter's gradient on it; return those of the inputs, if wanted.

        Arguments:
            tape: what `forward` gave; it is used up.
            dys: the loss's gradient with respect to each output; None for an output without one.
        """
        gradients: list[Any] = [None] * self.size
        owned: set[int] = set()  # slots whose gradient was summed here, and may be added to
        seen: set[int] = set()  # shared parameters that already have a part of their gradient

        def add(slot: int, dx: Any) -> None:
            if dx is None:
                return
            if gradients[slot] is None:
                gradients[slot] = dx
            elif slot in owned:
                gradients[slot] += dx
            else:
                gradients[slot] = gradients[slot] + dx
                owned.add(slot)

        for slot, given in zip(self.outputs, dys, strict=True):
            add(slot, given)
        for step in reversed(self.steps):
            residuals = tape.pop()
            if not step.runs_backward:
                continue
            if step.single_output:
                dy = gradients[step.outputs[0]]
                gradients[step.outputs[0]] = None
                reached = dy is not None
            else:
                dy = [gradients[slot] for slot in step.outputs]
                for slot in step.outputs:
                    gradients[slot] = None
                reached = any(d is not None for d in dy)
            if not reached:  # nothing downstream has a loss
                self._zero(step, seen)
                continue
            if step.shared:
                dx = self._add_to_shared(step, seen, residuals, dy)
            else:
                dx = step.backward(residuals, dy)
            if not step.wants_dx:
                continue
            if step.single:
                add(step.inputs[0], dx)
            else:
                for slot, d in zip(step.inputs, dx, strict=True):
                    add(slot, d)
        return [gradients[slot] for slot in self.inputs]

    def _add_to_shared(self, step: Step, seen: set[int], residuals: Residuals, dy: Any) -> Any:
        """Run a step backwards whose parameters may have a part of their gradient already."""
        earlier = [(p, p.grad.copy()) for p in step.shared if id(p) in seen]
        dx = step.backward(residuals, dy)
        for parameter, gradient in earlier:
            parameter.grad += gradient
        seen.update(id(p) for p in step.shared)
        return dx

    def _zero(self, step: Step, seen: set[int]) -> None:
        for parameter in step.parameters:
            if id(parameter) not in seen:
                parameter.grad[...] = 0
        seen.update(id(p) for p in step.shared)

    def output_masks(self, tape: Tape) -> list[Array | None] | None:
        """Return the mask of each output in a run; None where no output has one."""
        return None

    def added_loss(self, tape: Tape) -> float:
        """Return what the layers added to the loss in a run: penalties, and terms of their own."""
        return sum(self.steps[i].added_loss(tape[i]) for i in self.adding)

    def first_non_finite(self, inputs: list[Array], training: bool) -> str | None:
        """Return the name of the first layer whose output is not finite, or None."""
        values: list[Any] = [None] * self.size
        for slot, array in zip(self.inputs, inputs, strict=True):
            values[slot] = array
        with np.errstate(all="ignore"):
            for step in self.steps:
                x = values[step.inputs[0]] if step.single else [values[i] for i in step.inputs]
                y = step.forward(x, training)[0]
                outputs = [y] if step.single_output else list(y)
                if not all(np.isfinite(item).all() for item in outputs if item is not None):
                    return step.layer.name
                for slot, item in zip(step.outputs, outputs, strict=True):
                    values[slot] = item
        return None
