"""RMSprop: the gradient over the root of a running mean of its square."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels import updates
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import small_positive
from minidl.validation import number


class RMSprop(Optimizer):
    """Gradient descent, scaled by a running root mean square of the gradient.

    With η the learning rate, ρ the decay of the means, μ the momentum and g the gradient:

        v ← ρ v + (1 − ρ) g²
        a ← ρ a + (1 − ρ) g                   where centered
        d = g / √(v + ε)                      or g / √(v − a² + ε) where centered
        value ← value − η d                   without momentum

        m ← μ m + η d                         with momentum
        value ← value − m

    Slots: `velocity` v; `momentum` m where μ is not 0; `average_gradient` a where centered.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default.
        rho: ρ, from 0 to 1; 0.9 by default.
        momentum: μ, from 0 to 1; 0 by default.
        epsilon: ε, a small positive number; 1e-7 by default.
        centered: whether to divide by the deviation instead of the root mean square.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = RMSprop(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.6838, 2.3162])

    Source: Tieleman, Hinton, "Lecture 6.5 - RMSProp", COURSERA: Neural Networks for Machine
    Learning, 2012; centered: Graves, "Generating sequences with recurrent neural networks", 2013.
    """

    one_pass = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        owner = type(self).__name__
        self.rho = number("rho", rho, owner, low=0, high=1)
        self.momentum = number("momentum", momentum, owner, low=0, high=1)
        self.epsilon = small_positive("epsilon", epsilon, owner)
        self.centered = bool(centered)
        self.slot_names = (
            "velocity",
            *(("momentum",) if self.momentum else ()),
            *(("average_gradient",) if self.centered else ()),
        )

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """Return each slot as a group of its own."""
        return tuple((name,) for name in self.slot_names)

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, v, and m and a where they are there."""
        rho, v = self.rho, slots[0]
        d = self.scratch(value)
        if not (self.centered or self.momentum):
            updates.rmsprop.on(value)(value, grad, v, learning_rate, 1 - rho, self.epsilon, d)
            return
        np.multiply(grad, grad, out=d)
        d *= 1 - rho
        v *= rho
        v += d
        if self.centered:
            self._subtract_mean(grad, v, slots[-1], d)
        else:
            np.add(v, self.epsilon, out=d)
        np.sqrt(d, out=d)
        np.divide(grad, d, out=d)
        d *= learning_rate
        if self.momentum:
            m = slots[1]
            m *= self.momentum
            m += d
            value -= m
        else:
            value -= d

    def _subtract_mean(self, grad: Array, v: Array, a: Array, out: Array) -> None:
        """Change a; leave v − a² + ε in `out`."""
        np.multiply(grad, 1 - self.rho, out=out)
        a *= self.rho
        a += out
        np.multiply(a, a, out=out)
        np.subtract(v, out, out=out)
        out.clip(0, np.inf, out=out)  # a variance; rounding alone can make it negative
        out += self.epsilon
