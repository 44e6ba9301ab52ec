"""The output shape of a layer that does not tell it: found by running the layer on zeros.

The run is done twice, with two different numbers in place of every unknown size. Where the two
outputs differ in size, that size is unknown too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Shape
from minidl.layers import limits

if TYPE_CHECKING:
    from minidl.layers.layer import Layer

_STAND_INS = (2, 3)


def infer_output_shape(layer: Layer, input_shape: Any) -> Any:
    """Return the output's shape (or list of shapes) for `input_shape`.

    Raises:
        ValueError: if the layer fails on zeros; the message has the shapes and the layer's error.
    """
    several = isinstance(input_shape, list)
    shapes = input_shape if several else [input_shape]
    runs: list[Any] = []
    for stand_in in _STAND_INS:
        sizes = [tuple(stand_in if s is None else s for s in shape) for shape in shapes]
        limits.check_trial(sizes, layer.name)
        try:
            output = _trial(layer, sizes, several)
        except Exception as error:
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) does not say its output's shape, "
                f"and a trial run on zeros of shape {sizes} failed with "
                f"{type(error).__name__}: {error}. Write compute_output_shape(self, input_shape), "
                "or mend forward."
            ) from error
        runs.append(
            [np.shape(y) for y in output] if isinstance(output, list | tuple) else np.shape(output)
        )
    first, second = runs
    if isinstance(first, list):
        return [_merge(a, b) for a, b in zip(first, second, strict=True)]
    return _merge(first, second)


def _trial(layer: Layer, sizes: list[tuple[int, ...]], several: bool) -> Any:
    """Run a layer on zeros; on whole ones where it takes no floats, as tokens are none."""
    from minidl.layers.layer import call_forward

    def run(dtype: str) -> Any:
        arrays = [np.zeros(size, dtype) for size in sizes]
        with np.errstate(all="ignore"):
            return call_forward(layer, arrays if several else arrays[0], False, {})[0]

    try:
        return run(layer.dtype)
    except (IndexError, TypeError) as error:
        try:
            return run("int32")
        except Exception:
            raise error from None


def _merge(first: Shape, second: Shape) -> Shape:
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))
