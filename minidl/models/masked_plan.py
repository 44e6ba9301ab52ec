"""A plan in which masks travel next to the values, made only where a graph has masks.

    values:   ids ──[Embedding]──► ──[Dense]──► ──[LSTM]──► y       a mask is a value like any
    masks:     └────[mask of it]──────► the same ──┘                other, without a gradient

A layer that computes with a mask gets it from `MaskedStep`; one that changes it has a `MaskStep`
next to its own step. Layers that pass a mask on have neither: their output shares its slot.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer, call_forward, overrides, takes_mask
from minidl.layers.symbolic import Node
from minidl.models.graph import Graph
from minidl.models.plan import Plan, Tape
from minidl.models.plan_step import Step

Slot = int | None  # where a mask is; None where there is none


def plan_of(
    graph: Graph,
    input_gradients: bool = False,
    views: dict[int, Layer] | None = None,
    masked_inputs: Sequence[bool] = (),
) -> Plan:
    """Return the plan of a graph, of the kind that carries masks only if there can be any.

    Arguments:
        graph, input_gradients, views: as for `Plan`.
        masked_inputs: which inputs come with a mask; the masks then follow the inputs.
    """
    if any(masked_inputs) or has_masks(graph):
        return MaskedPlan(graph, input_gradients, views, masked_inputs)
    return Plan(graph, input_gradients, views)


def has_masks(graph: Graph) -> bool:
    """Return whether anything in a graph makes a mask or is given one."""
    for node in graph.nodes:
        inner = node.layer.unrolled_graph()
        if node.masks or node.layer.makes_mask or (inner is not None and has_masks(inner)):
            return True
    return False


class MaskedStep(Step):
    """A call of a layer that computes with the mask: the masks' slots follow the inputs'.

    Arguments:
        inner: the call as it would be without a mask.
        masks: where the mask of each input is.
    """

    __slots__ = ("inner", "masks")

    def __init__(self, inner: Step, masks: list[Slot]) -> None:
        given = [slot for slot in masks if slot is not None]
        super().__init__(inner.layer, inner.inputs + given, inner.outputs)
        self.single = False
        self.single_output = inner.single_output
        self.inner = inner
        self.masks = masks

    def forward(self, x: list[Any], training: bool) -> tuple[Any, Residuals]:
        """Run the layer forwards, with its input's mask."""
        step = self.inner
        count = len(step.inputs)
        mask = _spread(x[count:], self.masks)
        inputs: Any = x[0] if step.single else x[:count]
        training = training if step.training is None else step.training
        options = {**step.options, "mask": mask[0] if step.single else mask}
        if not step.custom:
            return call_forward(step.layer, inputs, training, options)
        y, residuals = step.forward_guarded(inputs, training, options)
        shapes = [np.shape(a) for a in x[:count]]
        return y, (residuals, shapes[0] if step.single else shapes)

    def backward(self, residuals: Residuals, dy: Any) -> list[Any]:
        """Run the layer backwards; masks have no gradient."""
        step = self.inner
        step.wants_dx = self.wants_dx
        dx = step.backward(residuals, dy)
        dxs = [dx] if step.single or dx is None else list(dx)
        return dxs + [None] * (len(self.inputs) - len(dxs))


class MaskStep(Step):
    """What a layer makes of its input's mask: `compute_mask` on values and masks."""

    __slots__ = ("masks", "one")

    def __init__(self, call: Step, masks: list[Slot], outputs: list[int]) -> None:
        given = [slot for slot in masks if slot is not None]
        super().__init__(call.layer, call.inputs + given, outputs)
        self.parameters = []  # they are the layer's own step's
        self.single = self.single_output = False
        self.one = call.single
        self.masks = masks

    def forward(self, x: list[Any], training: bool) -> tuple[list[Any], Residuals]:
        """Return the output masks; one is None where nothing is masked."""
        count = len(self.masks)
        mask: Any = _spread(x[count:], self.masks)
        inputs: Any = x[:count]
        if self.one:
            inputs, mask = inputs[0], mask[0]
        elif all(one is None for one in mask):
            mask = None
        made = self.layer.compute_mask(inputs, mask)
        masks = list(made) if isinstance(made, list | tuple) else [made]
        masks += [None] * (len(self.outputs) - len(masks))
        return masks[: len(self.outputs)], None


class KeptMask(Step):
    """Puts an output's mask on the tape, where the loss and the metrics find it."""

    def __init__(self, layer: Layer, mask: int) -> None:
        super().__init__(layer, [mask], [])
        self.parameters = []
        self.single_output = False

    def forward(self, x: Any, training: bool) -> tuple[list[Any], Residuals]:
        """Return nothing but the mask as a residual."""
        return [], x


