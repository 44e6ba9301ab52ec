"""The simplest recurrent network: the output of a step is fed back into the next.

h = f(x W + h' U + b)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.recurrent.cell import RecurrentCell, gradient_of_states, row_sum
from minidl.layers.recurrent.in_place import overwriting
from minidl.layers.recurrent.layer import RecurrentLayer
from minidl.layers.recurrent.masking import hold, take_held
from minidl.layers.recurrent.projection import kernel_gradient, project_back, project_state


class SimpleRNNCell(RecurrentCell):
    """One step of a `SimpleRNN`.

    Forward, with x the step's input, h' the state before it and f the activation:

        z = x W + h' U + b
        h = f(z)                        the output, and the state after

    Backward:

        dz = f'(z) dh
        dx = dz Wᵀ,    dh' = dz Uᵀ
        dW = xᵀ dz,    dU = h'ᵀ dz,    db = Σ dz

    Called as `h, [h] = cell(x, [h'])`.

    Shapes:
        x: (batch, features); h: (batch, units);
        kernel W: (features, units); recurrent_kernel U: (units, units); bias b: (units,).

    Arguments:
        units: the size of the state, a positive integer.
        activation: f, tanh by default; None is the identity.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b start: Glorot
            uniform, orthogonal and zeros by default.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on W, U and b.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout: the share of x's numbers to drop in training, from 0 to less than 1.
        recurrent_dropout: the share of h's numbers to drop in training on their way to U.
        seed: of the draws; None takes the next child of the root seed.

    Raises:
        ValueError: if an argument is not as above, or the state does not fit.

    Example:
        >>> cell = SimpleRNNCell(3)
        >>> h, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> h.shape, len(states)
        ((2, 3), 1)

    Source: Elman, "Finding structure in time", 1990; its gradient: Werbos, "Backpropagation
    through time: what it does and how to do it", 1990.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )

    def forward_sequence(
        self, x: Array, states: list[Array], training: bool, mask: Array | None
    ) -> tuple[Array, list[Array], Residuals]:
        """Return h of all steps, h after the last, and the residuals."""
        steps, batch, _ = x.shape
        U, b = self.recurrent_kernel.value, None if self.bias is None else self.bias.value
        f = overwriting(self.activation)
        x_masks, h_masks = self._dropped(x, training)

        # At index t stands what step t gives, at index 0 the first state.
        h = np.empty((steps + 1, batch, self.units), x.dtype)
        new = h if mask is None else np.empty_like(h)  # f(z), kept apart where h may be held
        h[0] = states[0]
        self._project_inputs(x, x_masks, b, out=new[None, 1:])
        hU = np.empty((batch, self.units), x.dtype)
        kept = []
        for t in range(1, steps + 1):
            project_state(h[t - 1], U, h_masks, out=hU)
            new[t] += hU
            kept.append(f.forward(new[t]))
            if mask is not None:
                h[t] = new[t]
                hold(h[t], h[t - 1], mask, t - 1)
        return h[1:], [h[-1]], (x, mask, x_masks, h_masks, h, new, kept)

    def backward_sequence(
        self, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
    ) -> tuple[Array | None, list[Array]]:
        """Assign dW, dU and db; return dx and dh'."""
        x, mask, x_masks, h_masks, h, new, kept = residuals
        U = np.asfortranarray(self.recurrent_kernel.value)  # so that Uᵀ is contiguous
        f = overwriting(self.activation)
        (dh,) = gradient_of_states(dstates, [h[0]])
        dz = np.empty_like(h[1:])
        for t in range(len(x), 0, -1):
            if dy[t - 1] is not None:
                dh += dy[t - 1]
            dh_held = take_held(dh, mask, t - 1)
            dz[t - 1] = dh
            f.backward(kept[t - 1], new[t], dz[t - 1])
            project_back(dz[t - 1], U, h_masks, out=dh)
            if dh_held is not None:
                dh += dh_held

        if self.recurrent_kernel.trainable:
            kernel_gradient(h[:-1], dz, h_masks, out=self.recurrent_kernel.grad)
        if self.bias is not None and self.bias.trainable:
            self.bias.grad = row_sum(dz)
        return self._backward_inputs(x, dz, x_masks, need_dx), [dh]


class SimpleRNN(RecurrentLayer):
    """A sequence through a `SimpleRNNCell`, which has the equations.

    With xₜ the input at step t and h₀ the initial state, zeros by default:

        hₜ = f(xₜ W + hₜ₋₁ U + b)

    and backwards from the last step, with dyₜ the gradient of the output of step t:

        dhₜ ← dhₜ + dyₜ,    dzₜ = f'(zₜ) dhₜ,    dhₜ₋₁ = dzₜ Uᵀ
        dW = Σₜ xₜᵀ dzₜ,    dU = Σₜ hₜ₋₁ᵀ dzₜ,    db = Σₜ dzₜ,    dxₜ = dzₜ Wᵀ

    Called as `layer(x, initial_state=None, mask=None, training=False)`; see `RNN` for the
    sequences, states and masks.

    Shapes:
        x: (batch, time, features); y: (batch, units), or (batch, time, units) with
        return_sequences; the weights as in the cell.

    Arguments:
        units, activation, ... , recurrent_dropout, seed: as in `SimpleRNNCell`.
        activity_regularizer: a penalty on the output, averaged over the batch.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.

    Raises:
        ValueError: if an argument, the input's rank, the states or the mask do not fit.

    Example:
        >>> layer = SimpleRNN(3)
        >>> layer(np.ones((2, 7, 5))).shape
        (2, 3)

    Source: Elman, "Finding structure in time", 1990.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="simple_rnn_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
