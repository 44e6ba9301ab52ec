"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array
from minidl.kernels import updates
from minidl.optimizers.optimizer import Optimizer
from minidl.validation import number


class SGD(Optimizer):
    """Stochastic gradient descent.

    With η the learning rate, μ the momentum and g the gradient:

        value ← value − η g                   without momentum

        m ← μ m − η g                         with momentum
        value ← value + m
        value ← value + μ m − η g             with Nesterov's in place of the line above

    Slots: `momentum` m, where μ is not 0.

    Arguments:
        learning_rate: η, a positive number, a schedule or a function; 0.01 by default.
        momentum: μ, from 0 to 1; 0 by default.
        nesterov: whether to use Nesterov's momentum.
        **options: those of every `Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: if a number is outside its range.

    Example:
        >>> import numpy as np
        >>> from minidl.layers.parameter import Parameter
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> SGD(learning_rate=0.5).apply([np.array([1.0, -1.0])], [kernel])
        >>> kernel.value
        array([0.5, 2.5])

    Source: Robbins, Monro, "A stochastic approximation method", 1951; Polyak, "Some methods of
    speeding up the convergence of iteration methods", 1964; Sutskever, Martens, Dahl, Hinton, "On
    the importance of initialization and momentum in deep learning", 2013 (Nesterov's momentum).
    """

    one_pass = True

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = number("momentum", momentum, type(self).__name__, low=0, high=1)
        self.nesterov = bool(nesterov)
        self.slot_names = ("momentum",) if self.momentum else ()

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change value, and m where there is one."""
        d = self.scratch(value)
        if slots:
            updates.momentum.on(value)(
                value, grad, *slots, learning_rate, self.momentum, self.nesterov, d
            )
        else:
            updates.descend.on(value)(value, grad, learning_rate, d)

    def descends(self) -> bool:
        """Return whether a step is value ← value − η g and nothing else."""
        extras = (
            self.weight_decay, self.clipnorm, self.clipvalue, self.global_clipnorm,
            self.gradient_accumulation_steps,
        )  # fmt: skip
        plain = not self.slot_names and not self.use_ema and type(self).update is SGD.update
        return plain and not any(extras)
