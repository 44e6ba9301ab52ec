"""A layer that runs a graph of layers: what a model is before it is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import tracing
from minidl._typing import Residuals, Shape
from minidl.layers.layer import Layer, overrides
from minidl.layers.mask_operations import Operation
from minidl.layers.masks import beside_inputs, check_mask
from minidl.layers.shape_inference import infer_output_shape
from minidl.layers.symbolic import SymbolicTensor, is_symbolic
from minidl.models.graph import Graph
from minidl.models.masked_plan import has_masks, plan_of
from minidl.models.plan import Plan
from minidl.models.structure import Structure


class GraphLayer(Layer):
    """The graph of a model, its tensors, and the plans that run it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._graph: Graph | None = None
        self._inputs = Structure.unknown()
        self._outputs = Structure.unknown()
        self._forget_plans()

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        self._inputs = Structure.of(inputs, "inputs")
        self._outputs = Structure.of(outputs, "outputs")
        self._graph = Graph(self._inputs.tensors, self._outputs.tensors)
        self.built = True
        self._forget_plans()
        if not self._trainable:
            self.trainable = False

    @property
    def graph(self) -> Graph | None:
        """The graph, or None for a model that is not built or computes by itself."""
        return self._graph

    def unrolled_graph(self) -> Graph | None:
        """Return the graph for an outer model to take up; None where `forward` was overridden."""
        own = type(self).forward is not GraphLayer.forward or overrides(type(self), "call")
        return None if own else self._graph

    # Layers

    @property
    def has_layers_in_order(self) -> bool:
        """Whether the layers are those of a graph or a stack, rather than attributes."""
        return self._graph is not None or "_layers" in vars(self)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in Keras's order; operations that masks are made with are none."""
        return [layer for layer in self.sublayers() if not isinstance(layer, Operation)]

    def sublayers(self) -> list[Layer]:
        """Return the graph's layers, or those among the attributes where there is no graph."""
        return list(self._graph.layers) if self._graph is not None else super().sublayers()

    # Tensors

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The input tensors as a list."""
        return self._inputs.tensors

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The output tensors as a list."""
        return self._outputs.tensors

    @property
    def input(self) -> Any:
        """The input tensor, or the list or dict of them."""
        return self._inputs.packed(self._inputs.tensors)

    @property
    def output(self) -> Any:
        """The output tensor, or the list or dict of them."""
        return self._outputs.packed(self._outputs.tensors)

    @property
    def input_names(self) -> list[str]:
        """The names by which a dict of inputs is read."""
        return self._inputs.names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers they come from, or the dict's keys."""
        return self._outputs.names

    @property
    def input_shape(self) -> Any:
        """The input's shape, or the list or dict of them."""
        return self._inputs.packed([t.shape for t in self._inputs.tensors])

    @property
    def output_shape(self) -> Any:
        """The output's shape, or the list or dict of them."""
        return self._outputs.packed([t.shape for t in self._outputs.tensors])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape, with the batch size of `input_shape`."""
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        batch = first[0] if isinstance(first, list | tuple) else None
        shapes: list[Shape] = [(batch, *t.shape[1:]) for t in self._outputs.tensors]
        return shapes[0] if len(shapes) == 1 else shapes

    # The layer contract

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, or become part of the graph of the symbolic inputs."""
        if tracing.listening and tracing.current() is not None:
            return super().__call__(*args, **kwargs)
        inputs, options = self.pack_inputs(args, kwargs)
        if self._graph is None:
            return super().__call__(*args, **kwargs)
        if is_symbolic(inputs):
            tensors = self._inputs.flatten(inputs, f"Model {self.name!r}")
            self._inputs.check_shapes([t.shape for t in tensors], f"Model {self.name!r}")
            inputs = tensors if len(tensors) > 1 else tensors[0]
            outputs = self._record(inputs, options, (args, kwargs))
            return self._outputs.packed(outputs if isinstance(outputs, list) else [outputs])
        if self.unrolled_graph() is None:
            return super().__call__(*args, **kwargs)
        arrays = self._inputs.arrays(inputs, f"Model {self.name!r}")
        masks = self._input_masks(options.get("mask"), [array.shape for array in arrays])
        plan = self._plan(masks=masks)
        if not options.get("training"):
            return self._outputs.packed(plan.predict(arrays + masks))
        return self._outputs.packed(plan.forward(arrays + masks, True)[0])

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Residuals]:
        """Run the graph; the residuals are its plan and tape."""
        if self._graph is None:
            return super().forward(x, training)
        arrays = self._inputs.flatten(x, f"Model {self.name!r}")
        masks = self._input_masks(mask, [np.shape(array) for array in arrays])
        plan = self._plan(input_gradients=True, masks=masks)
        outputs, tape = plan.forward(arrays + masks, training)
        return self._outputs.packed(outputs), (plan, tape)

    @property
    def writes_call_alone(self) -> bool:
        """Whether a subclass wrote `call`, and there is no graph to run."""
        return self._graph is None and type(self).forward is GraphLayer.forward

    def backward(self, residuals: Residuals, dy: Any, need_dx: bool = True) -> Any:
        """Run the graph backwards: every parameter gets its gradient, the inputs' is returned."""
        if self._graph is None:
            backward: Any = super().backward
            return backward(residuals, dy, need_dx)
        plan, tape = residuals
        dys = self._outputs.flatten(dy, f"Model {self.name!r}")
        dxs = plan.backward(list(tape), dys)
        return self._inputs.packed(dxs[: len(self._inputs.tensors)])

    def added_loss(self, residuals: Residuals) -> float:
        """Return what the graph's layers added to the loss in a run."""
        if self._graph is None:
            return super().added_loss(residuals)
        plan, tape = residuals
        return plan.added_loss(tape)

    def adds_within(self) -> bool:
        """Return whether layers of the graph add to the loss, or may; one with masks is left out.

        A tape that records then follows each of them by itself, so that what they add has a
        gradient of its own.
        """
        assert self._graph is not None
        members = [m for layer in self._graph.layers for m in layer.with_sublayers()]
        adds = any(m.activity_regularizer is not None or m.writes_call_alone for m in members)
        return adds and not has_masks(self._graph)

    def call_one_by_one(self, x: Any, training: bool) -> Any:
        """Call the graph's layers one after the other, and return the output."""
        assert self._graph is not None
        tensors = self._inputs.flatten(x, f"Model {self.name!r}")
        values = dict(zip(map(id, self._graph.inputs), tensors, strict=True))
        for node in self._graph.nodes:
            if all(id(tensor) in values for tensor in node.outputs):
                continue  # an input
            inputs = [values[id(tensor)] for tensor in node.inputs]
            options = {"training": training, **node.options}
            y = node.layer(inputs[0] if node.single else inputs, **options)
            outputs = [y] if node.single_output else list(y)
            values.update(zip(map(id, node.outputs), outputs, strict=True))
        return self._outputs.packed([values[id(tensor)] for tensor in self._graph.outputs])

    def _input_masks(self, mask: Any, shapes: list[Shape]) -> list[Any]:
        """Return a mask for each input, or None for one without; no list at all without any."""
        if mask is None:
            return []
        masks = beside_inputs(mask, shapes)
        check_mask(self, masks, shapes)
        return [None if one is None else np.asarray(one, dtype=bool) for one in masks]

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Split a call's arguments; a dict of tensors by the inputs' names is one argument."""
        if args and isinstance(args[0], dict):
            return args[0], dict(kwargs)
        return super().pack_inputs(args, kwargs)

    def build(self, input_shape: Any) -> None:
        """Build a subclassed model's own weights; a graph is built from the start."""

    def ensure_built(self, input_shape: Any) -> None:
        """Build a subclass's own weights, and by a trial run the layers that its `call` uses."""
        if self.built:
            return
        super().ensure_built(input_shape)
        if self.writes_call_alone and overrides(type(self), "call"):
            infer_output_shape(self, input_shape)

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        # A tensor knows the call that made it, and that call its inputs: walked from the outputs,
        # a deep model would be a deep recursion. In running order each call finds its inputs done.
        nodes = [] if self._graph is None else self._graph.nodes
        return {"_nodes_in_order": nodes, **vars(self), "_plans": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({k: v for k, v in state.items() if k != "_nodes_in_order"})

    # Plans

    def _plan(self, input_gradients: bool = False, masks: Any = ()) -> Plan:
        """Return the plan for a run outside training, made once and kept.

        Arguments:
            input_gradients: whether the run goes backwards too, down to the model's inputs.
            masks: the masks of the inputs, if the caller gave any.
        """
        given = tuple(mask is not None for mask in masks)
        key = (given, *[p.trainable for p in self.weights]) if input_gradients else (given,)
        plan = self._plans.get(key)
        if plan is None:
            assert self._graph is not None
            plan = self._plans[key] = plan_of(self._graph, input_gradients, masked_inputs=given)
        return plan

    def _forget_plans(self) -> None:
        self._plans: dict[tuple[Any, ...], Plan] = {}
