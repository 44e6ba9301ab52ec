"""From a NumPy call on traced arrays to its rule, and from the rule to a record on the tape.

Three tables, filled by the modules of `minidl.autodiff.rules`, say all there is to say of a
function:

    RULES        it has a rule: a vjp for each argument that may be traced
    COMPOSITES   it is written in terms of others, which have rules
    CONSTANTS    it is piecewise constant, or asks for shapes: its derivative is zero

Whatever stands in none of them raises `NotDifferentiableError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from minidl.autodiff.errors import InPlaceError, NotDifferentiableError
from minidl.autodiff.records import Edge, Record, Vjp
from minidl.layers.parameter import Parameter
from minidl.tracing import Traced, plain

RULES: dict[Any, Rule] = {}
COMPOSITES: dict[Any, Callable[..., Any]] = {}
CONSTANTS: set[Any] = set()
METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
"""Ufuncs' methods, such as `np.add.reduce`, and the functions that do the same."""
INTO: dict[Vjp, Callable[..., None]] = {}
"""into(out, g, y, *args): for some vjps, the same written into an array."""


class Rule:
    """How one function is differentiated.

    Attributes:
        function: is called on plain arrays.
        vjps: one for each of the first arguments; None for one that is not differentiable.
        variadic: vjp(position, g, y, *args), where all arguments have the same.
        arguments: the names of the arguments, as far as they are covered.
        name: for messages.
    """

    __slots__ = ("arguments", "function", "name", "variadic", "vjps")

    def __init__(
        self, function: Any, vjps: tuple[Vjp | None, ...], variadic: Callable[..., Any] | None
    ) -> None:
        self.function = function
        self.name = name_of(function)
        self.vjps = vjps
        self.variadic = variadic
        like = variadic or next(v for v in vjps if v is not None)
        given = 3 if variadic else 2
        self.arguments = tuple(inspect.signature(like).parameters)[given:]

    def vjp(self, position: int) -> Vjp:
        """Return the vjp of the argument at `position`."""
        if self.variadic is not None:
            return partial(self.variadic, position)
        vjp = self.vjps[position] if position < len(self.vjps) else None
        if vjp is None:
            which = self.arguments[position] if position < len(self.arguments) else position
            raise NotDifferentiableError(
                self.name,
                f"its argument {which!r} is traced, and is not differentiable. Pass it through "
                "minidl.autodiff.stop_gradient if it is meant as a constant.",
            )
        return vjp

    def sorted_out(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with those that are traced among the positional ones."""
        kwargs = checked_options(self.name, self.arguments, kwargs)
        while any(is_traced(value) for value in kwargs.values()):
            name = self.arguments[len(args)]
            if name not in kwargs:
                break
            args = (*args, kwargs.pop(name))
        for name, value in kwargs.items():
            if is_traced(value):
                raise NotDifferentiableError(
                    self.name, f"its argument {name!r} is traced; pass it by position."
                )
        return args, kwargs


def name_of(function: Any) -> str:
    """Return how a user calls a function: `np.linalg.inv`."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or "numpy"
    if isinstance(function, np.ufunc):
        module = "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module.startswith("numpy") else name


def checked_options(
    name: str, covered: tuple[str, ...] | frozenset[str], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return keyword arguments without those that say nothing.

    Raises:
        NotDifferentiableError: if one is not covered.
    """
    kept = {}
    for key, value in kwargs.items():
        if key == "out" and value is not None:
            raise InPlaceError(name, "leave out= away")
        if key in covered:
            kept[key] = value
        elif value is not None and value is not np._NoValue:
            raise NotDifferentiableError(name, f"its argument {key!r} is not covered.")
    return kept


# Filling the tables


def rule(
    function: Any, *vjps: Vjp | None, into: dict[int, Callable[..., None]] | None = None
) -> None:
    """Enter a function with a vjp for each argument: vjp(g, y, *args, **kwargs).

    A vjp may return the gradient of an argument that was broadcast as it is: it is summed later.
    """
    RULES[function] = Rule(function, vjps, None)
    for position, write in (into or {}).items():
        vjp = vjps[position]
        assert vjp is not None
        INTO[vjp] = write


def variadic_rule(function: Any, vjp: Callable[..., Any]) -> None:
    """Enter a function whose arguments all have the vjp(position, g, y, *args, **kwargs)."""
    RULES[function] = Rule(function, (), vjp)


def composite(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter functions as written in terms of others, by the function that is decorated."""

    def enter(written: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(written).parameters.values()
        covered = frozenset(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)
        for function in functions:
            COMPOSITES[function] = partial(_run_composite, written, covered, name_of(function))
        return written

    return enter


def _run_composite(
    written: Callable[..., Any], covered: frozenset[str], name: str, *args: Any, **kwargs: Any
) -> Any:
    return written(*args, **checked_options(name, covered, kwargs))


def constant(*functions: Any) -> None:
    """Enter functions whose derivative is zero wherever there is one."""
    CONSTANTS.update(functions)


def primitive(*vjps: Vjp | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of plain arrays one that can be traced, with a vjp for each argument."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        own = Rule(function, vjps, None)

        def dispatching(*args: Any, **kwargs: Any) -> Any:
            return apply(own, args, kwargs)

        RULES[dispatching] = own
        return update_wrapper(dispatching, function)

    return enter


# Calling


def is_traced(item: Any) -> bool:
    """Return whether a tape follows an argument: an array, a parameter, or a list of them."""
    if isinstance(item, list | tuple):
        return any(is_traced(entry) for entry in item)
    return isinstance(item, Traced) or (isinstance(item, Parameter) and is_traced(item.value))


def apply(rule: Rule, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a rule's function, and record it if one of its arguments is traced."""
    tape = None
    values = [item.value if type(item) is Parameter else item for item in args]
    for item in values:
        if isinstance(item, Traced):
            above = item.tape  # type: ignore[attr-defined]
            if above is not tape and (tape is None or above.level > tape.level):
                tape = above
    if tape is None:
        return rule.function(*values, **kwargs)
    if not tape.recording:
        # Of an ended tape nothing is left but the numbers.
        return apply(rule, [_without(tape, item) for item in values], kwargs)
    edges: list[Edge] = []
    vjps = rule.vjps
    for position, item in enumerate(values):
        if isinstance(item, Traced) and item.tape is tape:  # type: ignore[attr-defined]
            vjp = vjps[position] if position < len(vjps) else None
            if vjp is None:
                vjp = rule.vjp(position)
            value = item.inner
            values[position] = value
            edges.append((item.index, vjp, value))  # type: ignore[attr-defined]
    # What is still traced belongs to an outer tape, which is to record the call too.
    y = apply(rule, values, kwargs) if tape.level else rule.function(*values, **kwargs)
    if isinstance(y, tuple):
        return tape.add_parts(Record(edges, y, values, kwargs), y)
    return tape.add(Record(edges, y, values, kwargs), y)


def _without(tape: Any, item: Any) -> Any:
    while isinstance(item, Traced) and item.tape is tape:  # type: ignore[attr-defined]
        item = item.inner
    return item


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's call of one of its functions (`__array_function__`)."""
    written = COMPOSITES.get(function)
    if written is not None:
        return written(*args, **kwargs)
    rule = RULES.get(function)
    if rule is not None:
        if kwargs:
            args, kwargs = rule.sorted_out(args, kwargs)
        return apply(rule, args, kwargs)
    if function in CONSTANTS:
        if kwargs.get("out") is not None:
            raise InPlaceError(name_of(function), "leave out= away")
        return function(*map(_plain_deep, args), **{k: _plain_deep(v) for k, v in kwargs.items()})
    if not _anyone_records(args) and not _anyone_records(kwargs.values()):
        return function(*map(_plain_deep, args), **{k: _plain_deep(v) for k, v in kwargs.items()})
    raise uncovered(name_of(function))


def call_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's call of one of its ufuncs (`__array_ufunc__`)."""
    if kwargs:
        out = kwargs.pop("out", None)
        if out is not None and any(item is not None for item in out):
            raise InPlaceError(name_of(ufunc), "y = f(x) in place of f(x, out=y), and no x += y")
    if method != "__call__":
        function = METHODS.get((ufunc, method))
        if function is None:
            raise uncovered(f"{name_of(ufunc)}.{method}")
        return function(*args, **kwargs)
    rule = RULES.get(ufunc)
    if rule is not None and not kwargs:
        return apply(rule, args, kwargs)
    if ufunc in CONSTANTS:
        return ufunc(*map(plain, args), **kwargs)
    if ufunc in COMPOSITES:
        return COMPOSITES[ufunc](*args, **kwargs)
    if not _anyone_records(args):
        return ufunc(*map(plain, args), **kwargs)
    if rule is not None:
        raise NotDifferentiableError(
            name_of(ufunc), f"its keyword arguments {sorted(kwargs)} are not covered."
        )
    raise uncovered(name_of(ufunc))


def uncovered(name: str) -> NotDifferentiableError:
    """Return the error for a function that stands in no table."""
    return NotDifferentiableError(
        name,
        "it is not among the functions that minidl.autodiff differentiates (docs/autodiff.md lists "
        "them). Write it in terms of those, give it a gradient with minidl.autodiff."
        "custom_gradient, or pass it stop_gradient(x) if its result is meant as a constant.",
    )


def _plain_deep(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return type(item)(map(_plain_deep, item)) if type(item) in (list, tuple) else item
    return plain(item)


def _anyone_records(items: Any) -> bool:
    for item in items:
        if isinstance(item, list | tuple) and _anyone_records(item):
            return True
        while isinstance(item, Traced):
            if item.tape.recording:  # type: ignore[attr-defined]
                return True
            item = item.inner
    return False
