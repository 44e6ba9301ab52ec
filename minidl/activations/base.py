"""The contract of an activation: `forward` gives output and residuals, `backward` takes them back.

An activation is a layer without parameters. It is a pair of functions rather than one and its
derivative f', because softmax and its like have no f' that could be applied element by element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config, tracing
from minidl._typing import Array, Residuals, Shape
from minidl.registry import Configurable, function_entry, snake_case


class Activation(Configurable):
    """A function of an array, and its exact derivative.

    A subclass writes the pair:

        y, residuals = forward(z)
        dz = backward(residuals, dy)            with dz = ∂L/∂z and dy = ∂L/∂y

    Neither may change its arguments, and neither keeps anything on `self`, so one object serves
    every layer and thread. Both get and return arrays of one float type. The residuals are
    whatever makes `backward` cheapest, often y itself.

    Example:
        >>> class Cube(Activation):
        ...     def forward(self, z):
        ...         return z**3, z
        ...
        ...     def backward(self, z, dy):
        ...         return 3 * z**2 * dy
        >>> Cube()([1.0, 2.0])
        array([1., 8.])
    """

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return y and the residuals that `backward` will need."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward. Write forward(self, z) -> (y, residuals) and "
            "backward(self, residuals, dy) -> dz."
        )

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dz, the gradient with respect to z."""
        raise NotImplementedError(
            f"{type(self).__name__} has no backward, so no layer before it can be trained. Write "
            "backward(self, residuals, dy) -> dz next to forward; minidl.gradcheck tells whether "
            "it is right."
        )

    def forward_in_place(self, z: Array, bias: Array | None = None) -> tuple[Array, Residuals]:
        """Return f(z + bias) and the residuals, where z is the caller's own and may be used up.

        What a layer calls behind its matrix product. A subclass may override it to save a pass.

        Shapes:
            z (..., units), in C order; bias (units,), or None for none.
        """
        if bias is not None:
            z += bias
        return self.forward(z)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of y for a z of `input_shape`: the same, but for `Glu`."""
        return input_shape

    def __call__(self, z: Any, *args: Any, **options: Any) -> Array:
        """Return y alone, for anything that NumPy can make an array of.

        Numbers that are not floats become `config.floatx()`. With further arguments the call is
        that of another activation of the same class: `relu(z, max_value=6)` is
        `Relu(max_value=6)(z)`.

        Raises:
            TypeError: if `z` does not hold real numbers.
        """
        activation = type(self)(*args, **options) if args or options else self
        if isinstance(z, tracing.Traced):
            from minidl.autodiff import pairs

            return pairs.through_activation(activation, z)  # type: ignore[arg-type]
        z = as_float_array(z)
        if z.ndim == 0:
            return activation.forward(z.reshape(1))[0].reshape(())
        return activation.forward(z)[0]

    def serialized_name(self) -> str | None:
        """Return the plain name that stands for this object in a config, or None.

        Only an activation of this package has one, and only where all its arguments have their
        defaults; another is written out as class and arguments.
        """
        if not type(self).__module__.startswith("minidl.activations."):
            return None
        return self.__name__ if self.get_config() == type(self)().get_config() else None

    @property
    def __name__(self) -> str:
        """The name of Keras's function, such as `"leaky_relu"`."""
        cls: type = type(self)
        return snake_case(cls.__name__)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class FunctionActivation(Activation):
    """A plain function as an activation; its gradient is found by `minidl.autodiff`.

    Arguments:
        function: takes an array and returns an array.

    Raises:
        TypeError: if `function` cannot be called.

    Example:
        >>> FunctionActivation(np.cos)(0.0)
        array(1.)
    """

    def __init__(self, function: Callable[[Array], Array]) -> None:
        if not callable(function):
            raise TypeError(
                f"FunctionActivation: received {function!r}, expected a function of an array."
            )
        self.function = function

    def forward(self, z: Array) -> tuple[Array, Residuals]:
        """Return function(z), and the way back."""
        from minidl.autodiff import NotDifferentiableError, vjp

        try:
            return vjp(self.function, z)
        except NotDifferentiableError as error:  # it serves prediction all the same
            return self.function(z), error

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dz.

        Raises:
            NotDifferentiableError: if the function does something that has no derivative.
        """
        if isinstance(residuals, Exception):
            raise residuals
        return residuals(dy)[0]

    def serialized_name(self) -> Any:
        """Return the function's entry: the name alone would stand for a built-in activation."""
        return function_entry(self.function)

    def get_config(self) -> dict[str, Any]:
        """Return the function's name: enough to tell it, not to make it again."""
        return {"function": self.__name__}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionActivation:
        """Raise: a name does not say what the function was.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The activation {config.get('function')!r} was a plain function, and a config holds "
            "only its name. Make the layer with the function itself, or write a "
            "minidl.Activation subclass and register it: activations.registry.register(cls)."
        )

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


def as_float_array(z: Any) -> Array:
    """Return `z` as an array of floats; integers and booleans become `config.floatx()`.

    Raises:
        TypeError: if `z` does not hold real numbers.
    """
    z = np.asarray(z)
    if z.dtype.kind == "f":
        return z
    if z.dtype.kind in "iub":
        return z.astype(config.floatx())
    raise TypeError(
        f"Received an array of dtype {z.dtype} for an activation, expected real numbers. Where it "
        "stands in a model, write layers.Activation(name)(x)."
    )
