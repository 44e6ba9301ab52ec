"""The configuration of a graph of layers, in the form in which Keras writes it down, and back.

A layer's entry has its configuration and its calls, each with its positional and its keyword
arguments; a tensor among them is named by `[layer, call, output]`: which layer made it, in which
of its calls, as which of its outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.layers.layer import Layer, accepts, overrides
from minidl.layers.mask_operations import MODULE, OPERATIONS, Operation, keras_name
from minidl.layers.symbolic import Node, SymbolicTensor
from minidl.registry import nearest, serialize

if TYPE_CHECKING:
    from minidl.models.model import Model
    from minidl.models.structure import Structure


FIXED = "training_is_fixed"
"""Marks a call with training=False that its caller wrote; Keras skips keys it does not know."""


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
        args, kwargs = _as_called(node)
        written = {"args": _written(list(args), argument), "kwargs": _written(kwargs, argument)}
        if kwargs.get("training") is False:
            written[FIXED] = True
        return written

    entries = []
    for layer in graph.layers:
        entry = serialize(layer)
        entry["name"] = layer.name
        if isinstance(layer, Operation):
            known_as = keras_name(layer)
            entry.update(module=MODULE, class_name=known_as, registered_name=known_as)
        entry["inbound_nodes"] = [call(node) for node in calls[id(layer)] if node.inputs]
        entries.append(entry)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": _packed(model._inputs, history),
        "output_layers": _packed(model._outputs, history),
    }


def _as_called(node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call's arguments in the form in which Keras's layers take them."""
    assert node.arguments is not None
    args, kwargs = node.arguments
    if "inputs" in kwargs:
        args, kwargs = (kwargs["inputs"],), {k: v for k, v in kwargs.items() if k != "inputs"}
    packs = overrides(type(node.layer), "pack_inputs") and not _is_model(node.layer)
    if len(args) > 1 and not packs and not isinstance(node.layer, Operation):
        args = (list(args),)  # Add()(x1, x2) is Keras's Add()([x1, x2])
    return args, kwargs


def _written(value: Any, argument: Any) -> Any:
    """Return a nest of call arguments with every tensor in it named."""
    if isinstance(value, SymbolicTensor):
        return argument(value)
    if isinstance(value, list | tuple):
        return [_written(item, argument) for item in value]
    if isinstance(value, dict):
        return {key: _written(item, argument) for key, item in value.items()}
    return serialize(value)


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
        calls = [{"kwargs": {}, **call} for call in entry["inbound_nodes"]]
        waiting += [(name, i, call) for i, call in enumerate(calls)]

    def tensor(history: list[Any]) -> SymbolicTensor:
        return made[history[0], history[1], history[2]]

    while waiting:
        blocked = []
        for name, index, call in waiting:
            if not all(tuple(h) in made for h in _histories([call["args"], call["kwargs"]])):
                blocked.append((name, index, call))
                continue
            arguments = [_resolve(item, tensor) for item in call["args"]]
            options = _resolve(call["kwargs"], tensor)
            layer = layers[name]
            if options.get("training") is False and not (FIXED in call or _is_model(layer)):
                del options["training"]  # Keras writes its layers' default down as if it were given
            out = layer(*arguments, **options)
            for i, item in enumerate(_flat(out)):
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
    if str(entry.get("module")).startswith("keras.src.ops"):
        known = dict(OPERATIONS)  # here Concatenate is the operation, and not the layer
    if name not in known:
        raise ValueError(
            f"Unknown layer {name!r}. {nearest(name, list(known))} A layer of your own is passed "
            f"as custom_objects={{{name!r}: {name}}}."
        )
    cls = known[name]
    make: Any = cls.from_config
    if accepts(cls.from_config, "custom_objects"):  # it makes layers or functions within
        return make(entry["config"], custom_objects)
    return make(entry["config"])


def known_layers() -> dict[str, type[Layer]]:
    """Return every built-in layer and model class by name."""
    from minidl import layers
    from minidl.models.model import Model
    from minidl.models.sequential import Sequential

    found = {n: c for n, c in vars(layers).items() if isinstance(c, type) and issubclass(c, Layer)}
    return {**found, "Sequential": Sequential, "Model": Model, "Functional": Model}


def _is_model(layer: Layer) -> bool:
    from minidl.models.model import Model

    return isinstance(layer, Model)


def _flat(out: Any) -> list[Any]:
    if isinstance(out, dict):
        out = list(out.values())
    return (
        [leaf for item in out for leaf in _flat(item)] if isinstance(out, list | tuple) else [out]
    )


def _histories(value: Any) -> list[list[Any]]:
    """Return every tensor's origin among a call's arguments."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        return [history for item in value.values() for history in _histories(item)]
    if isinstance(value, list | tuple):
        return [history for item in value for history in _histories(item)]
    return []


def _resolve(value: Any, tensor: Any) -> Any:
    """Return a nest of call arguments with every name of a tensor replaced by the tensor."""
    if isinstance(value, dict):
        kind = value.get("class_name")
        if kind == "__keras_tensor__":
            return tensor(value["config"]["keras_history"])
        if kind == "__tuple__":
            return tuple(_resolve(item, tensor) for item in value["items"])
        if kind in ("__numpy__", "__tensor__"):
            return np.asarray(value["config"]["value"], dtype=value["config"]["dtype"])
        return {key: _resolve(item, tensor) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(item, tensor) for item in value]
    return value


def _unpacked(value: Any, tensor: Any) -> Any:
    """Return tensors for one origin, a list or a dict of them."""
    if isinstance(value, dict):
        return {key: tensor(history) for key, history in value.items()}
    return tensor(value) if isinstance(value[0], str) else [tensor(history) for history in value]
