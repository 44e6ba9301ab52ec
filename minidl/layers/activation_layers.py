"""Activations as layers of their own. Each holds an `activations.Activation` that does the work.

The activation stands in the attribute `activation`, and nothing else computes: so a shallow copy
of the layer with a linear activation gives the logits, which is what training runs on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import check_axes
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.validation import number


class ActivationLayer(Layer):
    """What the layers share that are nothing but an activation: y = f(x), dx from f's backward."""

    supports_masking = True

    activation: activations.Activation

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return f(x)."""
        return self.activation.forward(as_float(x, self.dtype))

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dx."""
        return self.activation.backward(residuals, dy)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of f(x): the input's, but for `glu`."""
        return self.activation.compute_output_shape(input_shape)

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


class Activation(ActivationLayer):
    """Any activation, by name or as an object.

    Forward and backward are those of the activation f:

        y = f(x)
        dx = Jᵀ dy, with J the Jacobian of f at x

    Shapes:
        x, y: any.

    Arguments:
        activation: a name such as `"relu"`, an `Activation` of `minidl.activations`, a class of
            one or a plain function; None is the identity.

    Raises:
        ValueError: if a name is not known.

    Example:
        >>> Activation("relu")(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)


class ReLU(ActivationLayer):
    """The rectified linear unit, with a slope on the left, a ceiling and a threshold.

    Forward:

        y = max_value                        where x ≥ max_value
        y = x                                where threshold ≤ x < max_value
        y = negative_slope (x − threshold)   below

    Backward: dx = dy times 0, 1 or `negative_slope` in the three ranges.

    Shapes:
        x, y: any.

    Arguments:
        max_value: the ceiling, at least 0; None for none.
        negative_slope: the slope below the threshold, at least 0; 0 by default.
        threshold: where the identity begins, at least 0; 0 by default.

    Raises:
        ValueError: if an argument is negative or not finite.

    Example:
        >>> ReLU(max_value=6)(np.array([-1.0, 2.0, 9.0]))
        array([0., 2., 6.])

    Source: Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None:
            max_value = number("max_value", max_value, self.name, low=0.0)
        self.max_value = max_value
        self.negative_slope = number("negative_slope", negative_slope, self.name, low=0.0)
        self.threshold = number("threshold", threshold, self.name, low=0.0)
        self.activation = activations.Relu(
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(ActivationLayer):
    """The rectified linear unit that leaks: a small slope in place of 0 on the left.

    Forward: y = x where x ≥ 0, else negative_slope x.
    Backward: dx = dy where x ≥ 0, else negative_slope dy.

    Shapes:
        x, y: any.

    Arguments:
        negative_slope: the slope on the left, at least 0; 0.3 by default.

    Raises:
        ValueError: if `negative_slope` is negative or not finite.

    Example:
        >>> LeakyReLU(0.5)(np.array([-1.0, 2.0]))
        array([-0.5,  2. ])

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = number("negative_slope", negative_slope, self.name, low=0.0)
        self.activation = activations.LeakyRelu(negative_slope=self.negative_slope)


class ELU(ActivationLayer):
    """The exponential linear unit: smooth on the left, where it tends to −alpha.

    Forward: y = x where x > 0, else alpha (eˣ − 1).
    Backward: dx = dy where x > 0, else alpha eˣ dy.

    Shapes:
        x, y: any.

    Arguments:
        alpha: the value that it tends to on the left, but for the sign; 1 by default.

    Raises:
        ValueError: if `alpha` is not a finite number.

    Example:
        >>> ELU()(np.array([0.0, 2.0]))
        array([0., 2.])

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number("alpha", alpha, self.name)
        self.activation = activations.Elu(alpha=self.alpha)


class Softmax(ActivationLayer):
    """Turns logits into probabilities that sum to 1 along an axis.

    Forward: y = eˣ / Σ eˣ. Backward: dx = y (dy − Σ y dy). The sums run over `axis`.

    With a mask, what is masked counts as x = −∞: its y and dx are 0, and so is every y where all
    that the sum runs over is masked.

    Shapes:
        x, y: any; a mask has a shape that is broadcast to that of x, in NumPy's way.

    Arguments:
        axis: the axis of the classes, or a list of axes that together hold them; -1 by default.

    Raises:
        ValueError: if `axis` is not an integer or a list of them, the input has no such axis, or
            a mask cannot be broadcast to it.

    Example:
        >>> Softmax()(np.array([[1.0, 1.0]]))
        array([[0.5, 0.5]])
        >>> Softmax()(np.array([[1.0, 1.0, 5.0]]), mask=np.array([True, True, False]))
        array([[0.5, 0.5, 0. ]])
    """

    def __init__(self, axis: int | list[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_axes(axis, self.name)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self.activation = activations.Softmax(axis=axes[0] if len(axes) == 1 else tuple(axes))
        self.input_spec = InputSpec(min_ndim=max(-a if a < 0 else a + 1 for a in axes))

    def forward(
        self, x: Array, training: bool = False, mask: Array | None = None
    ) -> tuple[Array, Residuals]:
        """Return the softmax of what is not masked, and zeros for the rest."""
        if mask is None:
            return super().forward(x, training)
        x = as_float(x, self.dtype)
        kept = np.asarray(mask) > 0.5
        if not self.mask_fits(kept.shape, x.shape):
            raise ValueError(
                f"Layer {self.name!r} (Softmax) received a mask of shape {kept.shape} for an input "
                f"of shape {x.shape}, expected a shape that is broadcast to it. A mask of time "
                "steps needs an axis for the features: mask[..., np.newaxis]."
            )
        y, _ = self.activation.forward(np.where(kept, x, np.finfo(x.dtype).min))
        y = np.where(kept, y, y.dtype.type(0))
        return y, y  # where y is 0, so is dx

    def mask_fits(self, mask_shape: Shape, input_shape: Shape) -> bool:
        """Return whether a mask of that shape is broadcast to the input's."""
        pairs = zip(mask_shape[::-1], input_shape[::-1], strict=False)
        return len(mask_shape) <= len(input_shape) and all(
            m in (1, None) or s is None or m == s for m, s in pairs
        )
