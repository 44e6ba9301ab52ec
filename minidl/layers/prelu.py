"""The rectified linear unit that learns its slope on the left."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes, known_sizes
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer


class PReLU(Layer):
    """The rectified linear unit with a slope on the left that is learned.

    Forward, with a the slope `alpha`:

        y = max(x, 0) + a min(x, 0)

    Backward, with n running over the batch and the shared axes:

        da = Σₙ min(xₙ, 0) dyₙ
        dx = dy where x > 0, a dy where x < 0, and 0 where x = 0

    Shapes:
        x, y: (batch, ...); alpha a: the same without the batch, and 1 on the shared axes.

    Arguments:
        alpha_initializer: how a starts, zeros by default.
        alpha_regularizer: a penalty on a.
        alpha_constraint: applied to a after each update.
        shared_axes: an axis or a list of axes, counted from 1, whose places share a slope:
            [1, 2] gives each channel of an image one.

    Raises:
        ValueError: if the input has no axis of `shared_axes`, the size of another is not known,
            or the input does not fit the shape at `build`.

    Example:
        >>> PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]])).tolist()
        [[-1.0, 2.0]]

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes)
            if shared_axes:
                check_axes(shared_axes, self.name)
        self.shared_axes = shared_axes

    def build(self, input_shape: Shape) -> None:
        """Create the slopes for inputs of shape (batch, ...)."""
        rank = len(input_shape)
        shared = self.shared_axes or []
        if any(not 1 <= a < rank for a in shared):
            raise ValueError(
                f"Layer {self.name!r} (PReLU): received shared_axes={shared} for an input of shape "
                f"{input_shape}, expected axes from 1 to {rank - 1}; the batch axis 0 is always "
                "shared."
            )
        own = [a for a in range(1, rank) if a not in shared]
        sizes = dict(zip(own, known_sizes(own, input_shape, f"Layer {self.name!r}"), strict=True))
        self.alpha = self.add_weight(
            tuple(sizes.get(a, 1) for a in range(1, rank)),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        self.input_spec = InputSpec(ndim=rank, axes=sizes)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return max(x, 0) + a min(x, 0)."""
        x = x.astype(self.dtype, copy=False)
        y = np.minimum(x, 0)
        y *= self.alpha.value
        y += np.maximum(x, 0)
        return y, x

    def backward(self, x: Residuals, dy: Array) -> Array:
        """Assign da; return dx."""
        if self.alpha.trainable:
            shared = [0, *(self.shared_axes or [])]
            terms = np.minimum(x, 0) * dy
            da = terms.sum(axis=tuple(set(shared)), keepdims=True)
            self.alpha.grad = da[0]
        return np.where(x > 0, dy, dy * self.alpha.value * (x < 0))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
