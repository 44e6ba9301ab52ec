"""Gradients of ordinary NumPy code: reverse-mode differentiation through NumPy's own protocols.

    grad(f)(x)                     the gradient of a function that returns one number
    value_and_grad(f)(x)           the value beside it
    vjp(f, x)  jacobian(f)(x)      for functions that return arrays
    stop_gradient  custom_gradient what is not to be differentiated, or in another way
    GradientTape                   for training loops of one's own, as Keras's users know it

A layer that writes `call` alone, a plain function as loss, activation or regularizer: their
gradients come from here. The built-in layers' do not; theirs are derived by hand, and this is the
second witness that they are right. What has no derivative here raises, and names the line.
"""

from __future__ import annotations

from minidl.autodiff.coverage import covered
from minidl.autodiff.errors import InPlaceError, NotDifferentiableError
from minidl.autodiff.gradient_tape import GradientTape
from minidl.autodiff.transforms import (
    custom_gradient,
    grad,
    jacobian,
    stop_gradient,
    value_and_grad,
    vjp,
)

__all__ = [
    "GradientTape",
    "InPlaceError",
    "NotDifferentiableError",
    "covered",
    "custom_gradient",
    "grad",
    "jacobian",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
