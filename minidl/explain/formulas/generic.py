"""Any layer: the equations of its docstring, its parameters, and what came in and went out."""

from __future__ import annotations

from minidl.explain.content import Equation, Note
from minidl.explain.equations import equations_of
from minidl.explain.formulas.common import Lines, from_docstring, letter, show
from minidl.explain.recording import Call


def forward(call: Call) -> Lines:
    """Tell y."""
    layer = call.layer
    found = equations_of(type(layer)).forward
    yield from from_docstring(type(layer), "forward")
    if not found:
        yield Equation("y = f(x)")
        yield Note(f"f is what {type(layer).__name__} computes; its docstring has no equation.")
    for parameter in layer.weights:
        yield from show(_name(call, parameter), call.value(parameter), parameter.path)
    yield from show("y", call.y)


def backward(call: Call) -> Lines:
    """Tell dx and the gradients of all parameters."""
    layer = call.layer
    found = equations_of(type(layer)).backward
    yield from from_docstring(type(layer), "backward")
    if not found:
        yield Equation("dx = (∂y/∂x)ᵀ dy")
        if layer.weights:
            yield Equation("dθ = (∂y/∂θ)ᵀ dy", "for every parameter θ")
        own = "minidl.autodiff found it from call" if layer.writes_call_alone else "by its backward"
        yield Note(f"How {type(layer).__name__} does it: {own}.")
    yield from show("dy", call.dy)
    for parameter in call.parameters():
        yield from show(f"d{_name(call, parameter)}", call.gradient(parameter), parameter.path)
    yield from show("dx", call.dx)


def _name(call: Call, parameter: object) -> str:
    """Return the letter of a layer's own parameter; one of a layer within has its name."""
    own = any(value is parameter for value in vars(call.layer).values())
    return letter(parameter) if own else getattr(parameter, "name", "θ")
