"""Is this gradient right? `gradcheck` compares it with differences of the function itself.

    gradcheck(MyLayer(3), x)                     a layer or a model: dx and every parameter
    gradcheck(MyLayer(3), input_shape=(4, 5))    the same, on random inputs
    gradcheck("swish")  gradcheck(MyLoss())      an activation, a loss, a regularizer
    gradcheck(function)                          any function of arrays

It works in float64 on a copy, with a random cotangent: one of ones hides a softmax's errors. The
numeric derivatives are extrapolated to a step of zero and good to ten digits, so a gradient that is
right to five digits only is wrong. What lies on a kink is left out, and counted. A failure names
the worst entry, both values, and the likely cause.
"""

from __future__ import annotations

from typing import Any

from minidl.activations import Activation
from minidl.gradcheck.functions import check_loss, check_regularizer
from minidl.gradcheck.layers import check_activation, check_layer
from minidl.gradcheck.plain_functions import check_function
from minidl.gradcheck.report import GradientError, Part, Report
from minidl.layers.layer import Layer
from minidl.losses import Loss
from minidl.regularizers import Regularizer

__all__ = [
    "GradientError",
    "Part",
    "Report",
    "check_activation",
    "check_function",
    "check_layer",
    "check_loss",
    "check_regularizer",
    "gradcheck",
]


def gradcheck(obj: Any, *inputs: Any, **arguments: Any) -> Report:
    """Check the gradient of a layer, a model, an activation, a loss, a regularizer or a function.

    Arguments:
        obj: what to check; a string is the name of an activation.
        inputs: what `check_layer`, `check_activation`, `check_loss`, `check_regularizer` or
            `check_function` takes: `x` for a layer, `y_true, y_pred` for a loss.
        arguments: their other arguments, such as `input_shape`, `training`, `tolerance`, `seed`.

    Returns:
        A report; printed, it is a table. `report.worst` is the largest relative error.

    Raises:
        GradientError: an AssertionError that names the wrong gradient, its worst entry and the
            likely cause.
        TypeError: if `obj` is none of these.

    Example:
        >>> import numpy as np
        >>> from minidl.layers import Layer
        >>> class Square(Layer):
        ...     def forward(self, x, training=False):
        ...         return x * x, x
        ...
        ...     def backward(self, x, dy):
        ...         return x * dy
        >>> try:
        ...     gradcheck(Square(name="square"), np.array([[1.0, 2.0, 4.0]]))
        ... except GradientError as error:
        ...     print(error.cause)
        it is half of what it should be: a factor 2 is missing.
    """
    if isinstance(obj, Layer):
        return check_layer(obj, *inputs, **arguments)
    if isinstance(obj, Activation | str):
        return check_activation(obj, *inputs, **arguments)
    if isinstance(obj, Loss):
        return check_loss(obj, *inputs, **arguments)
    if isinstance(obj, Regularizer):
        return check_regularizer(obj, *inputs, **arguments)
    if callable(obj) and not isinstance(obj, type):
        return check_function(obj, *inputs, **arguments)
    what = f"the class {obj.__name__}" if isinstance(obj, type) else type(obj).__name__
    raise TypeError(
        f"gradcheck received {what}, expected a Layer, Model, Activation, Loss, Regularizer or "
        "a function of arrays." + (" Make an object of it first." if isinstance(obj, type) else "")
    )
