"""How layers without weights treat dtypes: floats pass as they are, and integers become floats.

A layer that computes turns integers (pixels, counts) into its own float type. A layer that only
moves numbers about, such as Flatten, leaves every dtype alone.
"""

from __future__ import annotations

import numpy as np

from minidl._typing import Array


def float_name(input_dtype: str, own: str) -> str:
    """Return the dtype in which a layer of dtype `own` computes on `input_dtype`.

    >>> float_name("float64", "float32"), float_name("uint8", "float32")
    ('float64', 'float32')
    """
    return input_dtype if input_dtype in ("float32", "float64") else own


def as_float(x: Array, own: str) -> Array:
    """Return `x` in the dtype that `float_name` tells."""
    return x if x.dtype in (np.float32, np.float64) else x.astype(own)
