"""One step of an LSTM behind the products with its kernels, forwards and backwards.

`memory` holds i, f, g, o, c, φ(c) and h of all steps, (7, time, batch, units), at index 0 of time
the first states; see `minidl/kernels/gates.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels.gates import blocks
from minidl.layers.recurrent.in_place import Overwriting


def forward_step(sigma: Overwriting, phi: Overwriting, hU: Array, memory: Array, t: int) -> Any:
    """z ← z + h' U;  i, f, o = σ(z), g = φ(z);  c = f c' + i g;  h = o φ(c).

    The gates' places come with x W + b. Returns what the activations keep besides their outputs.
    Sigmoid and tanh have kernels for this, see `lstm_forward`.
    """
    i, f, g, o, c, phi_c, h = memory[:, t]
    memory[:4, t] += blocks(hU, 4)
    kept_i_f = sigma.forward(memory[:2, t])
    kept_g = phi.forward(g)
    kept_o = sigma.forward(o)
    np.multiply(f, memory[4, t - 1], out=c)
    c += i * g
    phi_c[...] = c
    kept_c = phi.forward(phi_c)
    np.multiply(o, phi_c, out=h)
    return kept_i_f, kept_g, kept_o, kept_c


def backward_step(
    sigma: Overwriting, phi: Overwriting, kept: Any,
    memory: Array, t: int, dh: Array, dc: Array, dz: Array, dgates: Array,
) -> None:  # fmt: skip
    """do = dh φ(c);  dc ← dc + dh o φ'(c);  di, df, dg = dc g, dc c', dc i;  dz = σ' or φ' of each.

    Then dc ← dc f, what the state before gets. `dgates` is scratch, and `dh` is used up. Sigmoid
    and tanh have a kernel for this, `lstm_backward`.
    """
    kept_i_f, kept_g, kept_o, kept_c = kept
    i, f, g, o, _, phi_c, _ = memory[:, t]
    di, df, dg, do = dgates
    np.multiply(dh, phi_c, out=do)
    dh *= o
    phi.backward(kept_c, phi_c, dh)
    dc += dh
    np.multiply(dc, g, out=di)
    np.multiply(dc, memory[4, t - 1], out=df)
    np.multiply(dc, i, out=dg)
    dc *= f

    sigma.backward(kept_i_f, memory[:2, t], dgates[:2])
    phi.backward(kept_g, g, dg)
    sigma.backward(kept_o, o, do)
    blocks(dz, 4)[...] = dgates
