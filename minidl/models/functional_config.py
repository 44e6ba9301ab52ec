"""The configuration of a graph of layers, in the form in which Keras writes it down, and back.

A layer's entry has its configuration and its calls, each with its positional and its keyword
arguments; a tensor among them is named by `[layer, call, output]`: which layer made it, in which
of its calls, as which of its outputs.
"""

from __future__ import annotations

import operator
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minidl import registered
from minidl.layers.layer import Layer, accepts, overrides
from minidl.layers.mask_operations import MODULE, OPERATIONS, Operation, keras_name
from minidl.layers.symbolic import Node, SymbolicTensor
from minidl.registry import is_built_in, nearest, serialize

if TYPE_CHECKING:
    from minidl.models.model import Model
    from minidl.models.structure import Structure


FIXED = "training_is_fixed"
"""Marks a call with a `training` that its caller wrote; Keras skips keys it does not know."""


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
        if kwargs.get("training") is not None:
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
    made: dict[Any, SymbolicTensor] = {}
    calls: list[Call] = []
    for entry in config["layers"]:
        operator = operator_of(entry)
        layer = operator or layer_from_config(entry, custom_objects)
        name = entry.get("name") or layer.name
        if operator is None:
            layers[name] = layer
            if not entry["inbound_nodes"]:
                made[name, 0, 0] = layer.output
        nodes = [{"kwargs": {}, **call} for call in entry["inbound_nodes"]]
        calls += [Call(name, i, layer, node) for i, node in enumerate(nodes)]

    def tensor(history: list[Any]) -> SymbolicTensor:
        key = tuple(history)
        if key not in made:
            raise ValueError(
                f"The configuration of model {config.get('name')!r} names the tensor {key}, which "
                "no layer makes. It is damaged, or was edited by hand."
            )
        return made[key]

    _make_calls(calls, made, tensor, config.get("name"))
    return cls(
        inputs=_unpacked(config["input_layers"], tensor),
        outputs=_unpacked(config["output_layers"], tensor),
        name=config.get("name"),
        trainable=config.get("trainable", True),
    )


class Call(NamedTuple):
    """One call of a layer, or of an operator, that a configuration describes."""

    name: str
    number: int
    layer: Any
    node: dict[str, Any]

    def sources(self) -> set[Any]:
        """Return the origins of the tensors that the call hangs on."""
        return {tuple(h) for h in _histories([self.node["args"], self.node["kwargs"]])}

    def run(self, tensor: Any) -> Any:
        """Return what the call makes of its tensors."""
        arguments = [_resolve(item, tensor) for item in self.node["args"]]
        options = _resolve(self.node["kwargs"], tensor)
        fixed = FIXED in self.node or _is_model(self.layer)
        if "training" in options and not fixed:
            del options["training"]  # Keras writes its layers' default down as if it were given
        return self.layer(*arguments, **options)


def _make_calls(calls: list[Call], made: dict[Any, Any], tensor: Any, model: Any) -> None:
    """Make all calls, each as soon as the tensors that it hangs on are there."""
    waiting: dict[Any, list[Call]] = {}
    missing: dict[int, set[Any]] = {}
    ready: deque[Call] = deque()
    for call in calls:
        lacks = {source for source in call.sources() if source not in made}
        missing[id(call)] = lacks
        for source in lacks:
            waiting.setdefault(source, []).append(call)
        if not lacks:
            ready.append(call)
    done = 0
    while ready:
        call = ready.popleft()
        done += 1
        for i, item in enumerate(flat_tensors(call.run(tensor))):
            key = (call.name, call.number, i)
            made[key] = item
            for other in waiting.pop(key, []):
                missing[id(other)].discard(key)
                if not missing[id(other)]:
                    ready.append(other)
    if done < len(calls):
        raise ValueError(
            f"The configuration of model {model!r} has calls of "
            f"{sorted({call.name for call in calls if missing[id(call)]})} on tensors that no "
            "layer makes. It is damaged, or was edited by hand."
        )


