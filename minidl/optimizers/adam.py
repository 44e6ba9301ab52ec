"""Adam: running means of the gradient and of its square; AdamW: Adam with weight decay."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels import updates
from minidl.optimizers.optimizer import Optimizer
from minidl.optimizers.ranges import share, small_positive


class Adam(Optimizer):
    """Gradient descent along a running mean of the gradient, over the root of that of its square.

    With η the learning rate, β₁ and β₂ the decays of the means, t = 1, 2, ... the number of the
    step and g the gradient:

        m ← m + (1 − β₁) (g − m)
        v ← v + (1 − β₂) (g² − v)
        α = η √(1 − β₂ᵗ) / (1 − β₁ᵗ)          makes up for means that start at 0
        value ← value − α m / (√v + ε)

    With amsgrad, v̂ ← max(v̂, v) stands in the place of v in the last line.

    Slots: `momentum` m, `velocity` v; `velocity_hat` v̂ with amsgrad.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default.
        beta_1: β₁, from 0 to below 1; 0.9 by default.
        beta_2: β₂, from 0 to below 1; 0.999 by default.
        epsilon: ε, a small positive number; 1e-7 by default.
        amsgrad: whether to divide by the largest v so far.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = Adam(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.9, 2.1])

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014 (the order of section 2,
    whose ε is not corrected); Reddi, Kale, Kumar, "On the convergence of Adam and beyond", 2018
    (amsgrad).
    """

    one_pass = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        owner = type(self).__name__
        self.beta_1 = share("beta_1", beta_1, owner)
        self.beta_2 = share("beta_2", beta_2, owner)
        self.epsilon = small_positive("epsilon", epsilon, owner)
        self.amsgrad = bool(amsgrad)
        self.slot_names = ("momentum", "velocity", *(("velocity_hat",) if self.amsgrad else ()))

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """Return m and v together, and v̂ after them."""
        return (self.slot_names[:2], *((name,) for name in self.slot_names[2:]))

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, m and v, and v̂ where it is there."""
        m, v = slots[:2]
        t = self.iterations + 1
        alpha = learning_rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        d = self.scratch(value)
        if not self.amsgrad:
            rest_1, rest_2 = 1 - self.beta_1, 1 - self.beta_2
            updates.adam.on(value)(value, grad, m, v, alpha, rest_1, rest_2, self.epsilon, d)
            return
        np.subtract(grad, m, out=d)
        d *= 1 - self.beta_1
        m += d
        np.multiply(grad, grad, out=d)
        d -= v
        d *= 1 - self.beta_2
        v += d
        highest = np.maximum(slots[2], v, out=slots[2])
        np.sqrt(highest, out=d)
        d += self.epsilon
        np.divide(m, d, out=d)
        d *= alpha
        value -= d


class AdamW(Adam):
    """Adam with weight decay on by default.

    The values first shrink by the share η λ, apart from the gradient and its means; then Adam's
    update follows:

        value ← value − η λ value

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.001 by default.
        weight_decay: λ, at least 0; 0.004 by default.
        beta_1, beta_2, epsilon, amsgrad: as Adam's.
        **options: those of every `Optimizer`: clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range, or weight_decay is None.

    Example:
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> optimizer.apply([np.array([0.5, -3.0])], [kernel])
        >>> kernel.value.round(4)
        array([0.85, 2.  ])

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization", 2017.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options
        )
        if self.weight_decay is None:
            raise ValueError(
                f"{type(self).__name__}: received weight_decay=None, expected a number of at least "
                "0. Adam without weight decay is the class Adam."
            )