class LostMask(Step):
    """Warns once where a mask reaches a layer that has no use for it."""

    __slots__ = ("warned",)

    def __init__(self, layer: Layer, masks: list[Slot]) -> None:
        super().__init__(layer, [slot for slot in masks if slot is not None], [])
        self.parameters = []
        self.single = self.single_output = False
        self.warned = False

    def forward(self, x: list[Any], training: bool) -> tuple[list[Any], Residuals]:
        """Return nothing."""
        if not self.warned and any(mask is not None for mask in x):
            self.warned = True
            warnings.warn(
                f"Layer {self.layer.name!r} ({type(self.layer).__name__}) received an input with a "
                "mask and does not support masking: layers behind it will not see the mask. Put a "
                "layer that uses the mask (an LSTM, a GlobalAveragePooling1D) in front of it, or "
                "leave the mask away (mask_zero=False) if padding may count.",
                stacklevel=2,
            )
        return [], None


def _spread(given: list[Any], masks: list[Slot]) -> list[Any]:
    """Return the given masks with None in the places that have no slot."""
    rest = iter(given)
    return [None if slot is None else next(rest) for slot in masks]


class MaskedPlan(Plan):
    """A plan that carries masks next to the values.

    Arguments:
        graph, input_gradients, views: as for `Plan`.
        masked_inputs: which inputs come with a mask; the masks then follow the inputs.
    """

    def __init__(
        self,
        graph: Graph,
        input_gradients: bool = False,
        views: dict[int, Layer] | None = None,
        masked_inputs: Sequence[bool] = (),
    ) -> None:
        self._masks: dict[int, int] = {}  # the slot of a value's mask, by the value's slot
        self._masked_inputs = masked_inputs
        self._given: list[int] = []  # the slots of the inputs' masks
        self._kept: list[Slot] = []  # for each output the step with its mask
        super().__init__(graph, input_gradients, views)
        self.inputs += self._given

    def _unroll_whole(self, graph: Graph, slots: dict[int, int]) -> None:
        """Append all steps, with the inputs' masks before them and the outputs' behind."""
        if self._masked_inputs:
            self._given = [self._new_slot("bool") for _ in graph.inputs]
            for tensor, mask, masked in zip(
                graph.inputs, self._given, self._masked_inputs, strict=True
            ):
                if masked:
                    self._masks[slots[id(tensor)]] = mask
        super()._unroll_whole(graph, slots)
        for tensor in graph.outputs:
            slot = self._masks.get(slots[id(tensor)])
            self._kept.append(None if slot is None else len(self.steps))
            if slot is not None:
                self.steps.append(KeptMask(tensor.node.layer, slot))

    def _unroll_model(
        self, node: Node, inner: Graph, slots: dict[int, int], training: bool | None
    ) -> None:
        """Put the steps of a nested model in place of its call; given masks hold within it."""
        outside = dict(self._masks)
        for tensor, mask in zip(node.inputs, node.masks, strict=False):
            if mask is not None:
                self._masks[slots[id(tensor)]] = slots[id(mask)]
        super()._unroll_model(node, inner, slots, training)
        for tensor in node.inputs if node.masks else ():
            slot = slots[id(tensor)]
            self._masks.pop(slot, None)
            if slot in outside:
                self._masks[slot] = outside[slot]

    def _append(self, node: Node, slots: dict[int, int], training: bool | None) -> None:
        position = len(self.steps)
        super()._append(node, slots, training)
        step = self.steps[position]
        masks: list[Slot] = [self._masks.get(slot) for slot in step.inputs]
        for i, mask in enumerate(node.masks):
            if mask is not None:
                masks[i] = slots[id(mask)]
        masked = any(slot is not None for slot in masks)
        if masked and takes_mask(step.layer):
            self.steps[position] = MaskedStep(step, masks)
        outputs = [slots[id(tensor)] for tensor in node.outputs]
        if masked and not step.layer.supports_masking:
            self.steps.append(LostMask(step.layer, masks))
        elif masked and not overrides(type(step.layer), "compute_mask"):
            pairs = zip(outputs, masks, strict=False)
            self._masks.update({slot: mask for slot, mask in pairs if mask is not None})
        elif masked or step.layer.makes_mask:
            made = [self._new_slot("bool") for _ in outputs]
            self.steps.append(MaskStep(step, masks, made))
            self._masks.update(zip(outputs, made, strict=True))

    def output_masks(self, tape: Tape) -> list[Array | None]:
        """Return the mask of each output in a run, or None for one without."""
        return [None if step is None else tape[step] for step in self._kept]
