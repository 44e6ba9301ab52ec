"""The layer that a function becomes. Its derivative is given, or found by `minidl.autodiff`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import registered
from minidl._typing import Residuals
from minidl.layers.layer import Layer, map_structure, read_only
from minidl.registry import function_entry, nearest, serialize


class Lambda(Layer):
    """A function as a layer.

    Forward: y = f(x). Backward: dx = backward(x, dy), where it is given; else `minidl.autodiff`
    finds it, for a function written in NumPy. A function that names the arguments `training` or
    `mask` gets them.

    Shapes:
        x, y: any, with the batch axis first; a list of arrays where the layer is called on one.

    Arguments:
        function: f, which takes an array, or a list where the layer is called on several.
        output_shape: the shape of one sample of y, or a function that makes y's shape, with the
            batch axis, of x's. By default f is tried out on zeros.
        mask: the output's mask: an array, or a function of the inputs and their mask.
        arguments: further keyword arguments of f and of `backward`.
        backward: a function of x and dy that returns dx, of the shape of x.

    Raises:
        TypeError: if `function` or `backward` is not a function.
        NotDifferentiableError: in training, where dx is needed, `backward` is not given, and the
            function does something that has no derivative.

    Example:
        >>> import numpy as np
        >>> square = Lambda(lambda x: x * x, backward=lambda x, dy: 2 * x * dy)
        >>> square(np.array([[1.0, 3.0]]))
        array([[1., 9.]])
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        backward: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for role, given in (("function", function), ("backward", backward)):
            if not (callable(given) or (role == "backward" and given is None)):
                raise TypeError(
                    f"Layer {self.name!r} (Lambda) received {role}={given!r}, expected a function."
                )
        self.function = function
        self.output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self.mask = mask
        self.arguments = dict(arguments or {})
        self.derivative = backward
        self.supports_masking = self.makes_mask = mask is not None

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Residuals]:
        """Return f(x)."""
        options = {"mask": mask}
        if self.derivative is None:
            from minidl.autodiff import pairs

            return pairs.forward(self, x, training, options)
        return self._forward_by_call(x, training, options), x

    def backward(self, x: Residuals, dy: Any) -> Any:
        """Return dx by the function that was given for it, or back through what f did."""
        if self.derivative is None:
            return super().backward(x, dy)
        return self.derivative(x, dy, **self.arguments)

    @property
    def writes_call_alone(self) -> bool:
        """Whether the derivative was not given."""
        return self.derivative is None

    def _forward_by_call(self, x: Any, training: bool, options: dict[str, Any]) -> Any:
        named = _argument_names(self.function)
        given = {"training": training, "mask": options.get("mask")}
        chosen = {key: value for key, value in given.items() if key in named}
        return self.function(map_structure(read_only, x), **self.arguments, **chosen)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape that was given, that its function says, or that a trial run has."""
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            return self.output_shape(input_shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *self.output_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that was given, or what its function says."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with each function under its name.

        Raises:
            ValueError: for a function without a name: its code is not written down.
        """
        config = super().get_config()
        for key in ("output_shape", "mask", "backward"):
            del config[key]  # written where they are given
        config["function"] = self._written(self.function)
        for key, value in (
            ("output_shape", self.output_shape),
            ("mask", self.mask),
            ("backward", self.derivative),
        ):
            if value is not None:
                config[key] = self._written(value) if callable(value) else serialize(value)
        return config

    def _written(self, function: Any) -> dict[str, Any]:
        name = getattr(function, "__name__", "<lambda>")
        if name == "<lambda>":
            raise ValueError(
                f"Layer {self.name!r} (Lambda) cannot be written down: its function has no name, "
                "and code is never saved, for whoever opens the file would run it. Use a function "
                "made with def, and pass custom_objects={its name: it} when it is read; or write a "
                "layer."
            )
        return function_entry(function)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Lambda:
        """Make the layer from what `get_config` returned.

        Arguments:
            custom_objects: the functions by their names.

        Raises:
            ValueError: if a function is not among them, or is there as code.
        """
        return super().from_config(
            {key: _read(value, key, custom_objects or {}) for key, value in config.items()}
        )


def _read(value: Any, role: str, known: dict[str, Any]) -> Any:
    kind = value.get("class_name") if isinstance(value, dict) else None
    if kind == "__lambda__":
        raise ValueError(
            f"The configuration of a Lambda has its {role} as code, which is never run: it could "
            "be anybody's. Make the layer from a function made with def."
        )
    if kind != "function":
        return value
    name = value["config"]
    found = registered.get_registered_object(str(name), known)
    if not callable(found) or isinstance(found, type):
        raise ValueError(
            f"The configuration of a Lambda names the function {name!r} as its {role}. "
            f"{nearest(name, list(known)) if known else ''} Pass it: custom_objects="
            f"{{{name!r}: {name}}}."
        )
    return found


def _argument_names(function: Any) -> tuple[str, ...]:
    import inspect

    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # a ufunc or the like, which does not tell
        return ()
