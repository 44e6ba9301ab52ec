"""A model's layers as boxes and the tensors between them as arrows, for whoever draws it.

`utils.plot_model`, `utils.model_to_dot` and TensorBoard's graph page start from it. A layer is one
box, whatever number of calls it has; only where that would make the arrows go round in a circle
(a layer that is applied to its own output) does every call get a box of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from minidl._typing import Shape
from minidl.layers.layer import Layer
from minidl.layers.mask_operations import Operation
from minidl.layers.symbolic import Node, SymbolicTensor


@dataclass(eq=False)
class Box:
    """A layer in a diagram.

    Attributes:
        layer: the layer.
        call: the number of its call, from 1, where each has a box of its own, else 0.
        input_shapes, output_shapes: each different shape once, in the order of the calls.
        output_dtypes: likewise.
        inner: the diagram of a nested model that is to be shown in full.
    """

    layer: Layer
    call: int = 0
    input_shapes: list[Shape] = field(default_factory=list)
    output_shapes: list[Shape] = field(default_factory=list)
    output_dtypes: list[str] = field(default_factory=list)
    inner: Diagram | None = None

    @property
    def name(self) -> str:
        """The layer's name, with the number of the call where it has one."""
        return f"{self.layer.name} ({self.call})" if self.call else self.layer.name

    def add(self, node: Node) -> None:
        """Take note of a call's shapes."""
        for known, shapes in (
            (self.input_shapes, [tensor.shape for tensor in node.inputs]),
            (self.output_shapes, [tensor.shape for tensor in node.outputs]),
        ):
            counts = Counter(known)
            known += [s for s, n in Counter(shapes).items() for _ in range(n - counts[s])]
        dtypes = [tensor.dtype for tensor in node.outputs]
        self.output_dtypes += [d for d in dict.fromkeys(dtypes) if d not in self.output_dtypes]


@dataclass(frozen=True)
class Edge:
    """An arrow: output number `output` of a box is input number `input` of another."""

    source: Box
    output: int
    target: Box
    input: int


@dataclass(eq=False)
class Diagram:
    """The boxes and arrows of one model; those of a nested one are in its box, as `inner`.

    Attributes:
        boxes: in an order in which the layers can run.
        edges: no two are the same.
        inputs: the box of each of the model's inputs.
        outputs: box and output number of each of the model's outputs.
    """

    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    inputs: list[Box] = field(default_factory=list)
    outputs: list[tuple[Box, int]] = field(default_factory=list)

    def all_boxes(self) -> Iterator[Box]:
        """Go through the boxes, those of nested models included."""
        for box in self.boxes:
            yield box
            if box.inner is not None:
                yield from box.inner.all_boxes()


def diagram(model: Any, expand_nested: bool = False) -> Diagram:
    """Return the diagram of a model.

    A model that computes by itself, without a graph of layers, is one box.

    Arguments:
        model: a model that is built.
        expand_nested: whether a nested model is shown with the layers in it.

    Raises:
        ValueError: if the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built, so its layers are not connected yet. Give it an "
            "Input, call model.build(input_shape), or call it on data."
        )
    if model.graph is None:
        return Diagram(boxes=[Box(model)])
    nodes = [node for node in model.graph.nodes if not isinstance(node.layer, Operation)]
    home = _boxes(nodes, apart=False)
    edges = _edges(nodes, home)
    if _goes_round(edges):
        home = _boxes(nodes, apart=True)
        edges = _edges(nodes, home)
    drawn = Diagram(
        boxes=list(dict.fromkeys(home.values())),
        edges=edges,
        inputs=[home[tensor.node] for tensor in model.inputs],
        outputs=[(home[tensor.node], tensor.index) for tensor in model.outputs],
    )
    if expand_nested:
        for box in drawn.boxes:
            if getattr(box.layer, "graph", None) is not None:
                box.inner = diagram(box.layer, expand_nested)
    return drawn


def _boxes(nodes: list[Node], apart: bool) -> dict[Node, Box]:
    """Return the box of every call; `apart` gives each call of a shared layer one of its own."""
    calls = Counter(id(node.layer) for node in nodes)
    seen: Counter[int] = Counter()
    home: dict[Node, Box] = {}
    shared: dict[int, Box] = {}
    for node in nodes:
        key = id(node.layer)
        seen[key] += 1
        if apart and calls[key] > 1:
            box = Box(node.layer, call=seen[key])
        else:
            box = shared.setdefault(key, Box(node.layer))
        box.add(node)
        home[node] = box
    return home


def _edges(nodes: list[Node], home: dict[Node, Box]) -> list[Edge]:
    edges = {
        Edge(home[tensor.node], tensor.index, home[node], at): None
        for node in nodes
        for at, tensor in enumerate(node.inputs)
        if _is_drawn(tensor, home)
    }
    return list(edges)


def _is_drawn(tensor: SymbolicTensor, home: dict[Node, Box]) -> bool:
    return getattr(tensor, "node", None) in home


def _goes_round(edges: list[Edge]) -> bool:
    """Return whether following the arrows leads back to a box (they are taken off one by one)."""
    waiting = Counter(edge.target for edge in edges)
    after: dict[Box, list[Box]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge.target)
    free = [box for box in after if not waiting[box]]
    while free:
        for target in after.get(free.pop(), ()):
            waiting[target] -= 1
            if not waiting[target]:
                free.append(target)
    return any(waiting.values())
