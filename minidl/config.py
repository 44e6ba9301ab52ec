"""Numbers that hold for the whole process: the default float type and the smallest safe divisor.

`floatx` is the dtype of every parameter and of every batch that `fit` makes, unless a layer or
an input asks for another.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from minidl._typing import DType

_floatx = "float32"
_epsilon = 1e-7
_check_finite = True
_compiled_kernels: bool | None = None  # None: where Numba is installed
_kernel_listeners: list[Callable[[], None]] = []

_FLOAT_TYPES = ("float32", "float64")


def floatx() -> str:
    """Return the default float type, `"float32"` unless `set_floatx` changed it.

    >>> floatx()
    'float32'
    """
    return _floatx


def set_floatx(value: DType) -> None:
    """Make `value` (`"float32"` or `"float64"`) the default float type.

    It holds for layers made from now on; layers that exist keep their dtype.

    Raises:
        ValueError: if `value` is not one of the two.
    """
    global _floatx
    _floatx = float_dtype(value)


def float_dtype(value: DType | None) -> str:
    """Return the name of a float type: `None` gives `floatx()`.

    Raises:
        ValueError: if `value` is not `"float32"` or `"float64"`.
    """
    if value is None:
        return _floatx
    try:
        name = np.dtype(value).name
    except TypeError:
        name = str(value)
    if name not in _FLOAT_TYPES:
        raise ValueError(
            f"Received dtype {name!r}, expected one of {list(_FLOAT_TYPES)}. "
            "Parameters and activations are float32 by default; use dtype='float64' for "
            "gradient checks and for work that needs 15 digits."
        )
    return name


def epsilon() -> float:
    """Return the small number that keeps divisions and logarithms finite (1e-7 by default)."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisions and logarithms finite.

    Raises:
        ValueError: if `value` is not positive.
    """
    global _epsilon
    if not value > 0:
        raise ValueError(f"Received epsilon={value!r}, expected a positive number such as 1e-7.")
    _epsilon = float(value)


def check_finite() -> bool:
    """Return whether `fit`, `evaluate` and `predict` refuse NaN and infinity in their inputs."""
    return _check_finite


def set_check_finite(value: bool) -> None:
    """Switch the search for NaN and infinity in the inputs of `fit`, `evaluate` and `predict`.

    It is on by default. Switch it off for a model that is meant to read NaN, as one that
    fills in missing values itself.
    """
    global _check_finite
    _check_finite = bool(value)


def compiled_kernels() -> bool | None:
    """Return whether the hot loops run compiled; None means where Numba is installed.

    The environment variable `MINIDL_COMPILED` (0 or 1) decides where nothing was set.
    """
    if _compiled_kernels is None and (word := os.environ.get("MINIDL_COMPILED", "")) in ("0", "1"):
        return word == "1"
    return _compiled_kernels


def set_compiled_kernels(value: bool | None) -> None:
    """Choose whether the hot loops run compiled by Numba (the extra `minidl[fast]`) or in NumPy.

    Both give the same numbers up to round-off. None, the default, compiles where Numba is there.

    Raises:
        ImportError: if `value` is True and Numba is not installed.
    """
    global _compiled_kernels
    if value:
        import importlib.util

        if importlib.util.find_spec("numba") is None:
            raise ImportError("Compiled kernels need Numba: pip install 'minidl[fast]'.")
    _compiled_kernels = None if value is None else bool(value)
    for listener in _kernel_listeners:
        listener()


def when_kernels_change(listener: Callable[[], None]) -> None:
    """Have `listener` called whenever `set_compiled_kernels` was."""
    _kernel_listeners.append(listener)
