"""`Sequential`: a straight line of layers, through the same graph engine as `Model`."""

from __future__ import annotations

from typing import Any, ClassVar

from minidl._typing import Shape
from minidl.layers.input_layer import Input, InputLayer
from minidl.layers.layer import Layer
from minidl.layers.symbolic import SymbolicTensor
from minidl.models.model import Model
from minidl.registry import Configurable


class Sequential(Model):
    """A stack of layers, each fed by the one before.

    The input's shape comes from an `Input` at the front, from `input_shape=` on the first layer,
    or from the first data.

    Arguments:
        layers: the layers in order.
        trainable: False freezes every layer.
        name: the model's name.

    Raises:
        TypeError: if something that is no layer is added.
        ValueError: if two layers bear the same name, or a layer does not fit the one before.

    Example:
        >>> import numpy as np
        >>> from minidl import Input, layers
        >>> model = Sequential([Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
        >>> model.count_params(), model(np.ones((2, 3))).shape
        (21, (2, 1))
    """

    keras_names: ClassVar[dict[str, Any]] = {
        "module": "keras",
        "class_name": "Sequential",
        "registered_name": None,
    }

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._layers: list[Layer] = []
        self._input: SymbolicTensor | None = None
        for layer in layers if isinstance(layers, list | tuple) else [layers] if layers else []:
            self.add(layer)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end.

        Arguments:
            layer: a layer, or what `Input` returns if it is the first.
            rebuild: is Keras's, and has no effect here.
        """
        if isinstance(layer, SymbolicTensor):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(
                f"Model {self.name!r} received {layer!r} ({type(layer).__name__}), expected a "
                "layer such as layers.Dense(10)."
                + (" You passed the class; add parentheses." if isinstance(layer, type) else "")
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input is not None:
                there = "layers" if self._layers else "an input"
                raise ValueError(
                    f"Model {self.name!r} already has {there}; an Input must come first, and once."
                )
            self._input = layer.output
            return
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"Model {self.name!r} already has a layer named {layer.name!r}. Names must be "
                "unique: pass another name=, or a new layer instead of the same one twice."
            )
        if not self._layers and self._input is None:
            self._input = _declared_input(layer)
        self._layers.append(layer)
        if self._input is not None:
            tensor = self._outputs.tensors[0] if self._outputs.tensors else self._input
            try:
                self._set_graph(self._input, layer(tensor))
            except Exception:
                self._layers.pop()
                raise
        self._forget_compiled_outputs()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it.

        Raises:
            ValueError: if there is none.
        """
        if not self._layers:
            raise ValueError(f"Model {self.name!r} has no layers to pop.")
        layer = self._layers.pop()
        if self._graph is not None:
            last = self._outputs.tensors[0].node.inputs[0]
            if self._layers:
                self._set_graph(self._input, last)
            else:
                self._graph, self.built = None, False
                self._outputs = type(self._outputs).unknown()
        self._forget_compiled_outputs()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Build all layers for inputs of `input_shape`, the batch axis included.

        Raises:
            ValueError: if there are no layers, or the shape does not fit.
        """
        if self._graph is not None:
            return
        if not self._layers:
            raise ValueError(
                f"Model {self.name!r} has no layers. Add some: model.add(layers.Dense(10))."
            )
        if isinstance(input_shape, list) and input_shape and not isinstance(input_shape[0], tuple):
            input_shape = tuple(input_shape)
        if not isinstance(input_shape, tuple) or not input_shape:
            raise ValueError(
                f"Model {self.name!r} received input_shape={input_shape!r}, expected one shape "
                "with the batch axis, such as (None, 784). A Sequential takes one input; for "
                "several use Model(inputs, outputs)."
            )
        source = Input(batch_shape=(None, *input_shape[1:]), dtype=self._layers[0].input_dtype)
        tensor = source
        for layer in self._layers:
            tensor = layer(tensor)
        self._input = source
        self._set_graph(source, tensor)

    def sublayers(self) -> list[Layer]:
        """Return the layers in order, without the input."""
        return list(self._layers)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape, layer by layer."""
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the name, the layers' configurations, and the input's shape where it is known."""
        from minidl.registry import serialize

        if type(self).__init__ is not Sequential.__init__:  # a subclass adds its layers by itself
            own = Configurable.get_config(self)
            return {key: value for key, value in own.items() if key != "layers"}
        layers = [serialize(layer) for layer in self._layers]
        if self._input is not None:
            layers.insert(0, serialize(self._input.node.layer))
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "layers": layers}
        if self._input is not None:
            config["build_input_shape"] = list(self._input.shape)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Sequential:
        """Make a model from what `get_config` returned, with fresh weights."""
        from minidl.models.functional_config import layer_from_config

        if "layers" not in config:
            return super(Model, cls).from_config(config)
        model = cls(trainable=config.get("trainable", True), name=config.get("name"))
        for item in config["layers"]:
            model.add(layer_from_config(item, custom_objects))
        if model._layers and model._graph is None and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model


def _declared_input(layer: Layer) -> SymbolicTensor | None:
    """Return an input for a first layer that says what it takes, or None."""
    if isinstance(layer, Model) and len(layer.inputs) == 1:
        tensor = layer.inputs[0]
        return Input(batch_shape=tensor.shape, dtype=tensor.dtype)
    if layer.batch_input_shape is not None:
        return Input(batch_shape=layer.batch_input_shape, dtype=layer.input_dtype)
    return None
