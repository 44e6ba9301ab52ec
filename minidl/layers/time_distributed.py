"""The wrapper that applies one layer to every time step, with the same weights.

Steps are samples to most layers, so all of them go through the layer at once. A layer whose state
changes as it runs (moving statistics) sees one step after the other, as in Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals, Shape
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer, accepts, call_forward, takes_mask


class TimeDistributed(Layer):
    """Applies a layer to each time step of a sequence, with the same weights.

    Forward, with f the layer, for each time step t:

        y[:, t] = f(x[:, t])

    Backward; each step hands back its own dx, and the weights are shared:

        dx[:, t] = f's dx for dy[:, t]
        dθ = Σₜ f's dθ for dy[:, t]

    A layer that names `mask` gets the mask of the step, (batch, ...). A penalty on the layer's
    output does not count here, as in Keras; give `activity_regularizer` to the wrapper.

    Shapes:
        x: (batch, time, ...); y: (batch, time, ...), as the layer makes it of (batch, ...);
        the mask of x, which y has too: (batch, time, ...).

    Arguments:
        layer: the layer or model; its name and weights stay its own.

    Raises:
        ValueError: if `layer` is not a layer, it has several outputs, the input has fewer than
            three axes, or a mask has another shape.

    Example:
        >>> from minidl.layers import Dense
        >>> TimeDistributed(Dense(4))(np.ones((2, 3, 5))).shape
        (2, 3, 4)
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"TimeDistributed received {layer!r} ({type(layer).__name__}), expected a layer "
                "such as layers.Dense(10)."
            )
        super().__init__(**{"dtype": layer.dtype, **kwargs})
        self.layer = layer
        self.input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape: Shape) -> None:
        """Build the layer for one time step of `input_shape`."""
        self.layer.ensure_built((input_shape[0], *input_shape[2:]))
        self.compute_output_shape(input_shape)

    def forward(
        self, x: Array, training: bool = False, mask: Array | None = None
    ) -> tuple[Array, Residuals]:
        """Return the layer's output for each step."""
        if not takes_mask(self.layer):
            mask = None
        if self.layer.state_weights:
            steps = range(x.shape[1])
            masks = [None if mask is None else mask[:, t] for t in steps]
            pairs = [self._apply(x[:, t], training, masks[t]) for t in steps]
            return np.stack([y for y, _ in pairs], axis=1), [kept for _, kept in pairs]
        y, kept = self._apply(_joined(x), training, None if mask is None else _joined(mask))
        return y.reshape(*x.shape[:2], *y.shape[1:]), kept

    def added_loss(self, residuals: Residuals) -> float:
        """Return what the layer added to the loss, over all steps."""
        if not self.layer.state_weights:
            return self.layer.added_loss(residuals)
        return sum(self.layer.added_loss(kept) for kept in residuals)

    def backward(self, residuals: Residuals, dy: Array, need_dx: bool = True) -> Array | None:
        """Assign the sum over the steps of each of the layer's gradients; return dx."""
        if not self.layer.state_weights:
            dx = self._apply_backward(residuals, _joined(dy), need_dx)
            return None if dx is None else dx.reshape(*dy.shape[:2], *dx.shape[1:])
        parameters = self.layer.trainable_weights
        sums = [np.zeros_like(p.value) for p in parameters]
        dxs = []
        for t, kept in enumerate(residuals):
            dx = self._apply_backward(kept, dy[:, t], need_dx)
            if dx is not None:
                dxs.append(dx)
            for total, parameter in zip(sums, parameters, strict=True):
                total += parameter.grad
        for total, parameter in zip(sums, parameters, strict=True):
            parameter.grad = total
        return np.stack(dxs, axis=1) if dxs else None

    def _apply(self, x: Array, training: bool, mask: Array | None) -> tuple[Array, Residuals]:
        return call_forward(self.layer, x, training, {} if mask is None else {"mask": mask})

    def _apply_backward(self, residuals: Residuals, dy: Array, need_dx: bool) -> Array | None:
        backward: Any = self.layer.backward
        options = {"need_dx": need_dx} if accepts(type(self.layer).backward, "need_dx") else {}
        dx: Array | None = backward(residuals, dy, **options)
        return dx

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, time, ...), as the layer makes it of (batch, ...)."""
        batch, time, *rest = input_shape
        shape = self.layer.compute_output_shape((batch, *rest))
        if isinstance(shape, list):
            raise ValueError(
                f"Layer {self.name!r} (TimeDistributed) wraps {self.layer.name!r} "
                f"({type(self.layer).__name__}), which has {len(shape)} outputs; expected a layer "
                "with one."
            )
        return (batch, time, *shape[1:])

    def output_dtype(self, input_dtype: str) -> str:
        """Return the layer's output dtype."""
        return self.layer.output_dtype(input_dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> TimeDistributed:
        """Make the wrapper and its layer from what `get_config` returned.

        Arguments:
            custom_objects: layers of your own, by name.
        """
        from minidl.models.functional_config import layer_from_config

        return super().from_config(
            {**config, "layer": layer_from_config(config["layer"], custom_objects)}
        )


def _joined(x: Array) -> Array:
    """Return x with batch and time as one axis."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
