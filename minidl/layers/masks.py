"""Masks: which time steps of a sequence count, and which are there to fill it up.

A mask is a bool array (batch, time, ...) or None; beside several inputs it is a list of masks.
In a model it travels next to the values (`models/masked_plan.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Shape

if TYPE_CHECKING:
    from minidl.layers.layer import Layer


def beside_inputs(mask: Any, inputs: Any) -> Any:
    """Return a mask in the form of the inputs: a list beside a list, the first input's leading."""
    if not isinstance(inputs, list | dict):
        return mask[0] if isinstance(mask, list | tuple) and len(mask) == 1 else mask
    given = list(mask) if isinstance(mask, list | tuple) else [mask]
    return given + [None] * (len(inputs) - len(given))


def check_mask(layer: Layer, mask: Any, shapes: Any) -> None:
    """Compare the masks that a caller passed with the shapes of the inputs.

    Raises:
        ValueError: if there are more masks than inputs, or a mask's axes are not the leading axes
            of its input (a size of 1 goes with every size).
    """
    if isinstance(shapes, dict):
        shapes = list(shapes.values())
    several = isinstance(shapes, list)
    masks, shapes = (mask, shapes) if several else ([mask], [shapes])
    if len(masks) != len(shapes):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) received {len(masks)} masks for "
            f"{len(shapes)} inputs; expected one for each, or None where an input has none."
        )
    for one, shape in zip(masks, shapes, strict=True):
        if one is not None and not layer.mask_fits(_shape(one), tuple(shape)):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) received a mask of shape "
                f"{_shape(one)} for an input of shape {tuple(shape)}, expected "
                f"{tuple(shape[:2])}: one truth value for each time step of each sample."
            )


def leads(mask_shape: Shape, shape: Shape) -> bool:
    """Return whether a mask's axes are the leading axes of an input's shape."""
    return len(mask_shape) <= len(shape) and all(
        m == s or m == 1 or m is None or s is None for m, s in zip(mask_shape, shape, strict=False)
    )


def _shape(mask: Any) -> Shape:
    return tuple(mask.shape) if hasattr(mask, "shape") else np.shape(mask)
