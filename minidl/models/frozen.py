"""A model's inference alone: a snapshot of its weights, made as quick as it goes, for many threads.

model ──copy──► plan ──fold──► fewer steps ──run──► y       each thread has buffers of its own
"""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np

from minidl import layers
from minidl._typing import Array
from minidl.kernels import product
from minidl.layers.layer import Layer
from minidl.layers.symbolic import SymbolicTensor
from minidl.models.folding import simplify
from minidl.models.graph import Graph
from minidl.models.masked_plan import MaskedStep, plan_of
from minidl.models.plan import Plan
from minidl.models.plan_step import Step
from minidl.models.structure import Structure


class FrozenModel:
    """What `model.freeze()` returns: a function from inputs to outputs that nothing changes.

        y = frozen(x)

    It holds a copy of the weights: training the model further, or loading other weights into it,
    does not reach it. Nothing is left in it that training needs. Each batch normalization is taken
    into the Dense layer or convolution next to it, where there is one, and dropout, noise and
    activity penalties are gone. So y differs from `model.predict(x)` by round-off alone, and
    where nothing was folded not at all (a batch being computed in one go, as with
    `predict(x, batch_size=len(x))`, and on NumPy alone: with `minidl[fast]` large products are
    shared between threads there, and add up in another order).

    It may be called from any number of threads at once: what is written while it runs belongs to
    the thread that runs it, and is used again in that thread's next call: a Dense layer's arrays
    here, large arrays of any layer by `kernels/memory.py`. The result is always an array of its
    own. Inputs are compared with the model's shapes and not searched for NaN.

    Attributes:
        name: the model's.
        folded: the names of the layers that are gone.
        input_names, output_names: as the model's.

    Example:
        >>> from minidl import Input, Sequential
        >>> model = Sequential(
        ...     [Input((3,)), layers.Dense(4), layers.BatchNormalization(name="bn"), layers.ReLU()]
        ... )
        >>> frozen = model.freeze()
        >>> frozen(np.ones((1, 3))).shape, frozen.folded[0]
        ((1, 4), 'bn')
        >>> bool(np.allclose(frozen(np.ones((1, 3))), model.predict(np.ones((1, 3)), verbose=0)))
        True

    Source: folding: Jacob et al., "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", 2018, section 3.2.
    """

    def __init__(self, name: str, graph: Graph, inputs: Structure, outputs: Structure) -> None:
        self.name = name
        self._inputs = _without_graph(inputs)
        self._outputs = _without_graph(outputs)
        self._owner = f"Frozen model {name!r}"
        plan = plan_of(graph)
        _take_copies(plan, name)
        self.folded = simplify(plan)
        self._plan = plan
        self._steps = [_quick(step, plan) for step in plan.steps]
        self._own = [_gives_its_own(self._steps, slot) for slot in plan.outputs]
        self._buffers = _Buffers()

    @property
    def input_names(self) -> list[str]:
        """The names by which a dict of inputs is read."""
        return self._inputs.names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return self._outputs.names

    def __call__(self, x: Any) -> Any:
        """Return the outputs for a batch of any size, in the form that `predict` gives.

        Arguments:
            x: an array, or a list or dict of them, with the batch axis.

        Raises:
            ValueError: if the shapes do not fit.
        """
        buffers = self._buffers.of_thread
        arrays = self._inputs.arrays(x, self._owner)
        outputs = self._plan.walk(arrays, self._steps, lambda step, x: step.run(x, buffers))
        results = [y if own else np.array(y) for y, own in zip(outputs, self._own, strict=True)]
        return self._outputs.packed(results)

    def __repr__(self) -> str:
        gone = f", without {', '.join(self.folded)}" if self.folded else ""
        return f"<FrozenModel {self.name}: {len(self._steps)} steps{gone}>"


class _Buffers(threading.local):
    """The arrays of one thread, by the step that writes them."""

    def __init__(self) -> None:
        self.of_thread: dict[int, Array] = {}


class _QuickStep:
    """A step that keeps no residuals: by default the layer's own `forward`."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.inputs, self.outputs = step.inputs, step.outputs
        self.single, self.single_output = step.single, step.single_output

    def run(self, x: Any, buffers: dict[int, Array]) -> Any:
        """Return the step's output or outputs."""
        return self.step.forward(x, False)[0]


class _QuickDense(_QuickStep):
    """f(x W + b), written where the thread's last call wrote it.

    Arguments:
        final: whether the result leaves the model, and must be a new array.
    """

    def __init__(self, step: Step, final: bool) -> None:
        super().__init__(step)
        layer: Any = step.layer
        self.kernel = layer.kernel.value
        self.bias = layer.bias.value if layer.use_bias else None
        self.activation = layer.activation
        self.final = final

    def run(self, x: Array, buffers: dict[int, Array]) -> Array:
        """Return f(x W + b)."""
        z = product(x, self.kernel, None if self.final else self._buffer(x, buffers))
        return self.activation.forward_in_place(z, self.bias)[0]

    def _buffer(self, x: Array, buffers: dict[int, Array]) -> Array:
        shape = (*x.shape[:-1], self.kernel.shape[1])
        buffer = buffers.get(id(self))
        if buffer is None or buffer.shape != shape:
            buffer = buffers[id(self)] = np.empty(shape, self.kernel.dtype)
        return buffer


def _quick(step: Step, plan: Plan) -> _QuickStep:
    if type(step) is Step and type(step.layer) is layers.Dense:
        return _QuickDense(step, step.outputs[0] in plan.outputs)
    return _QuickStep(step)


def _gives_its_own(steps: list[_QuickStep], slot: int) -> bool:
    """Return whether an output is a new array for certain, and not a view of a buffer or input."""
    makers = [step for step in steps if slot in step.outputs]
    return len(makers) == 1 and isinstance(makers[0], _QuickDense)


def _take_copies(plan: Plan, model: str) -> None:
    """Give a plan copies of its layers, which share with each other what the layers shared."""
    memo: dict[int, Any] = {}
    for step in plan.steps:
        for one in (step, step.inner) if isinstance(step, MaskedStep) else (step,):
            _check(one.layer, model)
            memo[id(one.layer.nodes)] = []  # what the layer was called on is not its own
            one.layer = copy.deepcopy(one.layer, memo)


def _check(layer: Layer, model: str) -> None:
    for each in (layer, *layer.sublayers()):
        if getattr(each, "stateful", False):
            raise ValueError(
                f"Model {model!r} cannot be frozen: layer {each.name!r} is stateful, so what it "
                "gives depends on the calls before, of whichever thread. Make it with "
                "stateful=False and hand the states on: return_state=True and initial_state=...."
            )


def _without_graph(structure: Structure) -> Structure:
    """Return a structure whose tensors do not hold on to the layers that made them."""
    tensors = [SymbolicTensor(t.shape, t.dtype, t.name) for t in structure.tensors]
    return Structure(structure.kind, tensors, list(structure.names))
