"""The configuration of a graph of layers, in the form in which Keras writes it down, and back.

A layer's entry has its configuration and its calls; a call names the tensors it took by
`[layer, call, output]`: which layer made them, in which of its calls, as which of its outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl.layers.layer import Layer
from minidl.layers.symbolic import Node, SymbolicTensor
from minidl.registry import nearest, serialize

if TYPE_CHECKING:
    from minidl.models.model import Model
    from minidl.models.structure import Structure


def to_config(model: Model) -> dict[str, Any]:
    """Return the configuration of a model made from inputs and outputs."""
    graph = model.graph
    assert graph is not None
    calls: dict[int, list[Node]] = {}
    for node in graph.nodes:
        calls.setdefault(id(node.layer), []).append(node)
    position = {id(n): i for nodes in calls.values() for i, n in enumerate(nodes)}

    def history(tensor: SymbolicTensor) -> list[Any]:
        return [tensor.node.layer.name, position[id(tensor.node)], tensor.index]

    def argument(tensor: SymbolicTensor) -> dict[str, Any]:
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(tensor.shape),
                "dtype": tensor.dtype,
                "keras_history": history(tensor),
            },
        }

    def call(node: Node) -> dict[str, Any]:
        tensors = [argument(tensor) for tensor in node.inputs]
        return {"args": [tensors[0] if node.single else tensors], "kwargs": serialize(node.options)}

    entries = []
    for layer in graph.layers:
        entry = serialize(layer)
        entry["name"] = layer.name
        entry["inbound_nodes"] = [call(node) for node in calls[id(layer)] if node.inputs]
        entries.append(entry)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": _packed(model._inputs, history),
        "output_layers": _packed(model._outputs, history),
    }


def _packed(structure: Structure, history: Any) -> Any:
    return structure.packed([history(tensor) for tensor in structure.tensors])


def from_config(cls: type[Model], config: dict[str, Any], custom_objects: Any = None) -> Model:
    """Make a model, with fresh weights, from what `to_config` returned.

    Raises:
        ValueError: if a class is unknown, or the calls hang on tensors that nothing makes.
    """
    layers: dict[str, Layer] = {}
    made: dict[tuple[str, int, int], SymbolicTensor] = {}
    waiting: list[tuple[str, int, dict[str, Any]]] = []
    for entry in config["layers"]:
        layer = layer_from_config(entry, custom_objects)
        name = entry.get("name", layer.name)
        layers[name] = layer
        if not entry["inbound_nodes"]:
            made[name, 0, 0] = layer.output
        waiting += [(name, i, call) for i, call in enumerate(entry["inbound_nodes"])]

    def tensor(history: list[Any]) -> SymbolicTensor:
        return made[history[0], history[1], history[2]]

    while waiting:
        blocked = []
        for name, index, call in waiting:
            if not all(tuple(h) in made for h in _histories(call["args"])):
                blocked.append((name, index, call))
                continue
            arguments = [_resolve(item, tensor) for item in call["args"]]
            out = layers[name](*arguments, **call.get("kwargs", {}))
            for i, item in enumerate(out if isinstance(out, list) else [out]):
                made[name, index, i] = item
        if len(blocked) == len(waiting):
            raise ValueError(
                f"The configuration of model {config.get('name')!r} has calls of "
                f"{sorted({name for name, _, _ in blocked})} on tensors that no layer makes. It is "
                "damaged, or was edited by hand."
            )
        waiting = blocked
    return cls(
        inputs=_unpacked(config["input_layers"], tensor),
        outputs=_unpacked(config["output_layers"], tensor),
        name=config.get("name"),
        trainable=config.get("trainable", True),
    )


def layer_from_config(entry: dict[str, Any], custom_objects: Any = None) -> Layer:
    """Make one layer from `{"class_name": ..., "config": ...}`.

    Raises:
        ValueError: if no layer bears that class name.
    """
    known = known_layers()
    known.update(custom_objects or {})
    name = entry["class_name"]
    if name not in known:
        raise ValueError(
            f"Unknown layer {name!r}. {nearest(name, list(known))} A layer of your own is passed "
            f"as custom_objects={{{name!r}: {name}}}."
        )
    cls = known[name]
    from minidl.models.model import Model

    if issubclass(cls, Model):
        return cls.from_config(entry["config"], custom_objects)
    return cls.from_config(entry["config"])


def known_layers() -> dict[str, type[Layer]]:
    """Return every built-in layer and model class by name."""
    from minidl import layers
    from minidl.models.model import Model
    from minidl.models.sequential import Sequential

    found = {n: c for n, c in vars(layers).items() if isinstance(c, type) and issubclass(c, Layer)}
    return {**found, "Sequential": Sequential, "Model": Model, "Functional": Model}


def _histories(value: Any) -> list[list[Any]]:
    """Return every tensor's origin among a call's arguments."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return [value["config"]["keras_history"]]
    if isinstance(value, list | tuple):
        return [history for item in value for history in _histories(item)]
    return []


def _resolve(value: Any, tensor: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return tensor(value["config"]["keras_history"])
    if isinstance(value, list | tuple):
        return [_resolve(item, tensor) for item in value]
    return value


def _unpacked(value: Any, tensor: Any) -> Any:
    """Return tensors for one origin, a list or a dict of them."""
    if isinstance(value, dict):
        return {key: tensor(history) for key, history in value.items()}
    return tensor(value) if isinstance(value[0], str) else [tensor(history) for history in value]
