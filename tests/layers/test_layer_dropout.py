from __future__ import annotations

import threading

import numpy as np
import pytest

from minidl import random
from minidl.layers import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)

RANDOM = [Dropout, AlphaDropout, GaussianDropout, GaussianNoise]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_share_and_scale(rate, dtype):
    x = np.full((400, 500), 3.0, dtype)
    y = Dropout(rate, seed=1)(x, training=True)
    dropped = y == 0
    assert abs(dropped.mean() - rate) < 0.005
    np.testing.assert_allclose(y[~dropped], 3 / (1 - rate), rtol=np.finfo(dtype).eps * 4)
    # Neither rows nor columns nor neighbours go together.
    assert abs(dropped.mean(axis=0) - rate).max() < 0.12
    assert abs(np.corrcoef(dropped[:, :-1].ravel(), dropped[:, 1:].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("cls", RANDOM)
def test_inference_returns_the_input_and_draws_nothing(cls):
    layer = cls(0.5, seed=3)
    x = np.ones((3, 4), "float32")
    state = layer.seed_generator.get_state()
    y, residuals = layer.forward(x)
    assert y is x
    dy = np.ones_like(x)
    assert layer.backward(residuals, dy) is dy
    assert layer.seed_generator.get_state() == state


@pytest.mark.parametrize("cls", RANDOM)
def test_rate_zero_is_the_identity(cls):
    layer = cls(0.0)
    x = np.ones((3, 4), "float32")
    assert layer(x, training=True) is x


@pytest.mark.parametrize("cls", RANDOM)
def test_the_same_seed_gives_the_same_bytes(cls):
    x = np.random.default_rng(0).normal(size=(5, 6))
    first, second = cls(0.5, seed=4), cls(0.5, seed=4)
    a = [first(x, training=True) for _ in range(3)]
    b = [second(x, training=True) for _ in range(3)]
    np.testing.assert_array_equal(a, b)
    assert (a[0] != a[1]).any()
    assert (cls(0.5, seed=5)(x, training=True) != a[0]).any()


@pytest.mark.parametrize("cls", RANDOM)
def test_without_a_seed_the_root_seed_decides(cls):
    x = np.ones((20, 20))

    def draws():
        random.set_root_seed(9)
        return cls(0.5)(x, training=True), cls(0.5)(x, training=True)

    a, b = draws(), draws()
    np.testing.assert_array_equal(a, b)
    assert (a[0] != a[1]).any()


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    Dropout(0.5)(np.ones((3, 4)), training=True)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_interrupted_stream_goes_on():
    layer = Dropout(0.5, seed=1)
    x = np.ones((10, 10))
    layer(x, training=True)
    state = layer.seed_generator.get_state()
    expected = layer(x, training=True)
    later = Dropout(0.5, seed=99)
    later.seed_generator.set_state(state)
    np.testing.assert_array_equal(later(x, training=True), expected)


def test_noise_shape_shares_draws():
    y = Dropout(0.5, noise_shape=(None, 1, 8), seed=1)(np.ones((4, 5, 8)), training=True)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0, 2}
    assert (y[0] != y[1]).any()


@pytest.mark.parametrize(
    ("layer", "shape", "shared"),
    [
        (SpatialDropout1D(0.5, seed=1), (6, 5, 8), (1,)),
        (SpatialDropout2D(0.5, seed=1), (6, 3, 4, 8), (1, 2)),
        (SpatialDropout2D(0.5, "channels_first", seed=1), (6, 8, 3, 4), (2, 3)),
        (SpatialDropout3D(0.5, seed=1), (6, 3, 4, 2, 8), (1, 2, 3)),
        (SpatialDropout3D(0.5, "channels_first", seed=1), (6, 8, 3, 4, 2), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, shared):
    y = layer(np.ones(shape), training=True)
    assert (y.min(axis=shared) == y.max(axis=shared)).all()
    assert 0.2 < (y == 0).mean() < 0.8


def test_alpha_dropout_keeps_mean_and_variance_and_its_two_values():
    x = np.random.default_rng(0).normal(size=(500, 400))
    y = AlphaDropout(0.3, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.01
    assert abs(y.std() - 1) < 0.01
    limit = -1.7580993408473766
    a = (0.7 * (1 + 0.3 * limit**2)) ** -0.5
    b = -a * limit * 0.3
    dropped = np.isclose(y, a * limit + b)
    assert abs(dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[~dropped], a * x[~dropped] + b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussian_moments(dtype):
    x = np.full((500, 400), 2.0, dtype)
    noisy = GaussianNoise(0.3, seed=1)(x, training=True)
    assert abs(noisy.mean() - 2) < 0.01
    assert abs(noisy.std() - 0.3) < 0.01
    scaled = GaussianDropout(0.2, seed=1)(x, training=True)
    assert abs(scaled.mean() - 2) < 0.01
    assert abs(scaled.std() - 2 * np.sqrt(0.2 / 0.8)) < 0.01


def test_threads_share_a_layer_at_inference():
    layer = Dropout(0.5)
    x = np.ones((50, 50))
    same = []

    def run():
        same.extend(layer(x) is x for _ in range(100))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(same) == 400
    assert all(same)


@pytest.mark.parametrize("cls", [Dropout, AlphaDropout, GaussianDropout, SpatialDropout1D])
@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "half", None, True])
def test_rate_is_checked(cls, rate):
    with pytest.raises(ValueError, match=r"rate=.*at least 0 and below 1"):
        cls(rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(0.5, seed=-1), "seed=-1"),
        (lambda: Dropout(0.5, seed="a"), "seed='a'"),
        (lambda: Dropout(0.5, noise_shape="ab"), "noise_shape='ab'"),
        (lambda: Dropout(0.5, noise_shape=(0, 1)), r"noise_shape=\(0, 1\)"),
        (lambda: Dropout(0.5, noise_shape=3), "noise_shape=3"),
        (lambda: Dropout(0.5, noise_shape=(1, 4))(np.ones((2, 3, 4))), "expected 2 axes.*got 3"),
        (lambda: Dropout(0.5, noise_shape=(1, 4))(np.ones((2, 3))), "size 4 on axis 1.*got 3"),
        (lambda: GaussianNoise(-1), "stddev=-1"),
        (lambda: SpatialDropout1D(0.5)(np.ones((2, 3))), "expected 3 axes"),
        (lambda: SpatialDropout2D(0.5, "first"), "data_format='first'"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
