"""From a function of arrays to its derivatives: grad, value_and_grad, vjp, jacobian.

Each runs the function once on traced arrays and walks back over the tape. They nest: the gradient
of a gradient is taken by a second tape that records the first one's walk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from minidl import config, tracing
from minidl.autodiff.dispatch import name_of
from minidl.autodiff.errors import NotDifferentiableError
from minidl.autodiff.tape import Backward, Tape, is_floating
from minidl.autodiff.traced import TracedArray
from minidl.autodiff.trees import leaves, map_leaves, rebuilt
from minidl.layers.parameter import Parameter
from minidl.tracing import Traced, plain


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return the function that gives the gradient of `function`, which must return one number.

    Arguments:
        function: takes arrays, numbers, or lists, tuples and dicts of them.
        argnums: which of its arguments to differentiate by; a tuple for several.

    Returns:
        A function of the same arguments. The gradient has the structure, the shapes and the dtype
        of the argument; a tuple of gradients if `argnums` is a tuple.

    Raises:
        TypeError: if the function returns more than one number, or an argument is not floating.
        NotDifferentiableError: if the function does something that has no derivative here.

    Example:
        >>> slope = grad(lambda x: np.sum(x**3))
        >>> slope(np.array([1.0, 2.0]))
        array([ 3., 12.])
        >>> grad(lambda x: slope(x).sum())(np.array([1.0, 2.0]))
        array([ 6., 12.])
    """
    both = value_and_grad(function, argnums)

    @wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., Any]:
    """Return the function that gives the value of `function` and its gradient, in one run.

    Arguments, errors: as of `grad`.

    Example:
        >>> value_and_grad(lambda w, x: np.sum(w * x))(np.ones(2), np.array([3.0, 4.0]))
        (7.0, array([3., 4.]))
    """

    @wraps(function)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        numbers = argnums if isinstance(argnums, tuple) else (argnums,)
        _check_numbers(function, numbers, args)
        y, pull = _linearize(function, args, numbers, kwargs)
        if np.shape(y) != ():
            raise TypeError(
                f"{name_of(function)} returned "
                + (f"an array of shape {np.shape(y)}" if hasattr(y, "shape") else repr(type(y)))
                + ", but a gradient belongs to one number. Sum it up, or use vjp or jacobian."
            )
        gradients = pull(np.ones((), _dtype(y)))
        y = float(y) if not isinstance(y, Traced) else y
        return y, gradients if isinstance(argnums, tuple) else gradients[0]

    return value_and_gradient


def vjp(
    function: Callable[..., Any], *primals: Any
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return function(*primals), and the function from its gradient to those of the arguments.

    Example:
        >>> y, pull = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        >>> y, pull(np.array([1.0, 10.0]))
        (array([3., 8.]), (array([ 3., 40.]), array([ 1., 20.])))
    """
    return _linearize(function, primals, tuple(range(len(primals))), {})


def jacobian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function that gives all derivatives ∂yᵢ/∂xⱼ, of shape (*y.shape, *x.shape).

    Example:
        >>> jacobian(np.square)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """

    @wraps(function)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        _check_numbers(function, (argnums,), args)
        y, pull = _linearize(function, args, (argnums,), kwargs)
        if not hasattr(y, "shape"):
            raise TypeError(f"{name_of(function)} returned {type(y).__name__}, expected one array.")
        x = args[argnums]
        rows = [pull(unit.reshape(y.shape))[0] for unit in np.eye(y.size, dtype=y.dtype)]

        def stacked(leaf: Any, *parts: Any) -> Any:
            shape = (*y.shape, *np.shape(leaf))
            return np.reshape(np.stack(parts), shape) if parts else np.zeros(shape, _dtype(leaf))

        columns = [leaves(row) for row in rows]
        items = [stacked(leaf, *(c[i] for c in columns)) for i, leaf in enumerate(leaves(x))]
        return rebuilt(x, items)

    return derivatives


def stop_gradient(x: Any) -> Any:
    """Return x as a constant: what is computed from it has no gradient with respect to it.

    Works on lists, tuples and dicts of arrays too.

    Example:
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        3.0
    """
    return map_leaves(lambda leaf: plain(leaf._value if isinstance(leaf, Parameter) else leaf), x)


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of your own: where NumPy's would overflow, or is not wanted.

    Arguments:
        function: takes arrays and returns the pair (y, backward), where backward(dy) is the
            gradient of the argument, or a tuple of them for several. Of several outputs y the
            gradients come as so many arguments. Keras's form, with `upstream=`, works too.

    Raises:
        NotDifferentiableError: when called, if the function reads a parameter that is trained,
            whose gradient would be lost: pass it as an argument.

    Example:
        >>> @custom_gradient
        ... def clipped_exp(x):
        ...     y = np.exp(x)
        ...     return y, lambda dy: dy * np.minimum(y, 1.0)
        >>> grad(clipped_exp)(2.0)
        1.0
    """

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args = tuple(a.value if isinstance(a, Parameter) else a for a in args)
        tapes = [a.tape for a in args if isinstance(a, TracedArray) and a.tape.recording]
        if not tapes:
            with tracing.recording(_NoParameters(function)):
                return function(*map(plain, args), **kwargs)[0]
        tape = max(tapes, key=lambda t: t.level)
        values = [a.inner if isinstance(a, Traced) and a.tape is tape else a for a in args]  # type: ignore[attr-defined]
        with tracing.recording(_NoParameters(function)):
            y, backward = function(*values, **kwargs)
        record = _CustomRecord(name_of(function), args, tape, y, backward)
        if isinstance(y, list | tuple):
            return type(y)(tape.add_parts(record, y))
        return tape.add(record, y)

    return wrapped


class _CustomRecord:
    """A call of a function with a gradient of its own."""

    def __init__(self, name: str, args: Any, tape: Tape, y: Any, backward: Any) -> None:
        places = [
            (i, a) for i, a in enumerate(args) if isinstance(a, TracedArray) and a.tape is tape
        ]
        self.name = name
        self.count = len(args)
        self.places = [i for i, _ in places]
        self.parents = [a.index for _, a in places]
        self.shapes = [a.shape for _, a in places]
        self.dtypes = [a.dtype for _, a in places]
        self.outputs = list(y) if isinstance(y, list | tuple) else None
        self.backward = backward

    def pull(self, g: Any, walk: Any) -> Any:
        """Yield the gradients that `backward` gives."""
        if self.outputs is not None:
            g = [np.zeros_like(y) if d is None else d for d, y in zip(g, self.outputs, strict=True)]
            given = self.backward(*g)
        else:
            given = self.backward(g)
        given = list(given) if isinstance(given, list | tuple) else [given]
        if len(given) not in (self.count, len(self.places)):
            raise ValueError(
                f"{self.name}: its gradient function returned {len(given)} gradients, expected "
                f"{self.count}, one for each argument."
            )
        if len(given) == self.count:
            given = [given[i] for i in self.places]
        for parent, d, shape, dtype in zip(
            self.parents, given, self.shapes, self.dtypes, strict=True
        ):
            if d is None or not walk.needs(parent):
                continue
            if np.shape(d) != shape:
                raise ValueError(
                    f"{self.name}: its gradient function returned a gradient of shape "
                    f"{np.shape(d)}, expected {shape}, that of the argument."
                )
            d = d if hasattr(d, "dtype") else np.asarray(d)
            yield parent, d.astype(dtype)


class _NoParameters:
    """Listens while a function with its own gradient runs, and sees that no parameter is read."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self._outer = tracing.current()
        self.level = -1 if self._outer is None else self._outer.level
        self.training = getattr(self._outer, "training", None)
        self.recording = False
        self.losses = getattr(self._outer, "losses", [])
        self.depth = 1

    def read(self, parameter: Any) -> Any:
        if self._outer is not None and parameter.trainable:
            raise NotDifferentiableError(
                name_of(self._function),
                f"it reads the parameter {parameter.path!r}, whose gradient its own gradient "
                "function does not give. Pass the parameter as an argument.",
            )
        return parameter._value


def _check_numbers(function: Any, numbers: tuple[int, ...], args: tuple[Any, ...]) -> None:
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"{name_of(function)} was called with {len(args)} positional arguments; there is "
                f"none at argnums={number}."
            )


