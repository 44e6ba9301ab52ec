"""Pooling against Keras, where more goes in than one array: masks. The rest: `pooling_cases.py`."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import layers
from tests.parity.test_layers import close, keras, lenient_numpy  # noqa: F401  (two are fixtures)

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_global_average_under_a_mask(keras, data_format, keepdims, dtype):  # noqa: F811
    import jax

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 6, 3) if data_format == "channels_last" else (4, 3, 6)).astype(dtype)
    mask = rng.random((4, 6)) < 0.6
    mask[0] = True
    assert mask.any(axis=1).all()  # Keras divides by zero where nothing is left
    arguments = {"data_format": data_format, "keepdims": keepdims, "dtype": dtype}
    ours = layers.GlobalAveragePooling1D(**arguments)
    theirs = keras.layers.GlobalAveragePooling1D(**arguments)
    y, residuals = ours.forward(x, mask=mask)
    expected, pullback = jax.vjp(lambda inputs: theirs(inputs, mask=mask), jax.numpy.asarray(x))
    close(y, expected, dtype, "y")
    dy = rng.normal(size=y.shape).astype(dtype)
    close(ours.backward(residuals, dy), pullback(jax.numpy.asarray(dy))[0], dtype, "dx")
    assert theirs.compute_mask(x, mask) is ours.compute_mask(x, mask) is None
