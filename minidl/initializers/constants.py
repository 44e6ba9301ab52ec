"""Initializers without chance: zeros, ones, a constant, the identity matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, DType
from minidl.initializers.base import Initializer, any_dtype, check_shape
from minidl.validation import number


class Zeros(Initializer):
    """All zeros.

    Example:
        >>> Zeros()((2,))
        array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return an array of zeros."""
        return np.zeros(check_shape(shape, "Zeros"), any_dtype(dtype))


class Ones(Initializer):
    """All ones.

    Example:
        >>> Ones()((2,))
        array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return an array of ones."""
        return np.ones(check_shape(shape, "Ones"), any_dtype(dtype))


class Constant(Initializer):
    """One number everywhere.

    Arguments:
        value: the number; 0 by default.

    Raises:
        ValueError: if `value` is not a single number.

    Example:
        >>> Constant(0.1)((2,))
        array([0.1, 0.1], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        if not isinstance(value, int | float | np.number):
            raise ValueError(
                f"Constant: received value={value!r}, expected a number. For an array give it as "
                "the initializer itself: kernel_initializer=array."
            )
        self.value = value

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return an array full of the number."""
        return np.full(check_shape(shape, "Constant"), self.value, any_dtype(dtype))


class Identity(Initializer):
    """The identity matrix times a factor; ones on the main diagonal if it is not square.

    Arguments:
        gain: the factor; 1 by default.

    Raises:
        ValueError: if `gain` is not a finite number; at the call, if the shape has not two axes.

    Example:
        >>> Identity(gain=2.0)((2, 3))
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("gain", gain, "Identity")

    def __call__(self, shape: Any, dtype: DType | None = None) -> Array:
        """Return gain · I."""
        shape = check_shape(shape, "Identity")
        if len(shape) != 2:
            raise ValueError(
                f"Identity: received shape={shape} of {len(shape)} axes, expected two: only a "
                "matrix has a diagonal."
            )
        matrix = np.eye(*shape, dtype=any_dtype(dtype))
        matrix *= self.gain
        return matrix