def operator_of(entry: dict[str, Any]) -> Any:
    """Return the operator that an entry stands for where Keras computed with tensors, or None.

    `x + y` on Keras's tensors leaves an operation behind, here it leaves a layer: so the operator
    itself is called, and does as it would have done here.
    """
    if str(entry.get("module")).startswith(OPERATIONS_MODULE):
        return OPERATORS.get(entry.get("class_name"))
    return None


OPERATIONS_MODULE = "keras.src.ops"
OPERATORS: dict[Any, Any] = {
    "Add": operator.add,
    "Divide": operator.truediv,
    "Multiply": operator.mul,
    "Negative": operator.neg,
    "Subtract": operator.sub,
    "TrueDivide": operator.truediv,
}
"""Operations between tensors, or a tensor and a number, that have a layer here."""


def layer_from_config(
    entry: dict[str, Any], custom_objects: Any = None, compile: bool = True
) -> Layer:
    """Make one layer or model from `{"class_name": ..., "config": ...}`.

    Arguments:
        entry: the entry, as Keras writes it.
        custom_objects: classes and functions of the user's own, by name.
        compile: whether a model that was compiled is compiled.

    Raises:
        ValueError: if no layer bears that class name, or the configuration does not fit it.
    """
    with registered.CustomObjectScope(custom_objects):
        shared = registered.shared_object(entry)
        if isinstance(shared, Layer):
            return shared
        cls = _layer_class(entry)
        config = entry.get("config")
        if not isinstance(config, dict):
            raise ValueError(
                f"The configuration of a {cls.__name__} is a {type(config).__name__}, expected a "
                "dict."
            )
        try:
            # Some make layers or functions within, by names that only custom_objects has.
            takes = accepts(cls.from_config, "custom_objects")
            make: Any = cls.from_config
            layer = make(dict(config), custom_objects) if takes else make(dict(config))
        except (TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(
                f"{cls.__name__} {config.get('name')!r} cannot be made of its configuration: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{cls.__name__}.from_config returned a {type(layer).__name__}, expected a layer."
            )
        if not is_built_in(cls) and entry.get("build_config") and not layer.built:
            layer.build_from_config(entry["build_config"])
        if compile and entry.get("compile_config") and _is_model(layer):
            layer.compile_from_config(entry["compile_config"])
        registered.keep_shared(entry, layer)
        return layer


def _layer_class(entry: dict[str, Any]) -> type[Layer]:
    """Return the class of an entry: one of the user's own, or a built-in one."""
    name, module = entry.get("class_name"), entry.get("module")
    own = registered.find_for(entry)
    if isinstance(own, type) and issubclass(own, Layer):
        return own
    known: dict[Any, type[Layer]] = known_layers()
    if str(module).startswith(OPERATIONS_MODULE):
        known = dict(OPERATIONS)  # here Concatenate is the operation, and not the layer
    is_keras = module is None or str(module).split(".")[0] in ("keras", "minidl")
    if name in known and is_keras and entry.get("registered_name") in (None, name):
        return known[name]
    known_as = entry.get("registered_name") or name
    if isinstance(own, type):
        raise ValueError(f"{own!r}, which custom_objects has for {known_as!r}, is no layer.")
    raise ValueError(
        f"Unknown layer {name!r}. {nearest(str(name), list(known))} A layer of your own is passed "
        f"as custom_objects={{{known_as!r}: {name}}}, or registered: "
        "@minidl.saving.register_keras_serializable()."
    )


def known_layers() -> dict[str, type[Layer]]:
    """Return every built-in layer and model class by name."""
    from minidl import layers
    from minidl.models.model import Model
    from minidl.models.sequential import Sequential

    found = {n: c for n, c in vars(layers).items() if isinstance(c, type) and issubclass(c, Layer)}
    del found["Layer"]
    return {**found, "Sequential": Sequential, "Model": Model, "Functional": Model}


def _is_model(layer: Layer) -> bool:
    from minidl.models.model import Model

    return isinstance(layer, Model)


def flat_tensors(out: Any) -> list[Any]:
    """Return what a call gave as a flat list of tensors."""
    if isinstance(out, dict):
        out = list(out.values())
    if isinstance(out, list | tuple):
        return [leaf for item in out for leaf in flat_tensors(item)]
    return [out]


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
