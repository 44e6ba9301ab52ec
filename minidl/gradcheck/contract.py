"""What a forward and a backward promise besides right numbers.

Neither changes what it was given, nothing of a call stays behind, a gradient is assigned and not
added to what was there, and dtypes and shapes come out as they went in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array, Residuals
from minidl.gradcheck.report import GradientError
from minidl.gradcheck.subject import Subject
from minidl.gradcheck.twin import flatten, labels, pack


class Run(NamedTuple):
    """One pass forwards and backwards.

    Attributes:
        y: the output, or the list or dict of them.
        residuals: what forward kept.
        dy: the cotangent, of the structure of y.
        dx: the input gradients as a list; None for those of integer inputs.
        gradients: the gradient of each parameter.
    """

    y: Any
    residuals: Residuals
    dy: Any
    dx: list[Array | None]
    gradients: list[Array]


def check_contract(subject: Subject, x: Any, rng: np.random.Generator) -> Run:
    """Run the subject once and see that it keeps its promises.

    Raises:
        GradientError: naming the promise that is broken.
    """
    y, residuals = _check_forward(subject, x)
    dy = pack(y, [_cotangent(item, rng) for item in flatten(y)])
    run = _check_backward(subject, x, y, residuals, dy, rng)
    _check_nothing_kept(subject, x, run)
    _check_optional_work(subject, x, run)
    return run


def _cotangent(y: Array, rng: np.random.Generator) -> Array:
    if y.dtype.kind != "f":
        return np.zeros(y.shape)
    return np.asarray(rng.standard_normal(y.shape)).astype(y.dtype)


def _check_forward(subject: Subject, x: Any) -> tuple[Any, Residuals]:
    name = subject.input_name
    inputs = [np.array(item) for item in flatten(x)]
    values = [p.value.copy() for p in subject.parameters]
    y, residuals = subject.forward(x)

    def broken(cause: str) -> GradientError:
        return GradientError(subject.title, "forward", cause)

    for label, before, after in zip(labels(name, x), inputs, flatten(x), strict=True):
        if not _same(before, after):
            raise broken(
                f"it changes its input {label} in place. Compute into a new array "
                f"({name} = {name} * 2, not {name} *= 2): the input belongs to the layer before."
            )
    for parameter, value in zip(subject.parameters, values, strict=True):
        if not _same(parameter.value, value):
            raise broken(f"it changes the parameter {parameter.path!r}, which an optimizer owns.")
    expected = next((i.dtype for i in inputs if i.dtype.kind == "f"), None)
    for label, item in zip(labels("y", y), flatten(y), strict=True):
        if not isinstance(item, np.ndarray | np.generic):
            raise broken(f"{label} is a {type(item).__name__}, expected a NumPy array.")
        if item.dtype.kind == "f" and expected is not None and item.dtype != expected:
            raise broken(
                f"{label} has dtype {item.dtype} for an input of dtype {expected}: a constant or "
                "an array of another type takes part. Make constants with dtype=x.dtype."
            )
        if not np.isfinite(item).all():
            raise broken(f"{label} has NaN or infinity in it, for a finite input.")
    again = subject.forward(x)[0]
    if not _all_same(flatten(y), flatten(again)):
        raise broken(
            "it gives another output when called again on the same input. A random draw must come "
            "from a SeedGenerator that is an attribute of the layer; nothing else may change."
        )
    if not _all_same(flatten(y), flatten(subject.output(x))):
        raise broken("it does not agree with a plain call of the same object.")
    return y, residuals


def _check_backward(
    subject: Subject, x: Any, y: Any, residuals: Residuals, dy: Any, rng: np.random.Generator
) -> Run:
    inputs = [np.array(item) for item in flatten(x)]
    cotangents = [d.copy() for d in flatten(dy)]
    kept = [a.copy() for a in _arrays_in(residuals)]
    values = [p.value.copy() for p in subject.parameters]

    first = _poisoned_backward(subject, x, residuals, dy, rng)

    def broken(cause: str) -> GradientError:
        return GradientError(subject.title, "backward", cause)

    for label, before, after in zip(labels("dy", y), cotangents, flatten(dy), strict=True):
        if not _same(before, after):
            raise broken(
                f"it changes {label} in place. Compute into a new array: other layers may be "
                "given the same one."
            )
    for label, before, after in zip(labels(subject.input_name, x), inputs, flatten(x), strict=True):
        if not _same(before, after):
            raise broken(f"it changes {label}, the input of forward, in place.")
    if not _all_same(kept, _arrays_in(residuals)):
        raise broken(
            "it changes its residuals: it writes into an array among them, or uses up a list."
        )
    for parameter, value in zip(subject.parameters, values, strict=True):
        if not _same(parameter.value, value):
            raise broken(f"it changes the value of the parameter {parameter.path!r}.")

    second = _poisoned_backward(subject, x, residuals, dy, rng)
    _check_assigned(subject, first, second)
    if not _all_same(first.dx, second.dx) or not _all_same(first.gradients, second.gradients):
        raise broken(
            "it gives another result when called a second time on the same residuals and dy."
        )
    return Run(y, residuals, dy, first.dx, first.gradients)


class _Outcome(NamedTuple):
    dx: list[Array | None]
    gradients: list[Array]
    poison: list[Array]


def _poisoned_backward(
    subject: Subject,
    x: Any,
    residuals: Residuals,
    dy: Any,
    rng: np.random.Generator,
    **options: Any,
) -> _Outcome:
    """Run backward with garbage in every gradient, so that what is not written stands out."""
    poison = [rng.uniform(1e3, 2e3, p.shape).astype(p.dtype) for p in subject.parameters]
    for parameter, garbage in zip(subject.parameters, poison, strict=True):
        parameter.grad = garbage
    dx = subject.backward(residuals, dy, **options)
    gradients = [p.grad.copy() for p in subject.parameters]
    if options.get("need_dx") is False:
        return _Outcome([], gradients, poison)
    return _Outcome(_checked_dx(subject, x, dx), gradients, poison)


def _checked_dx(subject: Subject, x: Any, dx: Any) -> list[Array | None]:
    """Return the input gradients as a list of arrays, with shapes and dtypes compared."""
    inputs = flatten(x)
    name = f"d{subject.input_name}"

    def broken(cause: str) -> GradientError:
        return GradientError(subject.title, name, cause)

    several = isinstance(x, list | tuple | dict)
    if dx is None and not several and inputs[0].dtype.kind == "f":
        raise broken("backward returned None, expected the gradient of the input.")
    if several and (not isinstance(dx, list | tuple | dict) or len(dx) != len(inputs)):
        raise broken(
            f"backward returned {_described(dx)}, expected a list of {len(inputs)} gradients, one "
            "for each input (None for one without)."
        )
    if isinstance(x, dict) and isinstance(dx, dict):
        dx = [dx[key] for key in x]
    found: list[Array | None] = []
    for label, item, given in zip(
        labels(name, x), inputs, flatten(dx) if several else [dx], strict=True
    ):
        if item.dtype.kind != "f":
            found.append(None)
            continue
        if given is None:
            given = np.zeros_like(item)  # "no gradient"; the differences will tell
        if not isinstance(given, np.ndarray | np.generic):
            raise broken(f"{label} is {_described(given)}, expected an array of {item.shape}.")
        if given.shape != item.shape:
            raise broken(
                f"{label} has shape {given.shape}, expected {item.shape}, the shape of the input."
                + _shape_hint(given.shape, item.shape)
            )
        if given.dtype != item.dtype:
            raise broken(
                f"{label} has dtype {given.dtype} for an input of dtype {item.dtype}. Make "
                "constants with dtype=dy.dtype."
            )
        found.append(np.array(given))
    return found


def _shape_hint(given: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if given == expected[::-1]:
        return " It is transposed."
    if given == expected[1:]:
        return " The batch axis is missing: it has been summed over or indexed away."
    if sorted(given) == sorted(expected):
        return " The axes stand in another order."
    return ""


def _check_assigned(subject: Subject, first: _Outcome, second: _Outcome) -> None:
    for i, parameter in enumerate(subject.parameters):
        one, two = first.gradients[i], second.gradients[i]
        if np.array_equal(one, first.poison[i]) and np.array_equal(two, second.poison[i]):
            raise GradientError(
                subject.title,
                parameter.name,
                f"backward never writes {parameter.path}.grad. Assign it: "
                f"self.{parameter.name}.grad = ... (a frozen parameter needs none, this one is "
                "trainable).",
            )
        if not _same(one, two, 1e-6) and _same(one - first.poison[i], two - second.poison[i], 1e-6):
            raise GradientError(
                subject.title,
                parameter.name,
                f"backward adds to {parameter.path}.grad, and so accumulates the gradient of the "
                "call before. Assign it (grad = ..., not grad += ...): nothing zeroes it.",
            )
        left = (one == first.poison[i]) & (two == second.poison[i])
        if left.any():
            index = tuple(int(k) for k in np.argwhere(left)[0])
            raise GradientError(
                subject.title,
                parameter.name,
                f"backward leaves {int(left.sum())} of {left.size} entries of "
                f"{parameter.path}.grad unwritten, the first at {list(index)}. Entries without a "
                "gradient must be zeroed.",
            )


def _check_nothing_kept(subject: Subject, x: Any, run: Run) -> None:
    """Call forward on another input in between: neither output nor gradients may notice."""
    other = pack(x, [_shuffled(item) for item in flatten(x)])
    y, before = [item.copy() for item in flatten(run.y)], subject.attributes()
    residuals = subject.forward(x)[1]
    subject.forward(other)
    after = subject.attributes()
    kept = sorted(k for k, v in after.items() if k not in before or _differs(before[k], v))
    where = f" Look at {', '.join(kept)}." if kept else ""
    if not _all_same(y, flatten(run.y)):
        raise GradientError(
            subject.title,
            "forward",
            "its output is overwritten by the next call: it returns an array that it keeps. "
            f"Return a new one.{where}",
        )
    outcome = _poisoned_backward(subject, x, residuals, run.dy, np.random.default_rng(0))
    if _all_same(outcome.dx, run.dx) and _all_same(outcome.gradients, run.gradients):
        return
    raise GradientError(
        subject.title,
        "backward",
        "it gives another gradient if forward has meanwhile run on another input: something of a "
        f"call is kept on the object. Hand it over among the residuals.{where}",
    )


def _differs(before: Any, after: Any) -> bool:
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        return not _same(before, after)
    return before is not after


def _shuffled(item: Array) -> Array:
    return np.roll(item.ravel(), 1).reshape(item.shape)


def _check_optional_work(subject: Subject, x: Any, run: Run) -> None:
    """Without dx, and with a parameter frozen, the other gradients must be the same."""
    rng = np.random.default_rng(0)
    if subject.skips_dx:
        outcome = _poisoned_backward(subject, x, run.residuals, run.dy, rng, need_dx=False)
        if not _all_same(outcome.gradients, run.gradients):
            raise GradientError(
                subject.title, "backward", "need_dx=False changes the gradients of parameters."
            )
    for frozen in subject.parameters:
        frozen.trainable = False
        try:
            residuals = subject.forward(x)[1]
            outcome = _poisoned_backward(subject, x, residuals, run.dy, rng)
        finally:
            frozen.trainable = True
        pairs = zip(subject.parameters, outcome.gradients, run.gradients, strict=True)
        same = all(_same(new, old) for p, new, old in pairs if p is not frozen)
        if not same or not _all_same(outcome.dx, run.dx):
            raise GradientError(
                subject.title,
                "backward",
                f"with {frozen.path} frozen (trainable=False) another gradient changes.",
            )


def check_single(subject: Subject, x: Any) -> None:
    """See that a float32 subject gives float32, forwards and backwards, and finite numbers.

    Raises:
        GradientError: naming the array that is of another type.
    """
    y, residuals = _check_forward(subject, x)
    rng = np.random.default_rng(0)
    dy = pack(y, [_cotangent(item, rng) for item in flatten(y)])
    _poisoned_backward(subject, x, residuals, dy, rng)


def _same(a: Array | None, b: Array | None, tolerance: float = 1e-9) -> bool:
    """Return whether two arrays are equal, but for the round-off of another order of summing."""
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind != "f" or np.array_equal(a, b, equal_nan=True):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    if a.dtype == np.float32:
        tolerance = max(tolerance, 1e-5)
    return bool(np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1.0))


def _all_same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(_same(p, q) for p, q in zip(a, b, strict=True))


def _arrays_in(value: Any) -> list[Array]:
    """Return the arrays that can be seen in a nest of tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [a for item in value.values() for a in _arrays_in(item)]
    if isinstance(value, list | tuple):
        return [a for item in value for a in _arrays_in(item)]
    return []


def _described(value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"
