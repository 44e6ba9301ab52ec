"""Mean and variance of the numbers that a mask leaves, and what follows from them backwards.

With m = 1 where a number counts and 0 elsewhere, n = Σ m + ε₀ (Keras's ε₀ = `config.epsilon()`
keeps the division finite where nothing counts), and Σ over the numbers of a channel:

    μ = Σ m x / n
    d = x − μ
    σ² = Σ m d² / n
    r = 1 / √(σ² + ε)
    x̂ = d r                                      for every x, masked or not

Backward. d reaches x̂ directly and, where m = 1, through r; then μ hands on what all of d got:

    dd = r (dx̂ − m x̂ Σ(dx̂ x̂) / n)
    dx = dd − m Σ(dd) / n
"""

from __future__ import annotations

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.layers.axes import along, sum_keeping


def masked_moments(x: Array, mask: Array, axes: list[int]) -> tuple[Array, Array, Array, Array]:
    """Return m in the shape of x, and n, μ and σ² with the sizes of `axes` alone."""
    kept = np.broadcast_to(np.asarray(mask, dtype=bool)[..., np.newaxis], x.shape)
    m = kept.astype(x.dtype)
    n = sum_keeping(m, axes) + x.dtype.type(config.epsilon())
    zero = x.dtype.type(0)  # what is masked may be anything, and a product with 0 may be NaN
    mean = sum_keeping(np.where(kept, x, zero), axes) / n
    d = np.where(kept, x - along(mean, axes, x.ndim), zero)
    return m, n, mean, sum_keeping(np.square(d), axes) / n


def masked_standardize_backward(
    x_hat: Array, r: Array, m: Array, n: Array, dx_hat: Array, axes: list[int]
) -> Array:
    """Return dx."""
    rank = x_hat.ndim
    through_r = along(sum_keeping(dx_hat * x_hat, axes) / n, axes, rank)
    dd = r * (dx_hat - m * x_hat * through_r)
    return dd - m * along(sum_keeping(dd, axes) / n, axes, rank)
