"""Adamax: Adam with the largest magnitude in place of the root mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import share, small_positive


class Adamax(Optimizer):
    """Gradient descent along a running mean of the gradient, over its largest recent magnitude.

    With η the learning rate, β₁ and β₂ the decays, t = 1, 2, ... the number of the step and g the
    gradient:

        m ← m + (1 − β₁) (g − m)
        u ← max(β₂ u, |g|)
        value ← value − η / (1 − β₁ᵗ) · m / (u + ε)

    Slots: `momentum` m, `norm` u.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default.
        beta_1: β₁, from 0 to below 1; 0.9 by default.
        beta_2: β₂, from 0 to below 1; 0.999 by default.
        epsilon: ε, a small positive number; 1e-7 by default.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = Adamax(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.9, 2.1])

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, section 7.
    """

    slot_names = ("momentum", "norm")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = share("beta_1", beta_1, type(self).__name__)
        self.beta_2 = share("beta_2", beta_2, type(self).__name__)
        self.epsilon = small_positive("epsilon", epsilon, type(self).__name__)

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, m and u."""
        m, u = slots
        d = np.subtract(grad, m, out=self.scratch(value))
        d *= 1 - self.beta_1
        m += d
        np.abs(grad, out=d)
        u *= self.beta_2
        np.maximum(u, d, out=u)
        np.add(u, self.epsilon, out=d)
        np.divide(m, d, out=d)
        d *= learning_rate / (1 - self.beta_1 ** (self.iterations + 1))
        value -= d
