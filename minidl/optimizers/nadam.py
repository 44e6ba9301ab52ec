"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import share, small_positive


class Nadam(Optimizer):
    """Adam, one step ahead along its running mean.

    With η the learning rate, β₁ and β₂ the decays of the means, t = 1, 2, ... the number of the
    step and g the gradient:

        uₜ = β₁ (1 − 0.96ᵗ / 2)               the momentum, which grows to β₁
        Uₜ = u₁ u₂ ⋯ uₜ
        m ← m + (1 − β₁) (g − m)
        v ← v + (1 − β₂) (g² − v)
        m̂ = uₜ₊₁ m / (1 − Uₜ₊₁) + (1 − uₜ) g / (1 − Uₜ)
        v̂ = v / (1 − β₂ᵗ)
        value ← value − η m̂ / (√v̂ + ε)

    Slots: `momentum` m, `velocity` v.

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
        >>> optimizer = Nadam(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.8937, 2.1063])

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    slot_names = ("momentum", "velocity")

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
        self._u_product = (0, 1.0)  # t and Uₜ

    def _u(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def u_product(self, t: int) -> float:
        """Return Uₜ; it is kept, and follows from t alone."""
        done, product = self._u_product
        if done > t:
            done, product = 0, 1.0
        while done < t:
            done += 1
            product *= self._u(done)
        self._u_product = done, product
        return product

    def derived_state(self) -> dict[str, float]:
        """Return Uₜ, which Keras keeps as a variable."""
        return {"u_product": self.u_product(self.iterations)}

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, m and v."""
        m, v = slots
        t = self.iterations + 1
        u, u_next, product = self._u(t), self._u(t + 1), self.u_product(t)
        ahead, root = self.scratch(value), self.scratch(value, 1)
        np.subtract(grad, m, out=ahead)
        ahead *= 1 - self.beta_1
        m += ahead
        np.multiply(grad, grad, out=ahead)
        ahead -= v
        ahead *= 1 - self.beta_2
        v += ahead
        np.multiply(m, u_next / (1 - product * u_next), out=ahead)
        ahead += np.multiply(grad, (1 - u) / (1 - product), out=root)
        np.multiply(v, 1 / (1 - self.beta_2**t), out=root)
        np.sqrt(root, out=root)
        root += self.epsilon
        ahead /= root
        ahead *= learning_rate
        value -= ahead
