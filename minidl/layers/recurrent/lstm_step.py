"""One step of an LSTM behind the products with its kernels, forwards and backwards.

The arrays of a step are (batch, units), those of all four gates (4, batch, units), in the order
i, f, g, o; the products with the kernels have the gates side by side, (batch, 4 units).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.recurrent.in_place import Overwriting


def forward_step(
    sigma: Overwriting, phi: Overwriting,
    hU: Array, gates: Array, c_before: Array, c: Array, phi_c: Array, h: Array,
) -> Any:  # fmt: skip
    """z ← z + h' U;  i, f, o = σ(z), g = φ(z);  c = f c' + i g;  h = o φ(c).

    `gates` comes with x W + b, and leaves with the gates. Returns what the activations keep.
    """
    gates += blocks(hU, 4)
    i, f, g, o = gates
    kept_i_f = sigma.forward(gates[:2])
    kept_g = phi.forward(g)
    kept_o = sigma.forward(o)

    np.multiply(i, g, out=h)  # h as scratch
    np.multiply(f, c_before, out=c)
    c += h
    phi_c[...] = c
    kept_c = phi.forward(phi_c)
    np.multiply(o, phi_c, out=h)
    return kept_i_f, kept_g, kept_o, kept_c


def backward_step(
    sigma: Overwriting, phi: Overwriting, kept: Any,
    dh: Array, dc: Array, gates: Array, c_before: Array, phi_c: Array, dgates: Array, dz: Array,
) -> None:  # fmt: skip
    """do = dh φ(c);  dc ← dc + dh o φ'(c);  di, df, dg = dc g, dc c', dc i;  dz = σ' or φ' of each.

    Then dc ← dc f, what the state before gets. `dh` is used up, `dgates` is scratch.
    """
    kept_i_f, kept_g, kept_o, kept_c = kept
    i, f, g, o = gates
    di, df, dg, do = dgates
    np.multiply(dh, phi_c, out=do)
    dh *= o
    phi.backward(kept_c, phi_c, dh)
    dc += dh
    np.multiply(dc, g, out=di)
    np.multiply(dc, c_before, out=df)
    np.multiply(dc, i, out=dg)

    sigma.backward(kept_i_f, gates[:2], dgates[:2])
    phi.backward(kept_g, g, dg)
    sigma.backward(kept_o, o, do)
    blocks(dz, 4)[...] = dgates
    dc *= f


def blocks(z: Array, gates: int) -> Array:
    """Return a view of (batch, gates units) as (gates, batch, units)."""
    batch, columns = z.shape
    return z.reshape(batch, gates, columns // gates).transpose(1, 0, 2)
