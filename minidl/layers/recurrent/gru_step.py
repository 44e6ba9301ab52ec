"""One step of a GRU behind the products with its kernels, forwards and backwards.

`memory` holds z, r, ĥ, what r meets, and h of all steps, (5, time, batch, units), at index 0 of
time the first state; see `minidl/kernels/gates.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels.gates import blocks
from minidl.layers.recurrent.in_place import Overwriting


def forward_step(sigma: Overwriting, phi: Overwriting, u: Array, memory: Array, t: int) -> Any:
    """z, r = σ(a + u);  ĥ = φ(a + r u);  h = z h' + (1 − z) ĥ, with a = x W + b, u = h' U + b'.

    The gates' places come with a. Returns what the activations keep besides their outputs.
    """
    z, r, h_hat, inner, h = memory[:, t]
    u = blocks(u, 3)
    memory[:2, t] += u[:2]
    inner[...] = u[2]
    kept_z_r = sigma.forward(memory[:2, t])
    h_hat += np.multiply(r, inner, out=h)  # h as scratch
    kept_h = phi.forward(h_hat)
    mix(z, memory[4, t - 1], h_hat, out=h)
    return kept_z_r, kept_h


def backward_step(
    sigma: Overwriting, phi: Overwriting, kept: Any,
    memory: Array, t: int, dh: Array, da: Array, du: Array, dgates: Array,
) -> None:  # fmt: skip
    """dz = dh (h' − ĥ), dĥ = dh (1 − z);  da from σ' and φ';  dr = daₕ u;  du = (da_z, daᵣ, daₕ r).

    Then dh ← dh z, a part of what the state before gets. `dgates` is scratch. Sigmoid and tanh
    have a kernel for this, `gru_backward`.
    """
    kept_z_r, kept_h = kept
    z, r, h_hat, inner, _ = memory[:, t]
    dz, dr, dh_hat = dgates
    unmix(dh, z, memory[4, t - 1], h_hat, dz, dh_hat)
    phi.backward(kept_h, h_hat, dh_hat)
    np.multiply(dh_hat, inner, out=dr)
    sigma.backward(kept_z_r, memory[:2, t], dgates[:2])
    blocks(da, 3)[...] = dgates
    dh_hat *= r
    blocks(du, 3)[...] = dgates


def mix(z: Array, old: Array, candidate: Array, out: Array) -> None:
    """Write z h' + (1 − z) ĥ = ĥ + z (h' − ĥ)."""
    np.subtract(old, candidate, out=out)
    out *= z
    out += candidate


def unmix(dh: Array, z: Array, old: Array, candidate: Array, dz: Array, dcandidate: Array) -> None:
    """Write dz = dh (h' − ĥ) and dĥ = dh (1 − z), and turn dh into dh' = dh z."""
    np.subtract(old, candidate, out=dz)
    dz *= dh
    dcandidate[...] = dh
    dh *= z
    dcandidate -= dh
