"""The contract of a layer: `forward` gives output and residuals, `backward` takes them back.

A layer owns its parameters and nothing of a call. What `backward` needs travels beside the
output as residuals, so one layer can stand in a model twice and serve many threads at once.

        x ──► forward ──► y                     dx ◄── backward ◄── dy
                 └── residuals ─────────────────────────►┘ leaves kernel.grad, bias.grad
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import config, regularizers, tracing
from minidl._typing import Array, DType, Residuals, Shape
from minidl.layers import naming
from minidl.layers.added_losses import LossAdder
from minidl.layers.input_spec import InputSpec, check_input
from minidl.layers.masks import beside_inputs, check_mask, leads
from minidl.layers.shape_inference import infer_output_shape
from minidl.layers.symbolic import Node, SymbolicTensor, is_symbolic
from minidl.registry import Configurable, constructor_arguments


class Layer(LossAdder, Configurable):
    """A step of a model: parameters, and a pair of functions that are each other's derivative.

    A subclass creates its parameters in `build` and writes `forward` and `backward`:

        y, residuals = forward(x, training)
        dx = backward(residuals, dy)            with dx = ∂L/∂x and dy = ∂L/∂y

    `backward` assigns each parameter's gradient (`self.kernel.grad = x.T @ dy`) and returns the
    gradient with respect to the input. A layer with several inputs gets a list and returns a
    list. `forward` must not change its input, and neither may keep anything on `self`.

    Or it writes `call(inputs)` alone, in NumPy, and the gradient is found by `minidl.autodiff`;
    layers that are called within `call` take part with their own.

    A mask says which time steps of a sequence count: a bool array (batch, time), or None. A layer
    whose `forward` has the argument `mask` gets the mask of its input, for several inputs a list;
    `compute_mask` says what the output's is, and `supports_masking` whether it has one.

    Arguments:
        activity_regularizer: adds a penalty on the output, averaged over the batch, to the loss.
        trainable: False keeps every parameter of the layer as it is.
        dtype: `"float32"` or `"float64"`, the type of the parameters and of floating inputs;
            `config.floatx()` by default.
        autocast: whether floating inputs of another type are cast to `dtype` in a direct call.
        name: a unique name; made from the class's name by default.
        input_shape: the shape of one sample, for the first layer of a `Sequential`.

    Raises:
        ValueError: if the name is not a string or has a slash, or the dtype is not a float type.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         size = (input_shape[-1],)
        ...         self.scale = self.add_weight(size, initializer="ones", name="scale")
        ...
        ...     def forward(self, x, training=False):
        ...         return x * self.scale.value, x
        ...
        ...     def backward(self, x, dy):
        ...         self.scale.grad = (x * dy).sum(axis=0)
        ...         return dy * self.scale.value
        >>> Scale()(np.ones((2, 3))).shape
        (2, 3)
    """

    input_spec: InputSpec | None = None
    supports_masking: bool = False  # whether the output has the mask that compute_mask returns
    makes_mask: bool = False  # whether it has one even where the input has none

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: DType | None = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            naming.check_or_make(name, type(self)),
            config.float_dtype(dtype_name(dtype)),
            bool(trainable),
        )
        self.autocast = autocast
        self.nodes: list[Node] = []  # the calls on symbolic tensors, which models are made of
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.batch_input_shape = _input_shape_argument(kwargs)
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} received unexpected arguments {sorted(kwargs)}. It takes "
                f"{', '.join(constructor_arguments(type(self)))}."
            )

    # What a subclass writes

    def build(self, input_shape: Any) -> None:
        """Create the parameters for inputs of `input_shape`. Runs once, on the first call."""

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Residuals]:
        """Return the output and the residuals that `backward` will need."""
        from minidl.autodiff import pairs

        return pairs.forward(self, x, training, {})

    if TYPE_CHECKING:  # `need_dx` is an option that a subclass may leave out

        def backward(self, residuals: Residuals, dy: Any) -> Any:
            """Assign every parameter's gradient and return that of the input."""

    else:

        def backward(self, residuals, dy, need_dx=True):
            """Assign every parameter's gradient and return that of the input."""
            return self._backward_by_call(residuals, dy, need_dx)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the output alone."""
        return self.forward(inputs, training)[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for `input_shape`; by default found by a trial run on zeros."""
        return infer_output_shape(self, input_shape)

    def call_output_shape(self, input_shape: Any, options: dict[str, Any]) -> Any:
        """Return the output's shape in a call with these options, some of which may change it."""
        return self.compute_output_shape(input_shape)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the output's dtype for an input of `input_dtype`, or of the layer's own."""
        return self.dtype

    @property
    def input_dtype(self) -> str:
        """The dtype of an input that a `Sequential` makes for its first layer."""
        return self.dtype

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the output's mask, or a list for several outputs; by default the input's."""
        return mask if self.supports_masking else None

    def mask_fits(self, mask_shape: Shape, input_shape: Shape) -> bool:
        """Return whether a mask of that shape can be given: its axes are the input's first."""
        return leads(mask_shape, input_shape)

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Split a call's arguments into tensors, one or a flat list of them, and plain options.

        A layer that takes tensors besides the first (`initial_state`, `value`) overrides this and
        puts them into the list: that is what its `forward` gets. `mask` stays among the options.
        """
        if not args and "inputs" in kwargs:
            args = (kwargs["inputs"],)
            kwargs = {name: value for name, value in kwargs.items() if name != "inputs"}
        if not args:
            raise TypeError(f"Layer {self.name!r} was called without inputs; call it on an array.")
        symbolic = [k for k, value in kwargs.items() if k != "mask" and is_symbolic(value)]
        if symbolic:
            raise TypeError(
                f"Layer {self.name!r} received symbolic tensors as keyword arguments {symbolic}. "
                "Pass tensors by position: layer(x) or layer([x1, x2])."
            )
        inputs = args[0] if len(args) == 1 else list(args)
        if isinstance(inputs, tuple):
            inputs = list(inputs)
        return inputs, dict(kwargs)

    def unrolled_graph(self) -> Any:
        """Return the graph that a model runs in this layer's place; None for a plain layer."""
        return None

    @property
    def writes_call_alone(self) -> bool:
        """Whether `call` is all there is, so that the gradient is found by `minidl.autodiff`."""
        return type(self).forward is Layer.forward

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, or record the call where the inputs are symbolic."""
        if tracing.listening and tracing.current() is not None:
            from minidl.autodiff import pairs

            return pairs.call_layer(self, args, kwargs)
        inputs, options = self.pack_inputs(args, kwargs)
        if options.get("mask") is None:
            options.pop("mask", None)
        if is_symbolic(inputs) or is_symbolic(options.get("mask")):
            return self._record(inputs, options, (args, kwargs))
        arrays = map_structure(self._to_array, inputs)
        shapes = map_structure(np.shape, arrays)
        self.ensure_built(shapes)
        check_input(self, shapes)
        if "mask" in options:
            options["mask"] = self._given_mask(options["mask"], inputs, shapes)
        arrays = map_structure(self._autocast, arrays)
        training = bool(options.pop("training", None) or False)
        if self.writes_call_alone and not training:  # nobody will go backwards: no trace
            return self._forward_by_call(arrays, training, options)
        return call_forward(self, arrays, training, options)[0]

    def _record(self, inputs: Any, options: dict[str, Any], arguments: Any = None) -> Any:
        """Return symbolic outputs, linked to the inputs by a node."""
        single = not isinstance(inputs, list)
        tensors = [inputs] if single else list(inputs)
        listed = self._symbolic_shapes(tensors)
        shapes: Any = listed[0] if single else listed
        self.ensure_built(shapes)
        check_input(self, shapes)
        masks = []
        if "mask" in options:
            mask = self._given_mask(options.pop("mask"), inputs, shapes)
            masks = mask if isinstance(mask, list) else [mask]
            self._symbolic_shapes([m for m in masks if m is not None])
        out = self.call_output_shape(shapes, options)
        single_output = not isinstance(out, list)
        dtype = self.output_dtype(tensors[0].dtype)
        outputs = [
            SymbolicTensor(shape, dtype, f"{self.name}:{i}" if i else self.name)
            for i, shape in enumerate([out] if single_output else out)
        ]
        node = Node(self, tensors, single, outputs, single_output, options)
        node.masks = masks
        node.arguments = arguments
        return outputs[0] if single_output else outputs

    def _symbolic_shapes(self, tensors: list[Any]) -> list[Shape]:
        for tensor in tensors:
            if not isinstance(tensor, SymbolicTensor):
                raise TypeError(
                    f"Layer {self.name!r} received a mix of symbolic tensors and "
                    f"{type(tensor).__name__}. While a model is being described, all inputs must "
                    "come from Input or from a layer called on one."
                )
        return [tensor.shape for tensor in tensors]

    def _given_mask(self, mask: Any, inputs: Any, shapes: Any) -> Any:
        """Return a mask that a caller passed: a list beside a list of inputs; shapes compared."""
        if not takes_mask(self):
            raise TypeError(
                f"Layer {self.name!r} ({type(self).__name__}) received a mask, but its forward "
                "has no argument of that name. Leave it out: what the layer computes does not "
                "depend on a mask."
            )
        mask = beside_inputs(mask, inputs)
        check_mask(self, mask, shapes)
        return mask

    def _to_array(self, value: Any) -> Array:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "USV":
            raise TypeError(
                f"Layer {self.name!r} received values of dtype {array.dtype}, expected numbers. "
                "Ragged lists and strings must be padded or encoded first."
            )
        return array

    def _autocast(self, array: Array) -> Array:
        """Return floats in the layer's dtype, where it has weights that they will meet."""
        if self.autocast and array.dtype.kind == "f" and self.weights:
            return array.astype(self.dtype, copy=False)
        return array

    def _forward_by_call(self, x: Any, training: bool, options: dict[str, Any]) -> Any:
        """Return the output of a subclass that wrote `call` in place of the pair."""
        call = type(self).call
        if call is Layer.call:
            raise NotImplementedError(
                f"Layer {self.name!r} ({type(self).__name__}) has neither forward nor call. Write "
                "call(self, x), in NumPy; or forward(self, x, training=False) -> (y, residuals) "
                "and backward(self, residuals, dy) -> dx."
            )
        if accepts(call, "training"):
            options = {**options, "training": training}
        x = map_structure(read_only, x)
        several = isinstance(x, list) and positional_inputs(call) > 1
        return self.call(*x, **options) if several else self.call(x, **options)

    def _backward_by_call(self, residuals: Residuals, dy: Any, need_dx: bool) -> Any:
        """Go back through what `call` did."""
        if not self.writes_call_alone:
            raise NotImplementedError(
                f"Layer {self.name!r} ({type(self).__name__}) has a forward, but no backward, and "
                "cannot be trained. Write backward(self, residuals, dy) -> dx beside it "
                "(minidl.gradcheck tells whether it is right), or write call(self, x) in place of "
                "both: its gradient is found by itself."
            )
        from minidl.autodiff import pairs

        return pairs.backward(self, residuals, dy, need_dx)

    @property
    def input(self) -> Any:
        """The symbolic tensor (or list of them) that the layer was first called on."""
        node = self._first_node()
        return node.inputs[0] if node.single and node.inputs else node.inputs

    @property
    def output(self) -> Any:
        """The symbolic tensor (or list of them) that the layer's first call gave."""
        node = self._first_node()
        return node.outputs[0] if node.single_output else node.outputs

    def _first_node(self) -> Node:
        if not self.nodes:
            raise ValueError(
                f"Layer {self.name!r} has not been called on a symbolic tensor, so it has no input "
                "and no output yet. Build the model first: put an Input at its front."
            )
        return self.nodes[0]

    # Building

    def ensure_built(self, input_shape: Any) -> None:
        """Build the layer for `input_shape` if that has not happened yet."""
        if not self.built:
            check_input(self, input_shape)
            self.build(input_shape)
            self.built = True  # for a layer that inherits the empty build
            vars(self)["_build_shape"] = input_shape

    def get_build_config(self) -> dict[str, Any]:
        """Return what `build_from_config` needs: the shape that the layer was built for."""
        shape = vars(self).get("_build_shape")
        return {} if shape is None else {"input_shape": shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer for the shape that `get_build_config` told, here or in Keras."""
        if config.get("input_shape") is not None:
            self.ensure_built(_as_shape(config["input_shape"]))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make `build` run once, whoever calls it; a mask of one's own is one that counts."""
        super().__init_subclass__(**kwargs)
        if "compute_mask" in vars(cls):
            cls.supports_masking = vars(cls).get("supports_masking", True)
            own = not cls.__module__.startswith("minidl.")  # the built-in layers say so themselves
            cls.makes_mask = vars(cls).get("makes_mask", own)
        if "build" in vars(cls):
            cls.build = _once(vars(cls)["build"])  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        # Reached only where the attribute is missing, so it costs the hot loop nothing.
        message = f"{type(self).__name__} has no attribute {name!r}."
        if "_trained" not in vars(self):
            message += " Call super().__init__(**kwargs) first in __init__."
        elif not self.built:
            message += (
                f" Layer {self.name!r} is not built yet: its weights are made from the input's "
                "shape. Call it on data first, or layer.build(input_shape)."
            )
        raise AttributeError(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} built={self.built}>"


def _once(build: Any) -> Any:
    @wraps(build)
    def build_once(self: Layer, input_shape: Any = None) -> None:
        if not self.built:
            build(self, input_shape)
            self.built = True
            vars(self)["_build_shape"] = input_shape

    return build_once


class NotAPairError(TypeError):
    """A layer's `forward` did not return the pair (y, residuals)."""


def call_forward(layer: Layer, x: Any, training: bool, options: dict[str, Any]) -> tuple[Any, Any]:
    """Run `layer.forward` with a call's options, whether or not it takes `training`."""
    forward: Any = layer.forward
    if options and layer.writes_call_alone:
        from minidl.autodiff import pairs

        return pairs.forward(layer, x, training, options)
    if accepts(type(layer).forward, "training"):
        options = {**options, "training": training}
    result = forward(x, **options)
    if not (isinstance(result, tuple) and len(result) == 2):
        raise NotAPairError(
            f"Layer {layer.name!r} ({type(layer).__name__}): forward returned "
            f"{type(result).__name__}, expected the pair (y, residuals). Return what backward "
            "will need beside the output, or None if it needs nothing."
        )
    return result


def read_only(x: Any) -> Any:
    """Return an array in a form that cannot be changed in place; anything else as it is."""
    if type(x) is not np.ndarray:
        return x
    x = x.view()
    x.flags.writeable = False
    return x


def overrides(cls: type[Layer], method: str) -> bool:
    """Return whether a subclass wrote `method` itself."""
    return getattr(cls, method) is not getattr(Layer, method)


@cache
def accepts(function: Any, argument: str) -> bool:
    """Return whether `function` has a parameter of that name, or `**kwargs`."""
    import inspect

    parameters = inspect.signature(function).parameters
    return argument in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def takes_mask(layer: Layer) -> bool:
    """Return whether a layer's computation has an argument `mask`."""
    cls = type(layer)
    return _names(cls.call if cls.forward is Layer.forward else cls.forward, "mask")


@cache
def _names(function: Any, argument: str) -> bool:
    import inspect

    return argument in inspect.signature(function).parameters


@cache
def positional_inputs(function: Any) -> int:
    """Return how many arguments without a default a method takes, `self` left out."""
    import inspect

    parameters = list(inspect.signature(function).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)


def dtype_name(dtype: Any) -> Any:
    """Return the name within a dtype policy's config, or `dtype` as it is.

    A mixed policy of Keras, whose weights are float32, becomes float32: it only computes in half
    the precision to be faster on a device that this is not for.
    """
    if isinstance(dtype, dict) and "config" in dtype:
        name = dtype["config"]["name"]
        return "float32" if name in ("mixed_float16", "mixed_bfloat16") else name
    return dtype


def _as_shape(value: Any) -> Any:
    """Return a shape, or a list or dict of them, as JSON has it, with tuples for shapes."""
    if isinstance(value, dict):
        return {key: _as_shape(item) for key, item in value.items()}
    if all(size is None or isinstance(size, int) for size in value):
        return tuple(value)
    return [_as_shape(item) for item in value]


def _input_shape_argument(kwargs: dict[str, Any]) -> Shape | None:
    """Take `input_shape`, `input_dim` or `batch_input_shape` out of a constructor's arguments."""
    if (shape := kwargs.pop("batch_input_shape", None)) is not None:
        return tuple(shape)
    if (size := kwargs.pop("input_dim", None)) is not None:
        return (None, size)
    if (shape := kwargs.pop("input_shape", None)) is not None:
        return (None, shape) if isinstance(shape, int) else (None, *shape)
    return None


def map_structure(function: Any, value: Any) -> Any:
    """Apply `function` to an array, or to each in a list or dict of them."""
    if isinstance(value, list):
        return [function(item) for item in value]
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    return function(value)
