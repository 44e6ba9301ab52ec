"""One step of a plan: a call of one layer, with the numbers of the values it reads and writes.

Layers of the user's own are watched here: what they change in place, leave out or return in another
shape is an error with the layer's name. The built-in ones are held to that by the tests instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer, accepts, call_forward, read_only
from minidl.layers.parameter import Parameter


class Step:
    """One call of one layer: where its inputs are, and where its outputs go."""

    __slots__ = (
        "assigns",
        "custom",
        "inputs",
        "layer",
        "options",
        "outputs",
        "parameters",
        "runs_backward",
        "shared",
        "single",
        "single_output",
        "skips_dx",
        "training",
        "wants_dx",
    )

    def __init__(self, layer: Layer, inputs: list[int], outputs: list[int]) -> None:
        self.layer = layer
        self.inputs = inputs
        self.outputs = outputs
        self.single = True
        self.single_output = True
        self.options: dict[str, Any] = {}
        self.training: bool | None = None  # None: whatever the run says
        self.parameters = layer.trainable_weights
        self.shared: list[Parameter] = []  # parameters that other steps use too
        self.wants_dx = True  # whether anything upstream needs the input's gradient
        self.runs_backward = True
        self.skips_dx = accepts(type(layer).backward, "need_dx")
        self.custom = not type(layer).__module__.startswith("minidl.")
        self.assigns = layer.writes_call_alone  # whether backward is known to assign its gradients

    def forward(self, x: Any, training: bool) -> tuple[Any, Residuals]:
        """Run the layer forwards."""
        if self.training is not None:
            training = self.training
        if not self.custom:
            if not self.options:
                return self.layer.forward(x, training)
            return call_forward(self.layer, x, training, self.options)
        y, residuals = self.forward_guarded(x, training, self.options)
        # backward's gradients are compared with these shapes
        return y, (residuals, np.shape(x) if self.single else [np.shape(a) for a in x])

    def forward_guarded(
        self, x: Any, training: bool, options: dict[str, Any]
    ) -> tuple[Any, Residuals]:
        """Run a layer of the user's own forwards; its inputs cannot be changed in place.

        Raises:
            ValueError: if it tries to: other layers may need what it would write over.
        """
        x = read_only(x) if self.single else [read_only(a) for a in x]
        try:
            return call_forward(self.layer, x, training, options)
        except ValueError as error:
            self._explain_read_only(error, "forward", "its input")
            raise

    def _explain_read_only(self, error: ValueError, method: str, what: str) -> None:
        if "read-only" in str(error):
            raise ValueError(
                f"Layer {self.layer.name!r} ({type(self.layer).__name__}): {method} changes "
                f"{what} in place, which other layers may need as it is. Make a new array: "
                "y = x + 1 in place of x += 1."
            ) from error

    def backward(self, residuals: Residuals, dy: Any) -> Any:
        """Run the layer backwards; None where the input's gradient is not wanted."""
        backward: Any = self.layer.backward
        if not self.custom:
            if self.skips_dx:
                return backward(residuals, dy, need_dx=self.wants_dx)
            return backward(residuals, dy)
        residuals, shapes = residuals
        options = {"need_dx": self.wants_dx} if self.skips_dx else {}
        dy = read_only(dy) if self.single_output else [read_only(d) for d in dy]
        fresh = () if self.assigns else self._unassigned()
        try:
            dx = backward(residuals, dy, **options)
        except ValueError as error:
            self._explain_read_only(error, "backward", "dy or the residuals")
            raise
        if not self.assigns:
            self._check_assigned(fresh)
        if self.wants_dx:
            self._check_dx(dx, shapes)
        return dx

    def _unassigned(self) -> list[Parameter]:
        """Mark the gradients that the first run backwards is to assign."""
        found = [p for p in self.parameters if p.trainable and p.descent is None]
        for parameter in found:
            parameter.grad.fill(np.nan)
        return found

    def _check_assigned(self, parameters: Sequence[Parameter]) -> None:
        """See that the first run backwards assigned every gradient; later runs are not looked at.

        Raises:
            ValueError: if one was left out, or added to.
        """
        for parameter in parameters:
            if np.isnan(parameter.grad).any():
                raise ValueError(
                    f"Layer {self.layer.name!r} ({type(self.layer).__name__}): backward did not "
                    f"assign the whole gradient of {parameter.path!r}, which would never be "
                    f"trained. Write self.{parameter.name}.grad = ... (not += : layers assign, and "
                    "the model adds up); or it divides by zero."
                )
        self.assigns = True

    def added_loss(self, residuals: Residuals) -> float:
        """Return what the layer added to the loss in a run."""
        return self.layer.added_loss(residuals[0] if self.custom else residuals)

    def _check_dx(self, dx: Any, shapes: Any) -> None:
        if self.single:
            given, expected = np.shape(dx), shapes
        else:  # None stands for the gradient of an input that has none, such as integers
            expected = list(shapes)
            given = [s if d is None else np.shape(d) for d, s in zip(dx, shapes, strict=False)]
            given += [np.shape(d) for d in dx[len(shapes) :]]
        if given != expected or (self.single and dx is None):
            raise ValueError(
                f"Layer {self.layer.name!r} ({type(self.layer).__name__}): backward returned a "
                f"gradient of shape {given if dx is not None else None}, expected {expected}, the "
                "shape of its input. minidl.gradcheck finds what is wrong."
            )


class ActivityPenalty(Layer):
    """The step that adds an activity regularizer's penalty: y = x, and dx = dy + dR(x) / batch."""

    def __init__(self, regularizer: Any, owner: str) -> None:
        super().__init__(name=f"{owner}_activity")
        self.regularizer = regularizer

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Pass x on."""
        return x, x

    def backward(self, x: Residuals, dy: Array) -> Array:
        """Return dy plus the penalty's gradient."""
        return dy + self.regularizer.gradient(x) / x.dtype.type(len(x))

    def added_loss(self, x: Residuals) -> float:
        """Return the penalty of one batch."""
        return float(self.regularizer(x)) / len(x)
