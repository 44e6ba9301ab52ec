"""What a masked time step does to a state: nothing, forwards and backwards.

    s = s̃ where step t counts, s' where it is masked         s̃: the new state, s': the old one
    ds̃ = ds where it counts, else 0;    ds' = ds where it is masked, else 0

The mask is (time, batch, 1), or None where every step counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array


def hold(new: Array, old: Array, mask: Array | None, t: int) -> None:
    """Put the old state back into `new` where step t is masked."""
    if mask is not None:
        np.copyto(new, old, where=~mask[t])


def take_held(ds: Array, mask: Array | None, t: int) -> Array | None:
    """Return the part of ds that goes straight to the old state, and leave ds̃ in `ds`."""
    if mask is None:
        return None
    held = ds * ~mask[t]
    ds *= mask[t]
    return held


def time_major_mask(mask: Any, shape: tuple[int, ...], owner: str) -> Array | None:
    """Return a mask of shape (batch, time) as (time, batch, 1) booleans; None if nothing is masked.

    Arguments:
        mask: the mask, None, or a list with the masks of several inputs, of which the first counts.
        shape: the shape of the input, (batch, time, ...).
        owner: the layer, for the message.

    Raises:
        ValueError: if the mask has another shape than the first two axes of the input.
    """
    if isinstance(mask, list | tuple):
        mask = mask[0] if mask else None
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != shape[:2]:
        raise ValueError(
            f"{owner} received a mask of shape {mask.shape} for an input of shape {shape}, "
            f"expected {shape[:2]}: True or False for every time step of every sample."
        )
    mask = mask.astype(bool, copy=False)
    return None if mask.all() else np.ascontiguousarray(mask.T)[:, :, None]
