"""What can be seen in the data before the first step: inputs not scaled, and labels in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.doctor.findings import Finding

ROWS = 2048  # looked at, spread evenly over the whole
LARGE = 20.0  # a root mean square above it is not scaled
UNEVEN = 1e3  # so are features whose spreads differ by this factor
SCALES_ITSELF = (
    "BatchNormalization",
    "CategoryEncoding",
    "Discretization",
    "Embedding",
    "GroupNormalization",
    "LayerNormalization",
    "Normalization",
    "RMSNormalization",
    "Rescaling",
    "UnitNormalization",
)


def check_inputs(x: list[Array], names: list[str], first_layers: list[str]) -> Iterator[Finding]:
    """Look for inputs far from the range that initial weights are made for.

    Arguments:
        x: arrays, one for each input.
        names: what to call them.
        first_layers: class names of the layers at the model's front. Where one of them scales or
            looks things up, nothing is said.
    """
    if any(layer in SCALES_ITSELF for layer in first_layers):
        return
    for array, name in zip(x, names, strict=False):
        part = _some_rows(array).astype(np.float64)
        size = float(np.sqrt(np.mean(part**2))) if part.size else 0.0
        if size > LARGE:
            yield Finding(
                "inputs_not_scaled",
                name,
                f"Input {name} is not scaled: its values run from {part.min():.4g} to "
                f"{part.max():.4g}, and initial weights are made for values around 1. Divide it "
                "(layers.Rescaling), or standardize it (layers.Normalization).",
            )
        elif part.ndim == 2 and part.shape[1] > 1:
            spread = part.std(axis=0)
            moving = np.flatnonzero(spread > 0)
            if not len(moving):
                continue
            least, most = (int(moving[f(spread[moving])]) for f in (np.argmin, np.argmax))
            if spread[most] > UNEVEN * spread[least]:
                yield Finding(
                    "inputs_not_scaled",
                    name,
                    f"Input {name} is not scaled evenly: feature {most} spreads by "
                    f"{spread[most]:.3g}, and feature {least} by {spread[least]:.3g}, which the "
                    "model will hardly see. Standardize it (layers.Normalization).",
                )


def check_split(train: Any, held_out: Any, output: str) -> Iterator[Finding]:
    """Look for classes that `validation_split` has cut off: it takes the last rows as they stand.

    Arguments:
        train, held_out: targets of both parts; anything but classes is passed over.
        output: the output's name.
    """
    ours, theirs = _classes(train), _classes(held_out)
    if ours is None or theirs is None:
        return
    unseen = np.setdiff1d(theirs, ours)
    everything = np.union1d(ours, theirs)
    if len(unseen):
        shown = ", ".join(str(n) for n in unseen[:5]) + (", ..." if len(unseen) > 5 else "")
        what = f"class {shown} of the validation data does not occur in the training data"
    elif len(theirs) == 1 and len(everything) > 1 and len(held_out) >= 8:
        what = f"the validation data has class {theirs[0]} alone, out of {len(everything)}"
    else:
        return
    yield Finding(
        "labels_sorted",
        output,
        f"The targets of output {output!r} seem to be sorted: {what}, as validation_split takes "
        "the last rows. Shuffle x and y together first, or pass validation_data.",
    )


def _classes(y: Any) -> Array | None:
    """Return the class numbers that occur in targets, or None if they are no classes."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        is_one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        return np.unique(y.argmax(axis=1)) if is_one_hot else None
    if y.ndim > 2 or y.dtype.kind not in "biuf":
        return None
    found = np.unique(y)
    if y.dtype.kind == "f" and not (np.floor(found) == found).all():
        return None
    return found.astype(np.int64) if len(found) <= max(2, len(y) // 4) else None


def _some_rows(array: Array) -> Array:
    step = max(1, len(array) // ROWS)
    return np.asarray(array[::step][:ROWS])
