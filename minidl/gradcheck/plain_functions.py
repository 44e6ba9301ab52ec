"""Checking bare functions: of any arrays, with a gradient of one's own or that of autodiff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.gradcheck.compare import Problem
from minidl.gradcheck.diagnosis import Clues
from minidl.gradcheck.inputs import random_array
from minidl.gradcheck.report import GradientError, Report
from minidl.gradcheck.twin import to_double
from minidl.gradcheck.verdict import check_gradient

ENTRIES = 100
SHAPE = (4, 3)  # of an input that nothing is known about


def check_function(
    function: Callable[..., Any],
    *inputs: Any,
    gradient: Callable[..., Any] | None = None,
    input_shape: Any = None,
    tolerance: float = 1e-6,
    seed: int = 0,
    entries: int = ENTRIES,
) -> Report:
    """Check the gradient of a function of arrays that returns an array or a number.

    Arguments:
        function: takes one array or several, and changes none of them.
        inputs: its arguments; random if left out, one for each argument without a default.
            Integers are taken as they are, and get no gradient.
        gradient: takes the same arguments and returns the gradient of a function of one number;
            a tuple for several arguments. By default it is found by `minidl.autodiff`: the check
            is then whether the function has one, everywhere and of a useful size.
        input_shape: the shape of random inputs, or a list with one for each; (4, 3) by default.
        tolerance: the relative error that passes.
        seed: of what is random.
        entries: an input of up to this size is checked entry by entry.

    Returns:
        A report with a row for each argument that has a gradient.

    Raises:
        GradientError: if a gradient is wrong or of another shape, or an argument is changed.
        TypeError: if the function returns neither an array nor a number.
        ValueError: if `gradient` is given and the function returns more than one number.

    Example:
        >>> def distance(a, b):
        ...     return np.sqrt(np.sum((a - b) ** 2))
        >>> check_function(distance).worst < 1e-6
        True
        >>> def slope(a, b):
        ...     return (a - b) / distance(a, b), (a - b) / distance(a, b)
        >>> try:
        ...     check_function(distance, gradient=slope)
        ... except GradientError as error:
        ...     print(error.cause)
        it has the opposite sign.
    """
    rng = np.random.default_rng(seed)
    names = _arguments_of(function, len(inputs))
    arrays = _random(names, input_shape, rng) if not inputs else [_own(item) for item in inputs]
    title = getattr(function, "__name__", type(function).__name__)
    before = [array.copy() for array in arrays]
    floats = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    y, gradients, dy = _gradients(function, gradient, arrays, floats, rng)

    def outputs() -> Array:
        return np.ravel(np.asarray(function(*arrays), dtype=np.float64))

    if not all(map(np.array_equal, arrays, before)):
        raise GradientError(title, "the arguments", "they are changed in place.")
    factors = {names[i]: before[i] for i in floats} | ({"y": y} if y.ndim else {})
    report = Report(title)
    for i, found in zip(floats, gradients, strict=True):
        found = np.asarray(found)
        if found.shape != arrays[i].shape:
            raise GradientError(
                title,
                f"d{names[i]}",
                f"the gradient has shape {found.shape}, expected {arrays[i].shape}.",
            )
        problem = Problem(arrays[i], outputs, dy.ravel(), rng, tolerance, entries)
        clues = Clues(np.array(found, np.float64), problem, [dy], factors, before[i])
        check_gradient(title, f"d{names[i]}", clues, report)
    return report


def _gradients(
    function: Any, gradient: Any, arrays: list[Array], floats: list[int], rng: np.random.Generator
) -> tuple[Array, Any, Array]:
    """Return the function's value, its gradients, and what its outputs are weighted with."""
    if gradient is not None:
        y = np.asarray(function(*arrays))
        if y.ndim:
            raise ValueError(
                f"check_function: the function returned an array of shape {y.shape}, but a "
                "gradient belongs to one number. Leave `gradient` out, or weigh and sum the "
                "outputs within the function."
            )
        found = gradient(*arrays)
        return y, found if isinstance(found, tuple | list) else [found], np.ones(())
    from minidl.autodiff import vjp

    def of_floats(*values: Any) -> Any:
        given: list[Any] = list(arrays)
        for i, value in zip(floats, values, strict=True):
            given[i] = value
        return function(*given)

    y, pull = vjp(of_floats, *(arrays[i] for i in floats))
    if not isinstance(y, np.ndarray | np.floating | float):
        raise TypeError(
            f"check_function: the function returned {type(y).__name__}, expected one array or one "
            "number of a float type."
        )
    dy = np.asarray(rng.standard_normal(np.shape(y)))
    return np.asarray(y), pull(dy), dy


def _own(item: Any) -> Array:
    array = np.array(to_double(item))
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _arguments_of(function: Any, given: int) -> list[str]:
    """Return the names of the arguments, as many as are given, or as have no default."""
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a ufunc, which does not tell their names
        parameters = []
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in parameters if p.name in names)
    if isinstance(function, np.ufunc):
        names, needed, several = [], function.nin, True
    count = given or needed or 1
    while several and len(names) < count:
        names.append(f"x{len(names)}" if count > 1 else "x")
    return names[:count]


def _random(names: list[str], shapes: Any, rng: np.random.Generator) -> list[Array]:
    each = shapes if isinstance(shapes, list) else [shapes or SHAPE] * len(names)
    return [random_array(shape, rng) for shape in each]
