"""Adadelta: steps as large as the steps before, in proportion to the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import small_positive
from minidl.validation import number


class Adadelta(Optimizer):
    """Gradient descent, scaled by the ratio of past steps to past gradients.

    With η the learning rate, ρ the decay of the means and g the gradient:

        s ← ρ s + (1 − ρ) g²
        d = g √(u + ε) / √(s + ε)
        u ← ρ u + (1 − ρ) d²
        value ← value − η d

    Slots: `accumulated_grad` s, `accumulated_delta_var` u.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default. The
            paper has 1.
        rho: ρ, from 0 to 1; 0.95 by default.
        epsilon: ε, a small positive number; 1e-7 by default.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = Adadelta(learning_rate=100.0)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.8586, 2.1414])

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = number("rho", rho, type(self).__name__, low=0, high=1)
        self.epsilon = small_positive("epsilon", epsilon, type(self).__name__)

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, s and u."""
        s, u = slots
        rho, epsilon = self.rho, self.epsilon
        d, root = self.scratch(value), self.scratch(value, 1)
        np.multiply(grad, grad, out=d)
        d *= 1 - rho
        s *= rho
        s += d
        np.add(s, epsilon, out=d)
        np.sqrt(d, out=d)
        np.add(u, epsilon, out=root)
        np.sqrt(root, out=root)
        np.divide(root, d, out=d)
        d *= grad
        np.multiply(d, d, out=root)
        root *= 1 - rho
        u *= rho
        u += root
        d *= learning_rate
        value -= d
