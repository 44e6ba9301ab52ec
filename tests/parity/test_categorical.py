"""Agreement of category layers with real Keras, as far as it computes them without TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import layers

from .test_layers import keras, lenient_numpy  # noqa: F401  (the fixtures are the layers' own)

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
def test_category_encoding(keras, mode, shape):  # noqa: F811
    x = RNG.integers(0, 5, shape)
    ours = layers.CategoryEncoding(5, output_mode=mode)
    theirs = keras.layers.CategoryEncoding(5, output_mode=mode)
    expected = np.asarray(theirs(x))
    np.testing.assert_array_equal(ours(x), expected)
    assert ours(x).dtype == expected.dtype
    assert ours.compute_output_shape(shape) == theirs.compute_output_shape(shape)
    if mode == "count":
        weights = RNG.normal(size=shape).astype("float32")
        expected = np.asarray(theirs(x, count_weights=weights))
        np.testing.assert_allclose(ours(x, count_weights=weights), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_discretization(keras, mode, shape):  # noqa: F811
    x = RNG.normal(size=shape).astype("float32")
    ours = layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], output_mode=mode)
    theirs = keras.layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], output_mode=mode)
    expected = np.asarray(theirs(x))
    np.testing.assert_array_equal(ours(x), expected)
    assert ours(x).dtype == expected.dtype


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
@pytest.mark.parametrize("bins", [2, 5, 20])
@pytest.mark.parametrize("parts", [1, 7])
def test_adapted_boundaries(epsilon, bins, parts):
    """By the functions that Keras's layer calls; itself it asks TensorFlow for its types."""
    from keras.src.layers.preprocessing import discretization as theirs

    data = np.split(RNG.normal(size=700).astype("float32"), parts)
    summary = np.zeros((2, 0), "float32")
    for part in data:
        found = theirs.summarize(part, epsilon)
        summary = theirs.merge_summaries(found, summary, epsilon)
    ours = layers.Discretization(num_bins=bins, epsilon=epsilon)
    ours.adapt(iter(data))
    expected = theirs.get_bin_boundaries(summary, bins)
    np.testing.assert_allclose(ours.bin_boundaries, expected, rtol=1e-6, atol=1e-6)
