"""Convolutions in shares of the team: the products of NumPy, whoever has the team."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import config
from minidl.kernels import blas, convolutions, team
from minidl.layers.convolutional import shared
from minidl.layers.convolutional.geometry import convolution_windows

pytest.importorskip("numba")
if team.size() < 2:
    pytest.skip("no OpenMP, or one processor", allow_module_level=True)


@pytest.fixture(autouse=True)
def every_size(monkeypatch):
    """Share the smallest too, in slices of a few windows."""
    monkeypatch.setattr(convolutions, "WORTH", 0)
    monkeypatch.setattr(convolutions, "SLICE", 4000)
    config.set_compiled_kernels(True)
    yield
    config.set_compiled_kernels(None)


# Batch, sizes, kernel, strides, dilation, padding, channels, filters.
CASES = {
    "2-D": (5, (9, 8), (3, 3), (1, 1), (1, 1), "valid", 8, 6),
    "2-D padded": (3, (11, 13), (3, 2), (1, 1), (1, 1), "same", 5, 7),
    "2-D in strides": (3, (11, 13), (3, 2), (2, 3), (1, 1), "same", 5, 7),
    "2-D dilated": (2, (9, 10), (3, 3), (1, 1), (2, 3), "same", 5, 6),
    "one channel": (5, (28, 28), (3, 3), (1, 1), (1, 1), "valid", 1, 4),
    "three channels in strides": (2, (9, 12), (3, 3), (2, 2), (1, 1), "same", 3, 4),
    "places one by one": (4, (5, 6), (1, 1), (1, 1), (1, 1), "valid", 5, 3),
    "1-D causal": (2, (12,), (3,), (1,), (2,), "causal", 6, 4),
    "1-D of one filter": (1, (40,), (5,), (1,), (1,), "valid", 6, 1),
    "3-D": (2, (5, 6, 7), (2, 3, 2), (2, 2, 3), (1, 1, 1), "same", 2, 3),
    "less than a window": (2, (2, 2), (5, 5), (1, 1), (1, 1), "same", 5, 3),
}


def all_three(x, W, bias, dz, windows):
    z = shared.correlate(x, W, bias, windows)
    dW, db = shared.kernel_gradient(x, dz, W, windows, bias=True)
    return z, dW, db, shared.input_gradient(dz, W, windows)


def in_shares(count, *arguments):
    library = blas.library()
    before = library.threads()
    library.set_threads(1)
    team.gather(count)
    try:
        return all_three(*arguments)
    finally:
        team.dismiss()
        library.set_threads(before)


def arrays(case, dtype):
    batch, sizes, kernel, strides, dilation, padding, channels, filters = CASES[case]
    windows = convolution_windows(sizes, kernel, strides, dilation, padding)
    shapes = [
        (batch, *sizes, channels),
        (*kernel, channels, filters),
        (filters,),
        (batch, *windows.output, filters),
    ]
    rng = np.random.default_rng(0)
    return *(rng.standard_normal(shape).astype(dtype) for shape in shapes), windows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_shares_give_what_numpy_gives(monkeypatch, case, dtype):
    arguments = arrays(case, dtype)
    expected = all_three(*arguments)
    called = []
    run = convolutions._run
    monkeypatch.setattr(convolutions, "_run", lambda *a: (called.append(a[0]), run(*a)))
    arguments[0].flags.writeable = False  # as a user's data may be
    together = in_shares(team.size(), *arguments)
    assert len(called) == 3
    alone = in_shares(1, *arguments)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for one, two, right in zip(alone, together, expected, strict=True):
        assert two.dtype == dtype
        np.testing.assert_allclose(two, right, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(one, two)


def test_what_has_another_layout_or_type_takes_the_other_way():
    x, W, bias, dz, windows = arrays("2-D", "float32")
    expected = all_three(x, W, bias, dz, windows)
    crooked = np.asfortranarray(x)
    assert not crooked.flags.c_contiguous
    for other in (crooked, x.astype("float64")):
        for a, b in zip(in_shares(2, other, W, bias, dz, windows), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_sum_over_many_windows_keeps_its_digits():
    windows = convolution_windows((700, 700), (1, 1), (1, 1), (1, 1), "valid")
    x, W = np.ones((1, 700, 700, 1), "float32"), np.ones((1, 1, 1, 2), "float32")
    dz = np.full((1, 700, 700, 2), 0.1, "float32")
    _, _, db, _ = in_shares(2, x, W, np.zeros(2, "float32"), dz, windows)
    np.testing.assert_allclose(db, 49_000, rtol=1e-5)