def _linearize(
    function: Any, args: tuple[Any, ...], numbers: tuple[int, ...], kwargs: dict[str, Any]
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Run a function on a tape; return its result and the walk back to the chosen arguments."""
    tape = Tape()
    traced = list(args)
    for number in numbers:
        traced[number] = map_leaves(lambda x: tape.leaf(_floating(x, function)), args[number])
    begun = [traced[number] for number in numbers]
    with tracing.recording(tape):
        result = function(*traced, **kwargs)
    tape.recording = False
    y = map_leaves(lambda item: _outside(item, tape), result)

    def pull(g: Any) -> tuple[Any, ...]:
        indices = [leaf.index for item in begun for leaf in leaves(item)]
        walk = Backward(tape, indices)
        given = leaves(g)
        if len(given) != len(leaves(result)):
            raise TypeError(
                f"Received {len(given)} gradients, expected {len(leaves(result))}, one for each "
                "output."
            )
        for item, d in zip(leaves(result), given, strict=True):
            if isinstance(item, TracedArray) and item.tape is tape and d is not None:
                d = d if hasattr(d, "dtype") else np.asarray(d, item.dtype)
                if np.shape(d) != item.shape:
                    raise TypeError(
                        f"Received a gradient of shape {np.shape(d)} for an output of shape "
                        f"{item.shape}."
                    )
                walk.give(item.index, d if d.dtype == item.dtype else d.astype(item.dtype))
        gradients = walk.run()

        return tuple(
            rebuilt(args[number], [
                own(gradients[leaf.index], given)
                for leaf, given in zip(leaves(item), leaves(args[number]), strict=True)
            ])
            for number, item in zip(numbers, begun, strict=True)
        )  # fmt: skip

    return y, pull


def own(g: Any, like: Any) -> Any:
    """Return a gradient as an array of its own, zeros where there is none; a float for a float."""
    if isinstance(g, Traced):
        return g
    if type(like) in (int, float):
        return 0.0 if g is None else float(g)
    if g is None:
        return np.zeros(np.shape(like), like.dtype)
    return np.array(g) if np.ndim(like) else g[()]


def _outside(item: Any, tape: Tape) -> Any:
    while isinstance(item, Traced) and item.tape is tape:  # type: ignore[attr-defined]
        item = item.inner
    return item


def _floating(x: Any, function: Any) -> Any:
    """Return an argument as something that has a gradient."""
    if isinstance(x, Parameter):
        x = x.value
    if isinstance(x, float):
        return np.float64(x)
    if isinstance(x, int) and not isinstance(x, bool):
        return np.dtype(config.floatx()).type(x)
    if not isinstance(x, Traced):
        x = np.asarray(x)
    if not is_floating(x):
        raise TypeError(
            f"{name_of(function)} is to be differentiated by an argument of dtype {x.dtype}, "
            "expected floats. Cast it, or leave it out of argnums."
        )
    return x


def _dtype(y: Any) -> Any:
    dtype = getattr(y, "dtype", None)
    return dtype if dtype is not None and dtype.kind == "f" else np.float64
