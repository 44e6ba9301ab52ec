"""The gated recurrent unit: one state, and two gates that say how much of it is old.

z, r = σ(x W + h' U) ──► ĥ = φ(x W + r (h' U)) ──► h = z h' + (1 − z) ĥ
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array, Residuals
from minidl.kernels import empty, empty_like
from minidl.kernels.gates import blocks, gru_backward
from minidl.layers.recurrent.cell import RecurrentCell, gradient_of_states, row_sum
from minidl.layers.recurrent.gru_step import backward_step, forward_step, mix, unmix
from minidl.layers.recurrent.in_place import Overwriting, are_sigmoid_and_tanh, overwriting
from minidl.layers.recurrent.layer import RecurrentLayer, check_use_cudnn, of_the_cell
from minidl.layers.recurrent.masking import hold, take_held
from minidl.layers.recurrent.projection import kernel_gradient, project_back, project_state


class GRUCell(RecurrentCell):
    """One step of a `GRU`.

    Forward, with x the step's input, h' the state before it, σ the recurrent activation (sigmoid)
    and φ the activation (tanh); W, U and the biases b, b' have three blocks of columns, z, r, ĥ:

        z, r = σ(x W + b + h' U + b')           what is kept, and what the candidate sees of it
        ĥ = φ(x W + b + r (h' U + b'))          with reset_after, the default
        ĥ = φ(x W + b + (r h') U)               without it; b' is not there
        h = z h' + (1 − z) ĥ                    the output, and the state after

    Backward, from dh, with a for what σ and φ are applied to:

        dz = dh (h' − ĥ),    dĥ = dh (1 − z),    dh' = dh z
        daₕ = φ'(aₕ) dĥ,    da_z = σ'(a_z) dz,    daᵣ = σ'(aᵣ) dr
        dx = da Wᵀ,    dW = xᵀ da,    db = Σ da

    and with reset_after, where u = h' U + b' and its block u_ĥ is what r lets through:

        dr = daₕ u_ĥ,    du = (da_z, daᵣ, daₕ r)
        dh' ← dh' + du Uᵀ,    dU = h'ᵀ du,    db' = Σ du

    but without it, where r acts before the product:

        d(r h') = daₕ U_ĥᵀ,    dr = d(r h') h',    dU_ĥ = (r h')ᵀ daₕ
        dh' ← dh' + d(r h') r + (da_z, daᵣ) U_zrᵀ,    dU_zr = h'ᵀ (da_z, daᵣ)

    Called as `h, [h] = cell(x, [h'])`.

    Shapes:
        x: (batch, features); h: (batch, units);
        kernel W: (features, 3 units); recurrent_kernel U: (units, 3 units);
        bias: (2, 3 units), the rows b and b', with reset_after, else (3 units,);
        the blocks of columns in the order z, r, ĥ.

    Arguments:
        units: the size of the state, a positive integer.
        activation: φ, tanh by default; None is the identity.
        recurrent_activation: σ, sigmoid by default.
        use_bias: whether the biases are there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and the bias start:
            Glorot uniform, orthogonal and zeros by default.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on them.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout: the share of x's numbers to drop in training, from 0 to less than 1.
        recurrent_dropout: the share of h's numbers to drop in training on their way to U; above 0
            the draws are different for each gate, for x too.
        reset_after: whether r acts after the product with U, which makes it one product for all
            gates; True by default.
        seed: of the draws; None takes the next child of the root seed.

    Raises:
        ValueError: if an argument is not as above, or the state does not fit.

    Example:
        >>> cell = GRUCell(3)
        >>> h, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> h.shape, len(states)
        ((2, 3), 1)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014; reset_after: Chetlur et al., "cuDNN: efficient primitives for deep
    learning", 2014.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def forward_sequence(
        self, x: Array, states: list[Array], training: bool, mask: Array | None
    ) -> tuple[Array, list[Array], Residuals]:
        """Return h of all steps, h after the last, and the residuals."""
        x_masks, h_masks = self._dropped(x, training)
        b = None if self.bias is None else self.bias.value
        if b is not None and self.reset_after:
            b = b[0]
        # At index t stands what step t gives, at index 0 the first state. `inner` is what r meets.
        memory = empty((5, len(x) + 1, x.shape[1], self.units), x.dtype)  # z, r, ĥ, inner, h
        h = memory[4]
        h[0] = states[0]
        self._project_inputs(x, x_masks, b, out=memory[:3, 1:])  # a = x W + b of all steps
        forward = self._forward_reset_after if self.reset_after else self._forward_reset_before
        kept = forward(memory, h_masks, mask)
        return h[1:], [h[-1]], (x, mask, x_masks, h_masks, memory, kept)

    def backward_sequence(
        self, residuals: Residuals, dy: Any, dstates: list[Array | None], need_dx: bool
    ) -> tuple[Array | None, list[Array]]:
        """Assign dW, dU, db and db'; return dx and dh'."""
        x, mask, x_masks, h_masks, memory, kept = residuals
        (dh,) = gradient_of_states(dstates, [memory[4, 0]])
        da = empty((*x.shape[:2], 3 * self.units), x.dtype)
        backward = self._backward_reset_after if self.reset_after else self._backward_reset_before
        backward(memory, h_masks, mask, kept, dy, dh, da)
        return self._backward_inputs(x, da, x_masks, need_dx), [dh]

    # r after the product with U: what it meets is h' U + b'

    def _forward_reset_after(
        self, memory: Array, h_masks: Array | None, mask: Array | None
    ) -> list[Any]:
        U, sigma, phi = self._recurrence()
        h = memory[4]
        u = np.empty((h.shape[1], 3 * self.units), h.dtype)
        kept = []
        for t in range(1, len(h)):
            project_state(h[t - 1], U, h_masks, out=u)
            if self.bias is not None:
                u += self.bias.value[1]
            kept.append(forward_step(sigma, phi, u, memory, t))
            hold(h[t], h[t - 1], mask, t - 1)
        return kept

    def _backward_reset_after(
        self,
        memory: Array,
        h_masks: Array | None,
        mask: Array | None,
        kept: list[Any],
        dy: Any,
        dh: Array,
        da: Array,
    ) -> None:
        U, sigma, phi = self._recurrence()
        U = np.asfortranarray(U)  # so that Uᵀ is contiguous
        plain = are_sigmoid_and_tanh(sigma, phi)
        du, du_U = empty_like(da), np.empty_like(dh)
        scratch = np.empty_like(memory[:3, :2].swapaxes(0, 1))
        for t in range(len(da), 0, -1):
            if dy[t - 1] is not None:
                dh += dy[t - 1]
            dh_held = take_held(dh, mask, t - 1)
            if plain:
                gru_backward(memory, t, dh, da[t - 1], du[t - 1], scratch)
            else:
                backward_step(
                    sigma, phi, kept[t - 1], memory, t, dh, da[t - 1], du[t - 1], scratch[0]
                )
            project_back(du[t - 1], U, h_masks, out=du_U)
            dh += du_U
            if dh_held is not None:
                dh += dh_held

        if self.recurrent_kernel.trainable:
            kernel_gradient(memory[4, :-1], du, h_masks, out=self.recurrent_kernel.grad)
        if self.bias is not None and self.bias.trainable:
            self.bias.grad[0] = row_sum(da)
            self.bias.grad[1] = row_sum(du)

    # r before the product with U: what it meets is h', and `inner` is r h'

    def _forward_reset_before(
        self, memory: Array, h_masks: Array | None, mask: Array | None
    ) -> list[Any]:
        gates, (inner, h) = memory[:3], memory[3:]
        U, sigma, phi = self._recurrence()
        U_zr, U_h = self._split(U)
        zr_masks, own_mask = _split_masks(h_masks)
        u_zr, u_h = (np.empty((h.shape[1], M.shape[1]), h.dtype) for M in (U_zr, U_h))
        kept = []
        for t in range(1, len(h)):
            z, r, h_hat = gates[:, t]
            project_state(h[t - 1], U_zr, zr_masks, out=u_zr)
            gates[:2, t] += blocks(u_zr, 2)
            kept_zr = sigma.forward(gates[:2, t])
            np.multiply(r, h[t - 1], out=inner[t])
            project_state(inner[t], U_h, own_mask, out=u_h)
            h_hat += u_h
            kept.append((kept_zr, phi.forward(h_hat)))
            mix(z, h[t - 1], h_hat, out=h[t])
            hold(h[t], h[t - 1], mask, t - 1)
        return kept

    def _backward_reset_before(
        self,
        memory: Array,
        h_masks: Array | None,
        mask: Array | None,
        kept: list[Any],
        dy: Any,
        dh: Array,
        da: Array,
    ) -> None:
        gates, (inner, h) = memory[:3], memory[3:]
        U, sigma, phi = self._recurrence()
        U_zr, U_h = self._split(U)
        zr_masks, own_mask = _split_masks(h_masks)
        dgates = np.empty_like(gates[:, 0])
        dz, dr, dh_hat = dgates
        drh, da_U = np.empty_like(dh), np.empty_like(dh)
        for t in range(len(da), 0, -1):
            if dy[t - 1] is not None:
                dh += dy[t - 1]
            dh_held = take_held(dh, mask, t - 1)
            z, r, h_hat = gates[:, t]
            kept_zr, kept_h = kept[t - 1]
            unmix(dh, z, h[t - 1], h_hat, dz, dh_hat)
            phi.backward(kept_h, h_hat, dh_hat)
            project_back(dh_hat, U_h, own_mask, out=drh)
            np.multiply(drh, h[t - 1], out=dr)
            sigma.backward(kept_zr, gates[:2, t], dgates[:2])
            blocks(da[t - 1], 3)[...] = dgates

            project_back(da[t - 1, :, : 2 * self.units], U_zr, zr_masks, out=da_U)
            dh += da_U
            drh *= r
            dh += drh
            if dh_held is not None:
                dh += dh_held

        if self.recurrent_kernel.trainable:
            dU_zr, dU_h = self._split(self.recurrent_kernel.grad)
            da_zr, da_h = self._split(da)
            kernel_gradient(h[:-1], da_zr, zr_masks, out=dU_zr)
            kernel_gradient(inner[1:], da_h, own_mask, out=dU_h)
        if self.bias is not None and self.bias.trainable:
            self.bias.grad = row_sum(da)

    def _recurrence(self) -> tuple[Array, Overwriting, Overwriting]:
        """Return U, σ and φ."""
        return (
            self.recurrent_kernel.value,
            overwriting(self.recurrent_activation),
            overwriting(self.activation),
        )

    def _split(self, columns: Array) -> tuple[Array, Array]:
        """Return views of the columns of z and r, and of those of ĥ."""
        return columns[..., : 2 * self.units], columns[..., 2 * self.units :]


def _split_masks(masks: Array | None) -> tuple[Array | None, Array | None]:
    """Return the dropout masks of z and r, and that of ĥ."""
    return (None, None) if masks is None else (masks[:2], masks[2:])


class GRU(RecurrentLayer):
    """A sequence through a `GRUCell`, which has the equations.

    With xₜ the input at step t and h₀ the initial state, zeros by default; with reset_after:

        zₜ, rₜ = σ(xₜ W + b + hₜ₋₁ U + b'),    ĥₜ = φ(xₜ W + b + rₜ (hₜ₋₁ U + b'))
        hₜ = zₜ hₜ₋₁ + (1 − zₜ) ĥₜ

    and backwards from the last step, with dyₜ the gradient of the output of step t, and daₜ and
    duₜ from dhₜ as in the cell:

        dhₜ ← dhₜ + dyₜ,    dhₜ₋₁ = dhₜ zₜ + duₜ Uᵀ
        dW = Σₜ xₜᵀ daₜ,    dU = Σₜ hₜ₋₁ᵀ duₜ,    db = Σₜ daₜ,    db' = Σₜ duₜ,    dxₜ = daₜ Wᵀ

    The product with W, and all the sums, are one product over all time steps.

    Called as `layer(x, initial_state=None, mask=None, training=False)`; see `RNN` for the
    sequences, states and masks.

    Shapes:
        x: (batch, time, features); y: (batch, units), or (batch, time, units) with
        return_sequences; h: (batch, units); the weights as in the cell.

    Arguments:
        units, activation, ... , reset_after, seed: as in `GRUCell`.
        activity_regularizer: a penalty on the output, averaged over the batch.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        use_cudnn: is Keras's, and has no effect here.

    Raises:
        ValueError: if an argument, the input's rank, the states or the mask do not fit.

    Example:
        >>> layer = GRU(3, return_sequences=True)
        >>> layer(np.ones((2, 7, 5))).shape
        (2, 7, 3)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014.
    """

    recurrent_activation = of_the_cell("recurrent_activation")
    reset_after = of_the_cell("reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            reset_after=reset_after,
            seed=seed,
            implementation=kwargs.pop("implementation", 2),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
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
