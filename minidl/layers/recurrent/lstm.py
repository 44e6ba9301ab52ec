"""The long short-term memory: a state that gates open to what comes in, and close to keep it.

z = x W + h' U + b ──► i f g o ──► c = f c' + i g ──► h = o tanh(c)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array, Residuals
from minidl.kernels import empty
from minidl.kernels.gates import lstm_backward, lstm_forward
from minidl.layers.recurrent.cell import RecurrentCell, gradient_of_states, row_sum
from minidl.layers.recurrent.in_place import are_sigmoid_and_tanh, overwriting
from minidl.layers.recurrent.layer import RecurrentLayer, check_use_cudnn, of_the_cell
from minidl.layers.recurrent.lstm_step import backward_step, forward_step
from minidl.layers.recurrent.masking import hold, take_held
from minidl.layers.recurrent.projection import kernel_gradient, project_back, project_state


class LSTMCell(RecurrentCell):
    """One step of an `LSTM`.

    Forward, with x the step's input, h' and c' the states before it, σ the recurrent activation
    (sigmoid) and φ the activation (tanh):

        z = x W + h' U + b                  in four blocks: zᵢ, z_f, z_g, zₒ
        i, f, o = σ(zᵢ), σ(z_f), σ(zₒ)      what is let in, kept and let out
        g = φ(z_g)                          the candidate
        c = f c' + i g
        h = o φ(c)                          the output, and the state after

    Backward, from dh and dc, the gradients of the states after:

        do = dh φ(c)
        dc ← dc + dh o φ'(c)
        di = dc g,    df = dc c',    dg = dc i
        dzᵢ = σ'(zᵢ) di  and so on; with σ' = σ (1 − σ) and φ' = 1 − φ²
        dx = dz Wᵀ,    dh' = dz Uᵀ,    dc' = dc f
        dW = xᵀ dz,    dU = h'ᵀ dz,    db = Σ dz

    Called as `h, [h, c] = cell(x, [h', c'])`.

    Shapes:
        x: (batch, features); h, c: (batch, units);
        kernel W: (features, 4 units); recurrent_kernel U: (units, 4 units); bias b: (4 units,);
        the blocks of columns in the order i, f, g, o.

    Arguments:
        units: the size of each state, a positive integer.
        activation: φ, tanh by default; None is the identity.
        recurrent_activation: σ, sigmoid by default.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b start: Glorot
            uniform, orthogonal and zeros by default.
        unit_forget_bias: whether the block f of b starts with ones, so that the cell remembers
            from the start; True by default.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on W, U and b.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout: the share of x's numbers to drop in training, from 0 to less than 1.
        recurrent_dropout: the share of h's numbers to drop in training on their way to U; above 0
            the draws are different for each gate, for x too.
        seed: of the draws; None takes the next child of the root seed.

    Raises:
        ValueError: if an argument is not as above, or the states do not fit.

    Example:
        >>> cell = LSTMCell(3)
        >>> h, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> h.shape, len(states)
        ((2, 3), 2)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", 1997; the forget gate: Gers,
    Schmidhuber, Cummins, "Learning to forget", 2000; its bias: Jozefowicz, Zaremba, Sutskever,
    "An empirical exploration of recurrent network architectures", 2015.
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def build(self, input_shape: Any) -> None:
        """Create the kernels and the bias, and set the forget gate's part of it to one."""
        super().build(input_shape)
        if self.bias is not None and self.unit_forget_bias:
            self.bias.value[self.units : 2 * self.units] = 1

    def forward_sequence(
        self, x: Array, states: list[Array], training: bool, mask: Array | None
    ) -> tuple[Array, list[Array], Residuals]:
        """Return h of all steps, h and c after the last, and the residuals."""
        steps, batch, _ = x.shape
        U, b = self.recurrent_kernel.value, None if self.bias is None else self.bias.value
        sigma, phi = overwriting(self.recurrent_activation), overwriting(self.activation)
        plain = are_sigmoid_and_tanh(sigma, phi)
        x_masks, h_masks = self._dropped(x, training)

        # At index t stands what step t gives, at index 0 the first states.
        memory = empty((7, steps + 1, batch, self.units), x.dtype)  # i, f, g, o, c, φ(c), h
        c, h = memory[4], memory[6]
        h[0], c[0] = states
        self._project_inputs(x, x_masks, b, out=memory[:4, 1:])
        hU = np.empty((batch, 4 * self.units), x.dtype)
        kept = []
        for t in range(1, steps + 1):
            project_state(h[t - 1], U, h_masks, out=hU)
            if plain:
                lstm_forward(memory, t, hU)
            else:
                kept.append(forward_step(sigma, phi, hU, memory, t))
            hold(c[t], c[t - 1], mask, t - 1)
            hold(h[t], h[t - 1], mask, t - 1)
        return h[1:], [h[-1], c[-1]], (x, mask, x_masks, h_masks, memory, kept)

    def backward_sequence(
        self, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
    ) -> tuple[Array | None, list[Array]]:
        """Assign dW, dU and db; return dx, dh' and dc'."""
        x, mask, x_masks, h_masks, memory, kept = residuals
        c, h = memory[4], memory[6]
        U = np.asfortranarray(self.recurrent_kernel.value)  # so that Uᵀ is contiguous
        sigma, phi = overwriting(self.recurrent_activation), overwriting(self.activation)
        plain = are_sigmoid_and_tanh(sigma, phi)

        dh, dc = gradient_of_states(dstates, [h[0], c[0]])
        dz = empty((*x.shape[:2], 4 * self.units), x.dtype)
        scratch = np.empty_like(memory[:4, :2].swapaxes(0, 1))
        for t in range(len(x), 0, -1):
            if dy[t - 1] is not None:
                dh += dy[t - 1]
            dh_held, dc_held = (take_held(d, mask, t - 1) for d in (dh, dc))
            if plain:
                lstm_backward(memory, t, dh, dc, dz[t - 1], scratch)
            else:
                backward_step(sigma, phi, kept[t - 1], memory, t, dh, dc, dz[t - 1], scratch[0])
            project_back(dz[t - 1], U, h_masks, out=dh)
            if mask is not None:
                dh += dh_held
                dc += dc_held

        if self.recurrent_kernel.trainable:
            kernel_gradient(h[:-1], dz, h_masks, out=self.recurrent_kernel.grad)
        if self.bias is not None and self.bias.trainable:
            self.bias.grad = row_sum(dz)
        return self._backward_inputs(x, dz, x_masks, need_dx), [dh, dc]


