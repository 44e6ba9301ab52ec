"""The table of converters: how each class of layer and activation is written in ONNX's operators.

One that is not in it is refused by name, with the reason where there is a particular one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Converter = Callable[..., Any]
C = TypeVar("C", bound=Converter)

_CONVERTERS: dict[type, Converter] = {}
_REFUSED: dict[type, str] = {}


def register_onnx_converter(*classes: type) -> Callable[[C], C]:
    """Return a decorator that makes a function the converter of classes of layers or activations.

    The function gets the graph, the layer and its input, and the call's options by keyword. It
    appends operators of ONNX's (opset 18) to the graph and returns the name of the output, or a
    list of names for several:

        convert(graph, layer, x, **options) -> name

    An input is a name with a `shape` and a `dtype`; for several inputs x is a list. Where the
    input has a mask, it is the option `mask`. What the graph offers is in
    `minidl/export/onnx/graph.py`: `op`, `weight`, `number`, `integers`, `transpose`, `reshape`.

    Example:
        >>> from minidl import layers
        >>> class Square(layers.Layer):
        ...     def call(self, x):
        ...         return x * x
        >>> @register_onnx_converter(Square)
        ... def square(graph, layer, x):
        ...     return graph.op("Mul", x, x)
    """

    def register(function: C) -> C:
        for cls in classes:
            _CONVERTERS[cls] = function
            _REFUSED.pop(cls, None)
        return function

    return register


def refuse(reason: str, *classes: type) -> None:
    """Put down that these classes have no converter, and why: a sentence with a way out."""
    for cls in classes:
        _REFUSED[cls] = reason


def converter_of(thing: Any) -> Converter:
    """Return the converter of a layer or an activation; a subclass does not inherit it.

    Raises:
        ValueError: if there is none.
    """
    cls = type(thing)
    if cls in _CONVERTERS:
        return _CONVERTERS[cls]
    raise ValueError(
        f"{title(thing)} cannot be exported to ONNX. {_REFUSED.get(cls) or _hint(cls)}"
    )


def refusal(thing: Any, reason: str) -> ValueError:
    """Return the error for a layer that can be exported, but not as it is used here."""
    return ValueError(f"{title(thing)} cannot be exported to ONNX as it is used here. {reason}")


def title(thing: Any) -> str:
    """Return how messages call a layer or an activation."""
    name = getattr(thing, "name", None)
    if name is None:
        function = getattr(thing, "function", None)
        what = getattr(function, "__name__", None)
        return f"The activation {what!r}" if what else f"The activation {type(thing).__name__}"
    return f"Layer {name!r} ({type(thing).__name__})"


def converted() -> set[type]:
    """Return the classes that have a converter."""
    return set(_CONVERTERS)


def refused() -> dict[type, str]:
    """Return the reasons by class."""
    return dict(_REFUSED)


def _hint(cls: type) -> str:
    return (
        "It is not one of minidl's own. Say how it is written in ONNX's operators: "
        f"@minidl.export.register_onnx_converter({cls.__name__}) above a function "
        "convert(graph, layer, x) that returns graph.op(...)."
    )
