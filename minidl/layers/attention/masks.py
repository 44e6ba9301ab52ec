"""Who may look at whom: the masks of queries, keys and values, causality and windows, as one.

A pair (query step, key step) may attend if every mask that is there allows it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl._typing import Array


def allowed_pairs(
    scores_shape: tuple[int, ...],
    axes: int,
    *,
    query_mask: Any = None,
    key_masks: tuple[Any, ...] = (),
    attention_mask: Any = None,
    causal: bool = False,
    window: int | None = None,
    owner: str,
) -> Array | None:
    """Return a mask that broadcasts to the scores, or None where every pair may attend.

    Arguments:
        scores_shape: (batch, ..., heads, query steps, key steps), each with `axes` axes.
        axes: over how many axes attention runs.
        query_mask: (batch, query steps), False for queries that look at nothing.
        key_masks: masks (batch, key steps) of keys and values, False for what no one looks at.
        attention_mask: pairs, (query steps, key steps) at least; missing axes are put in front.
        causal: whether a query may look at no later key.
        window: how far apart a query and a key may be, and one more; None for any distance.
        owner: the layer, for messages.

    Raises:
        ValueError: if a mask does not fit the scores, or causality or a window is asked for over
            several axes.
    """
    ones = (1,) * axes
    masks = []
    if query_mask is not None:
        mask = _as_bool("query_mask", query_mask, axes + 1, owner)
        masks.append(mask.reshape(*mask.shape, *ones))
    for given in key_masks:
        if given is not None:
            mask = _as_bool("key or value mask", given, axes + 1, owner)
            kept = mask.ndim - axes
            masks.append(mask.reshape(*mask.shape[:kept], *ones, *mask.shape[kept:]))
    if attention_mask is not None:
        masks.append(_as_bool("attention_mask", attention_mask, 2 * axes, owner))
    if causal or window is not None:
        if axes != 1:
            raise ValueError(
                f"{owner}: a causal mask or a sliding window needs one axis that attends, and "
                f"there are {axes}. Set attention_axes to one axis, or pass an attention_mask."
            )
        masks.append(band(scores_shape[-2], scores_shape[-1], causal, window))
    if not masks:
        return None
    combined = _broadcast(masks[0], scores_shape, axes, owner)
    for mask in masks[1:]:
        combined = combined & _broadcast(mask, scores_shape, axes, owner)
    return combined


def band(queries: int, keys: int, causal: bool, window: int | None = None) -> Array:
    """Return the mask of a causal or windowed attention, (queries, keys)."""
    distance = np.arange(queries)[:, np.newaxis] - np.arange(keys)
    mask = distance >= 0 if causal else np.ones((queries, keys), bool)
    if window is not None:
        mask &= np.abs(distance) < window
    return mask


def attended_as_one(mask: Array, scores_shape: tuple[int, ...], axes: int) -> Array:
    """Return the mask with the axes of the queries laid end to end, and those of the keys."""
    if axes == 1:
        return mask
    lead = mask.ndim - 2 * axes
    full = np.broadcast_to(mask, (*mask.shape[:lead], *scores_shape[lead:]))
    sizes = (math.prod(scores_shape[lead:-axes]), math.prod(scores_shape[-axes:]))
    return full.reshape(*mask.shape[:lead], *sizes)


def _as_bool(name: str, given: Any, least: int, owner: str) -> Array:
    mask = np.asarray(given)
    if mask.ndim < least:
        raise ValueError(
            f"{owner}: received a {name} of shape {mask.shape}, expected at least {least} axes."
        )
    return mask if mask.dtype == bool else mask != 0


def _broadcast(mask: Array, scores_shape: tuple[int, ...], axes: int, owner: str) -> Array:
    """Return the mask with axes for what it leaves out, heads first, so that it fits the scores."""
    missing = len(scores_shape) - mask.ndim
    position = mask.ndim - 2 * axes
    full = mask.reshape(*mask.shape[:position], *(1,) * missing, *mask.shape[position:])
    if missing < 0 or any(m not in (1, s) for m, s in zip(full.shape, scores_shape, strict=True)):
        raise ValueError(
            f"{owner}: received a mask that stands for pairs of shape {mask.shape}, which does not "
            f"fit the scores, {tuple(scores_shape)} (batch, ..., heads, query steps, key steps). "
            "Masks of queries are (batch, query steps), of keys and values (batch, key steps), "
            "and attention_mask is (batch, query steps, key steps)."
        )
    return full
