"""Random inputs for whoever gives a shape only, or nothing at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.layer import Layer

BATCH = 3  # stands for every size that is not known


def random_inputs(layer: Layer | None, input_shape: Any, rng: np.random.Generator) -> Any:
    """Return random inputs of a shape, or of the shape that the layer knows of itself.

    Raises:
        ValueError: if neither is known.
    """
    if input_shape is None and layer is not None:
        input_shape = _known_shape(layer)
    if isinstance(input_shape, dict):
        return {key: random_array(shape, rng) for key, shape in input_shape.items()}
    if isinstance(input_shape, list) and input_shape and not isinstance(input_shape[0], int):
        return [random_array(shape, rng) for shape in input_shape]
    return random_array(input_shape, rng)


def _known_shape(layer: Layer) -> Any:
    shape = layer.batch_input_shape
    if shape is None and getattr(layer, "graph", None) is not None:
        shape = getattr(layer, "input_shape", None)
    if shape is None:
        raise ValueError(
            f"gradcheck received neither inputs nor a shape for layer {layer.name!r} "
            f"({type(layer).__name__}). Pass an array, gradcheck(layer, x), or a shape with the "
            "batch axis, gradcheck(layer, input_shape=(4, 5))."
        )
    return shape


def random_array(shape: Any, rng: np.random.Generator) -> Array:
    """Return normal numbers that stay a twentieth off zero, where many functions have a kink."""
    sizes = [BATCH if size is None else int(size) for size in shape]
    z = rng.standard_normal(sizes)
    return z + np.copysign(0.05, z)
