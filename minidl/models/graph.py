"""The graph of a model: which layers are called, on what, in which order.

`Graph` follows the nodes that symbolic calls left behind from the outputs back to the inputs and
puts them in an order in which every input comes before its use. It holds no numbers; `plan.py`
runs it.
"""

from __future__ import annotations

from minidl.layers.layer import Layer
from minidl.layers.symbolic import Node, SymbolicTensor


class Graph:
    """The calls between some input tensors and some output tensors.

    Arguments:
        inputs: symbolic tensors, where arrays will enter.
        outputs: symbolic tensors, what the model gives.

    Attributes:
        nodes: the calls, in an order in which they can run.
        layers: each layer once, in Keras's order: by distance from the outputs, farthest first,
            and first come, first served among equals. Weights are numbered in this order.

    Raises:
        ValueError: if an output hangs on an input that is not among `inputs`.
    """

    def __init__(self, inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.nodes, first_seen = _sort(inputs, outputs)
        self.layers = _keras_order(self.nodes, first_seen)


def _sort(
    inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[Node], dict[int, int]]:
    """Return the nodes in running order, and for each layer when the walk first met it."""
    entries = {id(tensor) for tensor in inputs}
    done: set[int] = set()
    order: list[Node] = []
    first_seen: dict[int, int] = {}

    # A walk by hand rather than by recursion: a chain of a thousand layers is no error.
    stack: list[tuple[SymbolicTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, inputs_done = stack.pop()
        node = tensor.node
        if id(node) in done:
            continue
        is_entry = id(tensor) in entries
        if inputs_done or is_entry:
            done.add(id(node))
            first_seen.setdefault(id(node.layer), len(first_seen))
            order.append(node)
            continue
        if not node.inputs:
            known = ", ".join(repr(t.name) for t in inputs)
            raise ValueError(
                f"The outputs depend on the input {tensor.name!r}, which is not among the model's "
                f"inputs ({known}). Add it: Model(inputs=[..., {tensor.name}], outputs=...)."
            )
        first_seen.setdefault(id(node.layer), len(first_seen))
        stack.append((tensor, True))
        stack.extend((source, False) for source in reversed(node.sources))
    unused = [tensor.node for tensor in inputs if id(tensor.node) not in done]
    first_seen.update({id(node.layer): -1 for node in unused})  # as Keras: before their equals
    return unused + order, first_seen


def _keras_order(nodes: list[Node], first_seen: dict[int, int]) -> list[Layer]:
    """Return the layers as Keras lists them: by depth, deepest first."""
    node_depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    known = {id(node) for node in nodes}
    for node in reversed(nodes):
        depth = max(node_depth.get(id(node), 0), layer_depth.get(id(node.layer), 0))
        node_depth[id(node)] = layer_depth[id(node.layer)] = depth
        for tensor in node.sources:
            if id(tensor.node) in known:
                parent = id(tensor.node)
                node_depth[parent] = max(node_depth.get(parent, 0), depth + 1)
    unique = {id(node.layer): node.layer for node in nodes}
    return sorted(unique.values(), key=lambda la: (-layer_depth[id(la)], first_seen[id(la)]))
