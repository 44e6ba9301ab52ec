"""A run of a plan with a record of it: what each layer's `forward` and `backward` took and gave.

The plan is the one that training runs, on a copy of the model; its steps are replaced by others
that do the same and keep copies of the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.explain.working import largest
from minidl.layers.layer import Layer
from minidl.layers.parameter import Parameter
from minidl.models.masked_plan import MaskedStep
from minidl.models.plan import Plan
from minidl.models.plan_step import Step


class Call:
    """One call of one layer, forwards and, where there was a loss, backwards.

    Attributes:
        layer: the layer; its parameters have other values after the update.
        x, y: input and output: an array, or a list of them.
        mask: the input's mask, or None.
        residuals: what `forward` kept for `backward`.
        training: whether it ran in training mode.
        options: further arguments of the call.
        dy, dx: the gradients of output and input; None where there are none.
        went_back: whether `backward` ran.
        gives_dx: whether it gave a dx.
        arrivals: for each output the gradients that were added up to dy, with where each came
            from; empty where there was one alone.
    """

    def __init__(self, layer: Layer, x: Any, training: bool, options: dict[str, Any]) -> None:
        self.layer = layer
        self.x = copied(x)
        self.y: Any = None
        self.mask: Any = options.get("mask")
        self.residuals: Any = None
        self.training = training
        self.options = options
        self.dy: Any = None
        self.dx: Any = None
        self.went_back = False
        self.gives_dx = False
        self.arrivals: list[list[tuple[str, Array]]] = []
        self._values = {id(p): p.value.copy() for p in layer.weights}
        self._after: dict[int, Array] = {}
        self._gradients: dict[int, Array] = {}

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    def value(self, parameter: Any) -> Array | None:
        """Return the value of a parameter during the call; `parameter` may be its name."""
        parameter = self._find(parameter)
        return None if parameter is None else self._values[id(parameter)]

    def value_after(self, parameter: Any) -> Array | None:
        """Return the value of a parameter after `forward`, which moves moving statistics."""
        parameter = self._find(parameter)
        return None if parameter is None else self._after[id(parameter)]

    def gradient(self, parameter: Any) -> Array | None:
        """Return what this call made of a parameter's gradient; None for a frozen one."""
        parameter = self._find(parameter)
        return None if parameter is None else self._gradients.get(id(parameter))

    def _find(self, parameter: Any) -> Parameter | None:
        if not isinstance(parameter, str):
            return parameter
        found = vars(self.layer).get(parameter)
        return found if isinstance(found, Parameter) else None

    def parameters(self) -> list[Parameter]:
        """Return the parameters with a gradient from this call."""
        return [p for p in self.layer.weights if id(p) in self._gradients]

    @property
    def index(self) -> tuple[int, ...]:
        """The entry of the output to work through: that with the largest dy, else the largest y."""
        y = self.y[0] if isinstance(self.y, list) else self.y
        dy = self.dy[0] if isinstance(self.dy, list) else self.dy
        if dy is None:
            return largest(y)
        alive = dy * (y != 0)  # a unit that is switched off has little to tell
        for sample in range(len(y)):
            if alive[sample].any():
                return (sample, *largest(alive[sample : sample + 1])[1:])
        return largest(dy)


class RecordedStep:
    """A plan's step that keeps a record of what it does."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.call: Call | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.step, name)

    def forward(self, x: Any, training: bool) -> tuple[Any, Residuals]:
        """Run the step forwards, and keep what it took and gave."""
        step = self.step
        inner = step.inner if isinstance(step, MaskedStep) else step
        options = dict(inner.options)
        taken = x
        if isinstance(step, MaskedStep):
            count = len(inner.inputs)
            given = iter(x[count:])
            masks = [None if slot is None else next(given) for slot in step.masks]
            options["mask"] = masks[0] if inner.single else masks
            taken = x[0] if inner.single else x[:count]
        fixed = inner.training
        call = Call(step.layer, taken, training if fixed is None else fixed, options)
        y, residuals = step.forward(x, training)
        call.y, call.residuals = copied(y), copied(residuals[0] if step.custom else residuals)
        call._after = {id(p): p.value.copy() for p in step.layer.weights}
        self.call = call
        return y, residuals

    def backward(self, residuals: Residuals, dy: Any) -> Any:
        """Run the step backwards, and keep what it took and gave."""
        call = self.call
        assert call is not None
        call.dy = copied(dy)
        dx = self.step.backward(residuals, dy)
        call.went_back, call.gives_dx = True, bool(self.step.wants_dx) and dx is not None
        if call.gives_dx:
            kept = copied(dx)
            single = self.step.inner.single if isinstance(self.step, MaskedStep) else True
            call.dx = kept[0] if isinstance(self.step, MaskedStep) and single else kept
        for parameter in self.step.parameters:
            call._gradients[id(parameter)] = parameter.grad.copy()
        return dx


class Recording:
    """A plan whose steps keep a record.

    Arguments:
        plan: what to run; its steps are replaced.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.steps = [RecordedStep(step) for step in plan.steps]
        plan.steps = self.steps  # type: ignore[assignment]

    def calls(self) -> list[Call]:
        """Return the calls in the order in which they ran."""
        return [step.call for step in self.steps if step.call is not None]

    def tell_arrivals(self, loss_gradients: list[Array | None]) -> None:
        """Note for every call from where its dy came, where it came from more than one place."""
        arrived: dict[int, list[tuple[str, Array]]] = {}
        for slot, gradient in zip(self.plan.outputs, loss_gradients, strict=True):
            if gradient is not None:
                arrived.setdefault(slot, []).append(("the loss", gradient))
        for step in reversed(self.steps):
            call = step.call
            if call is None or not call.went_back:
                continue
            call.arrivals = [_several(arrived.get(slot, [])) for slot in step.outputs]
            if not call.gives_dx:
                continue
            dxs = call.dx if isinstance(call.dx, list) else [call.dx]
            for slot, dx in zip(step.inputs, dxs, strict=False):
                if dx is not None:
                    arrived.setdefault(slot, []).append((f"layer {call.name!r}", dx))


def _several(arrivals: list[tuple[str, Array]]) -> list[tuple[str, Array]]:
    return arrivals if len(arrivals) > 1 else []


def copied(value: Any) -> Any:
    """Return a nest of lists, tuples and dicts with every array in it copied."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(copied, value))
    if isinstance(value, list | tuple):
        return type(value)(map(copied, value))
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return value
