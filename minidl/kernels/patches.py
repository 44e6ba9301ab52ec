"""The way back from patches: what each window has for a place is added to that place."""

from __future__ import annotations

import numpy as np

from minidl._typing import Array
from minidl.kernels.kernel import kernel
from minidl.kernels.team import loop, prange, share


@kernel
def add_patches(shares: Array, seen: Array) -> None:
    """seen += shares, where places of `seen` are the same memory as often as windows saw them.

    Shapes: both (groups, batch, three axes of windows, three of a window's places, channels);
    `seen` is a strided view.
    """
    for tap in np.ndindex(*seen.shape[5:8]):  # no two windows have a tap in one place
        places = seen[(..., *tap, slice(None))]
        places += shares[(..., *tap, slice(None))]


@add_patches.compiled
def _(shares, seen):  # type: ignore[no-untyped-def]
    groups, batch, first, second, third, I, J, K, channels = seen.shape  # noqa: E741
    for g in range(groups):
        for n in range(batch):
            for o in range(first):
                for p in range(second):
                    for q in range(third):
                        share, place = shares[g, n, o, p, q], seen[g, n, o, p, q]
                        for i in range(I):
                            for j in range(J):
                                for k in range(K):
                                    numbers, total = share[i, j, k], place[i, j, k]
                                    for c in range(channels):
                                        total[c] += numbers[c]


@add_patches.shared
def _(n, shares, seen):  # type: ignore[no-untyped-def]
    for i in prange(n):
        a, b = share(i, n, shares.shape[1])
        loop(shares[:, a:b], seen[:, a:b])
