"""Type names shared by the whole package. Nothing here is needed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"
"""A NumPy array of any shape and dtype."""

Shape: TypeAlias = tuple[int | None, ...]
"""A shape; `None` stands for a size that is not fixed, above all the batch axis."""

Arrays: TypeAlias = "Array | list[Array]"
"""What a layer takes and gives: one array, or a list of them for several inputs or outputs."""

Residuals: TypeAlias = Any
"""What `forward` keeps for `backward`. Only the object that made it looks inside."""

DType: TypeAlias = "str | np.dtype[Any] | type"

ShapeLike: TypeAlias = Sequence[int | None]
