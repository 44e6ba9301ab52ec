"""What a loss takes: probabilities, targets and sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl._typing import Array
from minidl.testing.strategies import Size, arrays, sizes


@st.composite
def probabilities(
    draw: st.DrawFn, shape: Any, axis: int | None = -1, margin: float = 0.02, dtype: Any = "float64"
) -> Array:
    """Return a strategy for probabilities that stay off 0 and 1.

    Arguments:
        shape: a tuple, or a strategy for one.
        axis: along which they sum to 1; None where each stands for itself.
        margin: the smallest probability, and how far the largest stays off 1; where they sum to
            one, in proportion to an even share.
        dtype: a float type, or a strategy for one.
    """
    p = draw(arrays(shape, margin, 1.0 - margin, avoid=()))
    if axis is not None:
        p = p / p.sum(axis=axis, keepdims=True)
    return p.astype(draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype)


def labels(
    classes: int, batch: Size | None = None, shape: Any = None, dtype: Any = "int64"
) -> st.SearchStrategy[Array]:
    """Return a strategy for class numbers: (batch,), or of a given shape.

    Arguments:
        classes: they run from 0 to classes − 1.
        batch: the number of samples.
        shape: a tuple, or a strategy for one, in place of (batch,).
        dtype: an integer type.
    """
    if shape is None:
        shape = sizes(batch).map(lambda rows: (rows,))
    return hnp.arrays(dtype, shape, elements=st.integers(0, classes - 1))


def one_hot(
    classes: int, batch: Size | None = None, shape: Any = None, dtype: Any = "float64"
) -> st.SearchStrategy[Array]:
    """Return a strategy for one-hot rows: (batch, classes), or (*shape, classes)."""
    rows = np.eye(classes, dtype=dtype)
    return labels(classes, batch, shape).map(lambda k: rows[k])


def sample_weights(
    batch: Size | None = None, shape: Any = None, zeros: bool = True, dtype: Any = "float64"
) -> st.SearchStrategy[Array]:
    """Return a strategy for sample weights between 0.1 and 3: (batch,), or of a given shape.

    Arguments:
        batch: the number of samples.
        shape: a tuple, or a strategy for one, in place of (batch,).
        zeros: whether some may be 0, as those of padded steps are.
        dtype: a float type.
    """
    if shape is None:
        shape = sizes(batch).map(lambda rows: (rows,))
    weight = st.floats(0.1, 3.0)
    return hnp.arrays(dtype, shape, elements=st.one_of(weight, st.just(0.0)) if zeros else weight)
