"""Hypothesis strategies for testing layers, activations and losses of your own.

    from hypothesis import given
    from minidl.gradcheck import gradcheck
    from minidl.testing import batches

    @given(batches(features=5))
    def test_my_layer(x):
        gradcheck(MyLayer(3), x)

Values stay off zero, where relu and its like have a kink; `avoid` names other kinks. Arrays are
float64 and small, as a check entry by entry wants them.
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(
        "minidl.testing makes Hypothesis strategies, and Hypothesis is not installed. "
        'Install it with: pip install "minidl[test]"'
    ) from error

from minidl.testing.strategies import (
    arrays,
    batches,
    dtypes,
    images,
    layer_inputs,
    sequences,
    shapes,
)
from minidl.testing.targets import labels, one_hot, probabilities, sample_weights

__all__ = [
    "arrays",
    "batches",
    "dtypes",
    "images",
    "labels",
    "layer_inputs",
    "one_hot",
    "probabilities",
    "sample_weights",
    "sequences",
    "shapes",
]