class LSTM(RecurrentLayer):
    """A sequence through an `LSTMCell`, which has the equations.

    With xₜ the input at step t, and h₀ and c₀ the initial states, zeros by default:

        zₜ = xₜ W + hₜ₋₁ U + b;    iₜ, fₜ, oₜ = σ(…);    gₜ = φ(…)
        cₜ = fₜ cₜ₋₁ + iₜ gₜ
        hₜ = oₜ φ(cₜ)

    and backwards from the last step, with dyₜ the gradient of the output of step t and dzₜ from
    dhₜ and dcₜ as in the cell:

        dhₜ ← dhₜ + dyₜ,    dhₜ₋₁ = dzₜ Uᵀ,    dcₜ₋₁ = dcₜ fₜ
        dW = Σₜ xₜᵀ dzₜ,    dU = Σₜ hₜ₋₁ᵀ dzₜ,    db = Σₜ dzₜ,    dxₜ = dzₜ Wᵀ

    The product with W, and all four sums, are one product over all time steps.

    Called as `layer(x, initial_state=None, mask=None, training=False)`, the initial state [h₀, c₀];
    see `RNN` for the sequences, states and masks.

    Shapes:
        x: (batch, time, features); y: (batch, units), or (batch, time, units) with
        return_sequences; h, c: (batch, units); the weights as in the cell.

    Arguments:
        units, activation, ... , recurrent_dropout, seed: as in `LSTMCell`.
        activity_regularizer: a penalty on the output, averaged over the batch.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        use_cudnn: is Keras's, and has no effect here.

    Raises:
        ValueError: if an argument, the input's rank, the states or the mask do not fit.

    Example:
        >>> layer = LSTM(3, return_sequences=True, return_state=True)
        >>> y, h, c = layer(np.ones((2, 7, 5)))
        >>> y.shape, h.shape, bool((y[:, -1] == h).all())
        ((2, 7, 3), (2, 3), True)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", 1997.
    """

    recurrent_activation = of_the_cell("recurrent_activation")
    unit_forget_bias = of_the_cell("unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=kwargs.pop("implementation", 2),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
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
        self.use_cudnn = check_use_cudnn(use_cudnn, self.name)
