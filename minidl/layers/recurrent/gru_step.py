"""One step of a GRU behind the products with its kernels, forwards and backwards.

The arrays of a step are (batch, units), those of all three gates (3, batch, units), in the order
z, r, ĥ; the products with the kernels have the gates side by side, (batch, 3 units).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.recurrent.in_place import Overwriting
from minidl.layers.recurrent.lstm_step import blocks


def forward_step(
    sigma: Overwriting, phi: Overwriting,
    u: Array, gates: Array, inner: Array, h_before: Array, h: Array,
) -> Any:  # fmt: skip
    """z, r = σ(a + u);  ĥ = φ(a + r u);  h = z h' + (1 − z) ĥ, with a = x W + b, u = h' U + b'.

    `gates` comes with a, and leaves with the gates; `inner` is u's block for ĥ.
    """
    u = blocks(u, 3)
    z, r, h_hat = gates
    gates[:2] += u[:2]
    inner[...] = u[2]
    kept_z_r = sigma.forward(gates[:2])
    np.multiply(r, inner, out=h)  # h as scratch
    h_hat += h
    kept_h = phi.forward(h_hat)
    mix(z, h_before, h_hat, out=h)
    return kept_z_r, kept_h


def backward_step(
    sigma: Overwriting, phi: Overwriting, kept: Any,
    dh: Array, gates: Array, inner: Array, h_before: Array, dgates: Array, da: Array, du: Array,
) -> None:  # fmt: skip
    """dz = dh (h' − ĥ), dĥ = dh (1 − z);  da from σ' and φ';  dr = daₕ u;  du = (da_z, daᵣ, daₕ r).

    Then dh ← dh z, a part of what the state before gets. `dgates` is scratch.
    """
    kept_z_r, kept_h = kept
    z, r, h_hat = gates
    dz, dr, dh_hat = dgates
    unmix(dh, z, h_before, h_hat, dz, dh_hat)
    phi.backward(kept_h, h_hat, dh_hat)
    np.multiply(dh_hat, inner, out=dr)
    sigma.backward(kept_z_r, gates[:2], dgates[:2])
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
