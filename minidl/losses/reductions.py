"""From one value a sample to one number: sample weights, masks and the divisor.

With values v, weights w (ones by default) and the mask m of valid values (all by default):

    "sum_over_batch_size", "mean"     L = Σ w m v / N          N = number of valid values
    "sum"                             L = Σ w m v
    "mean_with_sample_weight"         L = Σ w m v / Σ w m
    "none", None                      w m v, not added up
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array

MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
"""The reductions that are the mean over all values where there are neither weights nor masks."""

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def check_reduction(reduction: Any, owner: str) -> str | None:
    """Return `reduction`.

    Raises:
        ValueError: if there is no such reduction.
    """
    if not (reduction is None or isinstance(reduction, str)) or reduction not in REDUCTIONS:
        raise ValueError(
            f"{owner} received reduction={reduction!r}, expected one of {list(REDUCTIONS)}."
        )
    return reduction


def weigh(
    values: Array, sample_weight: Any, mask: Array | None, reduction: str | None, owner: str
) -> tuple[Array | None, float]:
    """Return the weights (None for ones) and the scale with L = scale · Σ weights · values."""
    weights = None
    if sample_weight is not None:
        weights = align_weights(sample_weight, values, owner)
    if mask is not None:
        valid = mask.astype(values.dtype)
        weights = valid if weights is None else weights * valid
    if reduction in ("sum", "none", None):
        return weights, 1.0
    if reduction == "mean_with_sample_weight" and weights is not None:
        divisor = float(weights.sum())
    elif mask is not None:
        divisor = float(np.count_nonzero(mask))
    else:
        divisor = float(values.size)
    return weights, 1.0 / divisor if divisor else 0.0


def align_mask(mask: Any, values: Array, owner: str) -> Array:
    """Return a mask of the shape of `values`; it may lack their last axes, or have one of size 1.

    Raises:
        ValueError: if its axes are not the leading axes of the values.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.ndim == values.ndim + 1 and mask.shape[-1] == 1:
        mask = mask[..., 0]
    missing = values.ndim - mask.ndim
    if missing < 0 or mask.shape != values.shape[: mask.ndim]:
        raise ValueError(
            f"{owner} received a mask of shape {mask.shape} for values of shape {values.shape} "
            "(one value a sample or time step), expected the same shape. The predictions have "
            "lost the time axis that the mask has: end the masked part of the model in a layer "
            "that uses the mask up (an LSTM without return_sequences, GlobalAveragePooling1D), or "
            "give targets with the axes of the predictions."
        )
    return np.broadcast_to(mask.reshape(mask.shape + (1,) * missing), values.shape)


def masked_weights(sample_weight: Any, mask: Any, reduction: str | None, owner: str) -> Array:
    """Return a weight for each value of a mask: 0 where it is False.

    Under a mean the others are larger by N / valid, so that dividing by N divides by the valid.
    """
    mask = np.asarray(mask, dtype=bool)
    weights = mask.astype(np.float64)
    if reduction in ("sum_over_batch_size", "mean") and (valid := np.count_nonzero(mask)):
        weights *= mask.size / valid
    return weights if sample_weight is None else weights * align_weights(sample_weight, mask, owner)


def align_weights(sample_weight: Any, values: Array, owner: str) -> Array:
    """Return sample weights with as many axes as `values`, aligned from the batch axis on.

    A weight counts for a sample, (batch,) or (batch, 1), or for each value, such as
    (batch, timesteps). A single number counts for all.

    Raises:
        ValueError: if the shape is none of these.
    """
    weights = np.asarray(sample_weight)
    if weights.dtype != values.dtype and values.dtype.kind == "f":
        weights = weights.astype(values.dtype)
    shape = weights.shape
    if shape == values.shape or shape == ():
        return weights
    if len(shape) == values.ndim + 1 and shape[-1] == 1:
        shape = shape[:-1]
    shape += (1,) * (values.ndim - len(shape))
    fits = len(shape) == values.ndim and shape[:1] == values.shape[:1]
    if not fits or any(w not in (1, v) for w, v in zip(shape, values.shape, strict=True)):
        raise ValueError(
            f"{owner} received sample_weight of shape {weights.shape} for values of shape "
            f"{values.shape} (one value a sample or time step), expected {values.shape}"
            + (f" or {values.shape[:1]}" if values.ndim > 1 else "")
            + ". "
            + (
                "Predictions with a batch axis only give one value in all: reshape them to "
                "(batch, 1) to weigh samples."
                if values.ndim == 0
                else "Give one weight for each."
            )
        )
    return weights.reshape(shape)


def total(values: Array, weights: Array | None, scale: float) -> float:
    """Return scale · Σ weights · values as a Python float."""
    weighted = values if weights is None else values * weights
    return float(np.add.reduce(weighted, axis=None)) * scale
