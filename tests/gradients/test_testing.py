"""The public Hypothesis strategies keep what they promise."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from minidl.testing import (
    arrays,
    batches,
    dtypes,
    images,
    labels,
    layer_inputs,
    one_hot,
    probabilities,
    sample_weights,
    sequences,
    shapes,
)


@given(arrays(shapes(), low=-2.0, high=3.0, avoid=(-1.0, 0.0, 2.0), margin=0.1))
def test_arrays_stay_in_range_and_off_kinks(x):
    assert x.dtype == np.float64
    assert x.size > 0
    assert x.min() >= -2.2
    assert x.max() <= 3.2
    for kink in (-1.0, 0.0, 2.0):
        assert (np.abs(x - kink) >= 0.1 - 1e-12).all()


@given(arrays(shapes(max_rank=3), unique=True))
def test_unique_arrays_have_no_ties(x):
    assert np.unique(x).size == x.size
    distances = np.diff(np.sort(x.ravel()))
    assert distances.size == 0 or distances.min() > 1e-6


@given(arrays((2, 3), dtype=dtypes()))
def test_dtypes(x):
    assert x.dtype in (np.float32, np.float64)


def test_kinks_are_approached_from_both_sides():
    assert find(arrays((1,), margin=0.1), lambda x: bool(x[0] == 0.1)) is not None
    assert find(arrays((1,), margin=0.1), lambda x: bool(-0.2 < x[0] < 0)) is not None


@given(shapes(min_rank=2, max_rank=3, min_side=2, max_side=5))
def test_shapes(shape):
    assert 2 <= len(shape) <= 3
    assert all(2 <= size <= 5 for size in shape)


@given(batches(features=5, batch=st.integers(2, 3)), sequences(timesteps=2), images(channels=1))
def test_axes_are_named(batch, sequence, image):
    assert batch.shape[0] in (2, 3)
    assert batch.shape[1:] == (5,)
    assert sequence.shape[1] == 2
    assert image.shape[3] == 1


@given(layer_inputs((None, 3)), layer_inputs([(None, 3), (None, None, 2)], batch=4))
def test_layer_inputs(one, several):
    assert one.shape[1:] == (3,)
    assert [x.shape[0] for x in several] == [4, 4]
    assert several[0].shape == (4, 3)
    assert several[1].shape[2] == 2


@given(probabilities((3, 4)), probabilities((3, 4), axis=0), probabilities((3, 4), axis=None))
def test_probabilities(rows, columns, single):
    np.testing.assert_allclose(rows.sum(axis=-1), 1)
    np.testing.assert_allclose(columns.sum(axis=0), 1)
    for p in (rows, columns, single):
        assert p.min() > 0.001
    assert single.max() <= 0.98


@given(labels(4, batch=3), labels(4, shape=(2, 5), dtype="uint8"), one_hot(4, shape=(2, 5)))
def test_targets(plain, shaped, hot):
    assert plain.shape == (3,)
    assert shaped.shape == (2, 5)
    assert shaped.dtype == np.uint8
    assert shaped.max() < 4
    assert hot.shape == (2, 5, 4)
    assert (hot.sum(axis=-1) == 1).all()


@given(sample_weights(5), sample_weights(5, zeros=False))
def test_sample_weights(any_weights, positive):
    assert any_weights.shape == (5,)
    assert (any_weights >= 0).all()
    assert (positive >= 0.1).all()


def test_without_hypothesis_the_import_says_what_to_install():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "try:\n    import minidl.testing\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "minidl[test]"' in run.stdout


@pytest.mark.parametrize("module", ["minidl", "minidl.gradcheck", "minidl.layers"])
def test_nothing_else_imports_hypothesis(module):
    code = f"import sys, {module}; print('hypothesis' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
