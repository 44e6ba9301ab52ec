"""What is checked, as one kind of thing: a layer in one mode, or an activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.gradcheck.report import GradientError
from minidl.gradcheck.twin import State, flatten
from minidl.layers.layer import Layer, accepts, call_forward
from minidl.layers.masks import beside_inputs
from minidl.layers.parameter import Parameter


class Subject:
    """A pair of forward and backward without parameters: an activation.

    Arguments:
        title: its name in messages.
        pair: has `forward` and `backward`.
        input_name: what the input is called: `"x"`, or `"z"` for an activation.
    """

    def __init__(self, title: str, pair: Any, input_name: str = "z") -> None:
        self.title = title
        self.pair = pair
        self.input_name = input_name
        self.parameters: list[Parameter] = []

    @property
    def adds(self) -> bool:
        """Whether something may be added to the loss."""
        return False

    @property
    def skips_dx(self) -> bool:
        """Whether backward takes `need_dx`."""
        return False

    def forward(self, x: Any) -> tuple[Any, Residuals]:
        """Return the output and the residuals, each time from the same state."""
        return self._pair_of(self.pair.forward(x))

    def output(self, x: Any) -> Any:
        """Return what a plain call gives."""
        return self.pair(x)

    def outputs(self, x: Any) -> Array:
        """Return all floating outputs in one row, and behind them what is added to the loss."""
        return row(self.forward(x)[0])

    def backward(self, residuals: Residuals, dy: Any, **options: Any) -> Any:
        """Return dx; what goes wrong on the way is reported as an error of backward."""
        try:
            return self.pair.backward(residuals, dy, **options)
        except (GradientError, NotImplementedError):
            raise
        except Exception as error:
            shape = [d.shape for d in flatten(dy)]
            raise GradientError(
                self.title,
                "backward",
                f"it raised {type(error).__name__} for dy of shape "
                f"{shape[0] if len(shape) == 1 else shape}: {error}",
            ) from error

    def attributes(self) -> dict[str, Any]:
        """Return what is stored on the object, by name, to see what a call leaves there."""
        return _named("self", self.pair)

    def parameter_names(self) -> list[str]:
        """Return a name for each parameter: the short one where no other bears it."""
        short = [p.name for p in self.parameters]
        return [p.name if short.count(p.name) == 1 else p.path for p in self.parameters]

    def _pair_of(self, result: Any) -> tuple[Any, Residuals]:
        if isinstance(result, tuple) and len(result) == 2:
            return result
        raise GradientError(
            self.title,
            "forward",
            f"it returned {type(result).__name__}, expected the pair (y, residuals). Return what "
            "backward will need beside the output, or None if it needs nothing.",
        )


class LayerSubject(Subject):
    """A layer in one mode.

    Arguments:
        layer: the double that is tried out.
        training: the mode.
        x: what a plain call gets.
        call_options: the keyword arguments of a plain call; tensors among them are inputs too.
    """

    def __init__(
        self,
        layer: Layer,
        training: bool,
        x: Any = None,
        call_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(title_of(layer), layer, "x")
        self.layer = layer
        self.training = training
        self.x = x
        self.call_options = call_options or {}
        inputs, self.options = layer.pack_inputs((x,), self.call_options)
        if self.options.get("mask") is not None:
            self.options["mask"] = beside_inputs(self.options["mask"], inputs)
        self.state = State(layer)
        self.parameters = layer.trainable_weights

    @property
    def skips_dx(self) -> bool:
        """Whether backward takes `need_dx`."""
        return "need_dx" in _arguments(type(self.layer).backward)

    def forward(self, x: Any) -> tuple[Any, Residuals]:
        """Return the output and the residuals, with the same state and draws each time."""
        self.state.restore()
        return self._pair_of(call_forward(self.layer, x, self.training, dict(self.options)))

    @property
    def adds(self) -> bool:
        """Whether the layer may add to the loss."""
        return self.layer.writes_call_alone or type(self.layer).added_loss is not Layer.added_loss

    def outputs(self, x: Any) -> Array:
        """Return all floating outputs in one row, and behind them what is added to the loss."""
        y, residuals = self.forward(x)
        return np.append(row(y), self.layer.added_loss(residuals)) if self.adds else row(y)

    def output(self, x: Any) -> Any:
        """Return what a plain call gives, which must be what `forward` gives on the same inputs."""
        self.state.restore()
        options = dict(self.call_options)
        if accepts(type(self.layer).forward, "training"):
            options["training"] = self.training
        return self.layer(self.x, **options)

    def attributes(self) -> dict[str, Any]:
        """Return what is stored on the layer and the layers within."""
        found = {}
        for member in self.layer.with_sublayers():
            owner = "self" if member is self.layer else member.name
            found.update(_named(owner, member))
        return found


def title_of(obj: Any) -> str:
    """Return a class name, and the object's own name if it has one."""
    name = getattr(obj, "name", None)
    return f"{type(obj).__name__} {name!r}" if isinstance(name, str) else type(obj).__name__


def _named(owner: str, obj: Any) -> dict[str, Any]:
    """Return an object's attributes by name; arrays as copies, for they are written into."""
    return {
        f"{owner}.{name}": value.copy() if isinstance(value, np.ndarray) else value
        for name, value in vars(obj).items()
    }


def row(outputs: Any) -> Array:
    """Return all floating outputs in one row."""
    arrays = [np.ravel(y) for y in flatten(outputs) if np.asarray(y).dtype.kind == "f"]
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _arguments(function: Any) -> Any:
    import inspect

    return inspect.signature(function).parameters
