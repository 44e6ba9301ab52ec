"""For tests of layers, activations and losses of your own: an assertion, and strategies.

    from hypothesis import given
    from minidl.testing import assert_gradients_correct, batches

    @given(batches(features=5))
    def test_my_layer(x):
        assert_gradients_correct(MyLayer(3), x)

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

from minidl.testing.assertions import assert_gradients_correct
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
    "assert_gradients_correct",
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
