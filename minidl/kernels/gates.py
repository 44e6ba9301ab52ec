"""The gates of recurrent layers: what a step of an LSTM or a GRU does behind its products.

`memory` holds what all steps gave, (arrays, time, batch, units), at index 0 of time what was first:

    LSTM    i  f  g  o  c  φ(c)  h
    GRU     z  r  ĥ  u  h               u: what r meets, h' U + b'

A product with a kernel has the gates side by side, (batch, gates units). The ways back are those
for sigmoid gates and a tanh, whose derivatives σ' = σ (1 − σ) and φ' = 1 − φ² are read off the
outputs.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array
from minidl.kernels.kernel import kernel


def lstm_forward(memory: Array, t: int, hU: Array) -> None:
    """z ← z + h' U;  i, f, o = σ(z), g = tanh(z);  c = f c' + i g;  h = o tanh(c).

    The gates' places come with x W + b; hU is (batch, 4 units). With σ(z) = (1 + tanh(z / 2)) / 2
    one call of tanh serves all gates; NumPy's is quicker than what Numba makes of a loop.
    """
    gates = memory[:4, t]
    _, _, _, o, c, phi_c, h = memory[:, t]
    lstm_open(memory, t, hU)
    np.tanh(gates, out=gates)
    lstm_carry(memory, t)
    np.tanh(c, out=phi_c)
    np.multiply(o, phi_c, out=h)


@kernel
def lstm_open(memory: Array, t: int, hU: Array) -> None:
    """z ← z + h' U, and half of that for i, f and o."""
    gates, i_f, o = memory[:4, t], memory[:2, t], memory[3, t]
    gates += blocks(hU, 4)
    i_f *= 0.5
    o *= 0.5


@lstm_open.compiled
def _(memory, t, hU):  # type: ignore[no-untyped-def]
    _, _, batch, units = memory.shape
    for gate in range(4):
        factor = memory.dtype.type(1 if gate == 2 else 0.5)
        for b in range(batch):
            z, added = memory[gate, t, b], hU[b, gate * units : (gate + 1) * units]
            for k in range(units):
                z[k] = factor * (z[k] + added[k])


@kernel
def lstm_carry(memory: Array, t: int) -> None:
    """i, f, o = (1 + tanh(z / 2)) / 2 of what stands in their places;  c = f c' + i g."""
    i, f, g, o, c, _, h = memory[:, t]
    for sigmoids in (memory[:2, t], o):
        sigmoids *= 0.5
        sigmoids += 0.5
    np.multiply(f, memory[4, t - 1], out=c)
    c += np.multiply(i, g, out=h)  # h as scratch


@lstm_carry.compiled
def _(memory, t):  # type: ignore[no-untyped-def]
    _, _, batch, units = memory.shape
    half = memory.dtype.type(0.5)
    for b in range(batch):
        i, f, g, o = memory[0, t, b], memory[1, t, b], memory[2, t, b], memory[3, t, b]
        c_before, c, h = memory[4, t - 1, b], memory[4, t, b], memory[6, t, b]
        for k in range(units):  # short loops over few arrays each, so that they are vectorised
            i[k] = half + half * i[k]
        for k in range(units):
            f[k] = half + half * f[k]
        for k in range(units):
            o[k] = half + half * o[k]
        for k in range(units):
            h[k] = i[k] * g[k]
        for k in range(units):
            c[k] = f[k] * c_before[k] + h[k]


@kernel
def lstm_backward(memory: Array, t: int, dh: Array, dc: Array, dz: Array, scratch: Array) -> None:
    """do = dh φ(c);  dc ← dc + dh o φ'(c);  di, df, dg = dc g, dc c', dc i;  dz = σ' or φ' of each.

    Then dc ← dc f, what the state before gets. `scratch` is (2, 4, batch, units).
    """
    i, f, g, o, _, phi_c, _ = memory[:, t]
    slope, dgates = scratch
    di, df, dg, do = dgates
    np.multiply(phi_c, phi_c, out=do)  # do and di as scratch
    np.subtract(1, do, out=do)
    do *= np.multiply(dh, o, out=di)
    dc += do
    np.multiply(dh, phi_c, out=do)
    np.multiply(dc, g, out=di)
    np.multiply(dc, memory[4, t - 1], out=df)
    np.multiply(dc, i, out=dg)
    dc *= f
    np.subtract(1, memory[:4, t], out=slope)
    slope *= memory[:4, t]
    np.multiply(g, g, out=slope[2])
    np.subtract(1, slope[2], out=slope[2])
    np.multiply(dgates, slope, out=blocks(dz, 4))


