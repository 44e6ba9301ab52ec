"""Every regularizer: its arguments, and values off its kinks."""

from __future__ import annotations

from hypothesis import strategies as st

from minidl import regularizers
from minidl.testing import arrays, shapes

from .trial import Trials, trials

factors = st.floats(0.001, 2.0)
values = arrays(shapes(max_rank=3))

REGULARIZERS: dict[type, Trials] = {
    regularizers.L1: trials(st.builds(regularizers.L1, l1=factors), values),
    regularizers.L1L2: trials(st.builds(regularizers.L1L2, l1=factors, l2=factors), values),
    regularizers.L2: trials(st.builds(regularizers.L2, l2=factors), values),
    regularizers.OrthogonalRegularizer: trials(
        st.builds(
            regularizers.OrthogonalRegularizer,
            factor=factors,
            mode=st.sampled_from(["rows", "columns"]),
        ),
        arrays(shapes(min_rank=2, max_rank=2), unique=True),
    ),
}
