"""`clone_model`: the same architecture again, with layers and weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import registered
from minidl.layers.input_layer import Input, InputLayer
from minidl.layers.layer import Layer
from minidl.layers.mask_operations import Operation
from minidl.layers.symbolic import SymbolicTensor
from minidl.models import functional_config
from minidl.models.model import Model
from minidl.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """Return a model of the same architecture with new layers and fresh weights.

    It is not compiled. To copy a model with weights and state use `copy.deepcopy`.

    Arguments:
        model: a `Sequential`, or a model made from inputs and outputs; a subclass that can be
            made again of its configuration is possible without the other arguments.
        input_tensors: what the new model starts from: tensors from `Input`, one or a list.
        clone_function: makes a new layer of each layer but the inputs, and may change it on the
            way; `type(layer).from_config(layer.get_config())` by default.
        call_function: `call_function(layer, *args, **kwargs)` calls each new layer in its place;
            for models made from inputs and outputs.
        recursive: whether `clone_function` is applied within nested models too.

    Raises:
        TypeError: if it is no model, or the clone function returns no layer.
        ValueError: if the arguments do not suit the kind of model.

    Example:
        >>> from minidl import layers
        >>> model = Sequential([Input((4,)), layers.Dense(3), layers.Dropout(0.5)])
        >>> def without_dropout(layer):
        ...     kind = type(layer)
        ...     if isinstance(layer, layers.Dropout):
        ...         return layers.Identity(name=layer.name)
        ...     return kind.from_config(layer.get_config())
        >>> [type(layer).__name__ for layer in clone_model(model, None, without_dropout).layers]
        ['Dense', 'Identity']
    """
    if not isinstance(model, Model):
        raise TypeError(f"clone_model: received {model!r}, expected a model.")
    graph_alone = model.unrolled_graph() is None and not isinstance(model, Sequential)
    if graph_alone:
        if input_tensors is not None or clone_function is not None or call_function is not None:
            raise ValueError(
                f"clone_model: {type(model).__name__} {model.name!r} computes by a forward or call "
                "of its own, so its layers cannot be exchanged. Leave the other arguments out."
            )
        return type(model).from_config(model.get_config())
    make = clone_function or _again

    def clone(layer: Layer) -> Layer:
        if recursive and isinstance(layer, Model) and layer.unrolled_graph() is not None:
            return clone_model(layer, None, clone_function, None, True)
        new = make(layer)
        if not isinstance(new, Layer):
            raise TypeError(
                f"clone_model: clone_function returned {new!r} for layer {layer.name!r}, expected "
                "a layer."
            )
        return new

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("clone_model: a Sequential takes no call_function.")
        return _clone_sequential(model, input_tensors, clone)
    return _clone_functional(model, input_tensors, clone, call_function)


def _again(layer: Layer) -> Layer:
    from minidl.registry import serialize

    # Through the entry rather than from_config, so that a user's own classes are found within.
    own = {registered.get_registered_name(type(layer)): type(layer)}
    return functional_config.layer_from_config(serialize(layer), own, compile=False)


def _clone_sequential(
    model: Sequential, input_tensors: Any, clone: Callable[[Layer], Layer]
) -> Sequential:
    new = type(model)(name=model.name) if type(model) is Sequential else Sequential(name=model.name)
    tensors = _tensors(input_tensors, 1, model) if input_tensors is not None else []
    if tensors:
        new.add(tensors[0].node.layer)
    elif model.inputs:
        new.add(_again(model.inputs[0].node.layer))
    for layer in model.layers:
        new.add(clone(layer))
    new.trainable = model.trainable
    return new


def _clone_functional(
    model: Model, input_tensors: Any, clone: Callable[[Layer], Layer], call_function: Any
) -> Model:
    """Go through the graph in its running order and call the new layers as the old ones were."""
    assert model.graph is not None
    made: dict[int, SymbolicTensor] = {}
    if input_tensors is not None:
        for old, new in zip(
            model.inputs, _tensors(input_tensors, len(model.inputs), model), strict=True
        ):
            made[id(old)] = new
    layers: dict[int, Layer] = {}
    for node in model.graph.nodes:
        if all(id(tensor) in made for tensor in node.outputs):
            continue
        if not node.inputs:
            tensor = node.outputs[0]
            made[id(tensor)] = Input(batch_shape=tensor.shape, dtype=tensor.dtype,
                                     name=node.layer.name)  # fmt: skip
            continue
        kept = isinstance(node.layer, Operation)
        layer = layers.get(id(node.layer))
        if layer is None:
            layer = layers[id(node.layer)] = _again(node.layer) if kept else clone(node.layer)
        args, kwargs = node.arguments or ((node.inputs,), {})
        args = tuple(_exchanged(item, made) for item in args)
        kwargs = {key: _exchanged(item, made) for key, item in kwargs.items()}
        if call_function is None or kept:
            out = layer(*args, **kwargs)
        else:
            out = call_function(layer, *args, **kwargs)
        for old, new in zip(node.outputs, functional_config.flat_tensors(out), strict=True):
            made[id(old)] = new
    inputs = model._inputs.packed([made[id(tensor)] for tensor in model.inputs])
    outputs = model._outputs.packed([made[id(tensor)] for tensor in model.outputs])
    return Model(inputs, outputs, name=model.name, trainable=model.trainable)


def _exchanged(value: Any, made: dict[int, SymbolicTensor]) -> Any:
    if isinstance(value, SymbolicTensor):
        return made[id(value)]
    if isinstance(value, list | tuple):
        return type(value)(_exchanged(item, made) for item in value)
    if isinstance(value, dict):
        return {key: _exchanged(item, made) for key, item in value.items()}
    return value


def _tensors(given: Any, count: int, model: Model) -> list[SymbolicTensor]:
    tensors = list(given) if isinstance(given, list | tuple) else [given]
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor) or not isinstance(tensor.node.layer, InputLayer):
            raise TypeError(
                f"clone_model: received {tensor!r} among input_tensors, expected what Input(...) "
                "returns."
            )
    if len(tensors) != count:
        raise ValueError(
            f"clone_model: received {len(tensors)} input_tensors, expected {count}: model "
            f"{model.name!r} has the inputs {model.input_names}."
        )
    return tensors