@lstm_backward.compiled
def _(memory, t, dh, dc, dz, scratch):  # type: ignore[no-untyped-def]
    batch, units = dh.shape
    one = dh.dtype.type(1)
    for b in range(batch):
        i, f, g, o = memory[0, t, b], memory[1, t, b], memory[2, t, b], memory[3, t, b]
        c_before, phi_c = memory[4, t - 1, b], memory[5, t, b]
        for k in range(units):  # short loops over few arrays each, so that they are vectorised
            dc[b, k] += dh[b, k] * o[k] * (one - phi_c[k] * phi_c[k])
        for k in range(units):
            dz[b, 3 * units + k] = dh[b, k] * phi_c[k] * o[k] * (one - o[k])
        for k in range(units):
            dz[b, k] = dc[b, k] * g[k] * i[k] * (one - i[k])
        for k in range(units):
            dz[b, units + k] = dc[b, k] * c_before[k] * f[k] * (one - f[k])
        for k in range(units):
            dz[b, 2 * units + k] = dc[b, k] * i[k] * (one - g[k] * g[k])
        for k in range(units):
            dc[b, k] *= f[k]


@kernel
def gru_backward(memory: Array, t: int, dh: Array, da: Array, du: Array, scratch: Array) -> None:
    """dz = dh (h' − ĥ), dĥ = dh (1 − z);  da from σ' and φ';  dr = daₕ u;  du = (da_z, daᵣ, daₕ r).

    Then dh ← dh z, a part of what the state before gets. `scratch` is (2, 3, batch, units).
    """
    z, r, h_hat, inner, _ = memory[:, t]
    slope, dgates = scratch
    dz, dr, dh_hat = dgates
    np.subtract(1, memory[:2, t], out=slope[:2])
    slope[:2] *= memory[:2, t]
    np.multiply(h_hat, h_hat, out=slope[2])
    np.subtract(1, slope[2], out=slope[2])

    np.subtract(memory[4, t - 1], h_hat, out=dz)
    dz *= dh
    dh_hat[...] = dh
    dh *= z
    dh_hat -= dh
    dh_hat *= slope[2]
    np.multiply(dh_hat, inner, out=dr)
    dgates[:2] *= slope[:2]
    blocks(da, 3)[...] = dgates
    dh_hat *= r
    blocks(du, 3)[...] = dgates


@gru_backward.compiled
def _(memory, t, dh, da, du, scratch):  # type: ignore[no-untyped-def]
    batch, units = dh.shape
    one = dh.dtype.type(1)
    for b in range(batch):
        z, r, h_hat = memory[0, t, b], memory[1, t, b], memory[2, t, b]
        inner, h_before = memory[3, t, b], memory[4, t - 1, b]
        for k in range(units):  # short loops over few arrays each, so that they are vectorised
            da[b, k] = dh[b, k] * (h_before[k] - h_hat[k]) * z[k] * (one - z[k])
        for k in range(units):
            da[b, 2 * units + k] = dh[b, k] * (one - z[k]) * (one - h_hat[k] * h_hat[k])
        for k in range(units):
            da[b, units + k] = da[b, 2 * units + k] * inner[k] * r[k] * (one - r[k])
        for k in range(2 * units):
            du[b, k] = da[b, k]
        for k in range(units):
            du[b, 2 * units + k] = da[b, 2 * units + k] * r[k]
        for k in range(units):
            dh[b, k] *= z[k]


def blocks(z: Array, gates: int) -> Array:
    """Return a view of (batch, gates units) as (gates, batch, units)."""
    batch, columns = z.shape
    return z.reshape(batch, gates, columns // gates).transpose(1, 0, 2)
