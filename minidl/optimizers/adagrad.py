"""Adagrad: the gradient over the root of the sum of all its squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import small_positive
from minidl.validation import number


class Adagrad(Optimizer):
    """Gradient descent, scaled by the root of the sum of all squared gradients.

    With η the learning rate and g the gradient:

        s ← s + g²
        value ← value − η g / √(s + ε)

    Slots: `accumulator` s, which starts at `initial_accumulator_value`.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default.
        initial_accumulator_value: where s starts, at least 0; 0.1 by default.
        epsilon: ε, a small positive number; 1e-7 by default.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = Adagrad(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.9155, 2.0994])

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        owner = type(self).__name__
        self.initial_accumulator_value = number(
            "initial_accumulator_value", initial_accumulator_value, owner, low=0
        )
        self.epsilon = small_positive("epsilon", epsilon, owner)
        self.slot_names = ("accumulator",)

    def initial_slot_value(self, slot_name: str) -> float:
        """Return where s starts."""
        start = self.initial_accumulator_value
        return start if slot_name == "accumulator" else super().initial_slot_value(slot_name)

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value and s."""
        (s,) = slots
        d = np.multiply(grad, grad, out=self.scratch(value))
        s += d
        np.add(s, self.epsilon, out=d)
        np.sqrt(d, out=d)
        np.divide(grad, d, out=d)
        d *= learning_rate
        value -= d
