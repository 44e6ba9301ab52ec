"""Upsampling, padding, cropping: values by hand, the ways to write margins, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import Input, layers
from minidl.layers.spatial.interpolation import INTERPOLATIONS, KERNELS, resizing

SIZES = [(1, 1), (1, 4), (4, 4), (3, 7), (7, 3), (8, 2), (5, 1), (6, 9)]


@pytest.mark.parametrize(("length", "new_length"), SIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("antialias", [False, True])
def test_adjoint(length, new_length, interpolation, antialias):
    """⟨dy, M x⟩ = ⟨Mᵀ dy, x⟩: what backward rests on."""
    step = resizing(length, new_length, interpolation, "float64", antialias)
    rng = np.random.default_rng(0)
    for axis, shape in enumerate([(length, 2), (2, length, 3), (3, 2, length)]):
        x = rng.normal(size=shape)
        y = step.apply(x, axis)
        dy = rng.normal(size=y.shape)
        assert y.shape == (*shape[:axis], new_length, *shape[axis + 1 :])
        np.testing.assert_allclose(np.vdot(dy, y), np.vdot(step.adjoint(dy, axis), x), rtol=1e-12)


@pytest.mark.parametrize(("length", "new_length"), SIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_an_even_surface_stays_even(length, new_length, interpolation):
    y = resizing(length, new_length, interpolation, "float64").apply(np.full(length, 3.0), 0)
    np.testing.assert_allclose(y, 3)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_same_size_is_the_same_image(interpolation):
    x = np.random.default_rng(0).normal(size=(2, 6))
    y = resizing(6, 6, interpolation, "float64").apply(x, 1)
    np.testing.assert_allclose(y, x, atol=1e-14)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_slope_stays_a_slope_away_from_the_borders(interpolation):
    y = resizing(8, 24, interpolation, "float64").apply(np.arange(8.0), 0)
    expected = (np.arange(24) + 0.5) / 3 - 0.5
    np.testing.assert_allclose(y[6:-6], expected[6:-6], atol=1e-12)


def test_antialiasing_sees_all_that_it_covers():
    x = np.zeros(12)
    x[5] = 1
    plain, smooth = (resizing(12, 3, "bilinear", "float64", a).apply(x, 0) for a in (False, True))
    assert 0.2 < smooth.max() < 0.4
    assert plain.max() in (0.0, 0.5)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_one_at_zero_and_vanish_at_the_other_whole_numbers(name):
    values = KERNELS[name](np.arange(7.0))
    np.testing.assert_allclose(values, [1, 0, 0, 0, 0, 0, 0], atol=1e-15)


def test_values_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    y = layers.UpSampling2D((1, 2))(x)[0, :, :, 0]
    np.testing.assert_array_equal(y, [[1, 1, 2, 2], [3, 3, 4, 4]])
    y = layers.UpSampling2D((1, 2), interpolation="bilinear")(x)[0, :, :, 0]
    np.testing.assert_allclose(y, [[1, 1.25, 1.75, 2], [3, 3.25, 3.75, 4]])
    y = layers.ZeroPadding2D(((0, 1), (1, 0)))(x)[0, :, :, 0]
    np.testing.assert_array_equal(y, [[0, 1, 2], [0, 3, 4], [0, 0, 0]])
    y = layers.Cropping2D(((0, 1), (1, 0)))(x)[0, :, :, 0]
    np.testing.assert_array_equal(y, [[2]])


def test_upsampling_backward_sums_over_copies():
    layer = layers.UpSampling1D(3)
    _, residuals = layer.forward(np.zeros((1, 2, 1)))
    dy = np.array([1.0, 2, 3, 10, 20, 30]).reshape(1, 6, 1)
    np.testing.assert_array_equal(layer.backward(residuals, dy).ravel(), [6, 60])


def test_margins_may_be_written_in_three_ways():
    assert layers.ZeroPadding1D(2).padding == (2, 2)
    assert layers.ZeroPadding1D([2, 1]).padding == (2, 1)
    assert layers.Cropping2D(1).cropping == ((1, 1), (1, 1))
    assert layers.Cropping2D((1, 2)).cropping == ((1, 1), (2, 2))
    assert layers.ZeroPadding2D((0, (2, 3))).padding == ((0, 0), (2, 3))
    assert layers.ZeroPadding3D((1, (2, 3), 0)).padding == ((1, 1), (2, 3), (0, 0))
    config = layers.Cropping2D(1).get_config()
    assert config["cropping"] == [[1, 1], [1, 1]]
    assert layers.Cropping2D.from_config(config).cropping == ((1, 1), (1, 1))


def test_sizes_that_are_not_known_stay_unknown():
    assert layers.UpSampling2D(2)(Input((None, 5, 3))).shape == (None, None, 10, 3)
    assert layers.ZeroPadding2D(1)(Input((None, 5, 3))).shape == (None, None, 7, 3)
    assert layers.Cropping2D(1)(Input((None, 5, 3))).shape == (None, None, 3, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.UpSampling1D(0, name="u"), "u: received size=0, expected a positive int"),
        (
            lambda: layers.UpSampling2D((2, 2, 2), name="u"),
            r"u: received size=\(2, 2, 2\).*tuple of 2",
        ),
        (lambda: layers.UpSampling2D(1.5, name="u"), "u: received size=1.5"),
        (
            lambda: layers.UpSampling2D(interpolation="linear", name="u"),
            "u: received interpolation='linear'. Did you mean 'bilinear'?",
        ),
        (lambda: layers.UpSampling2D(interpolation=3, name="u"), "received interpolation=3"),
        (lambda: layers.UpSampling3D(data_format="first", name="u"), "u: received data_format"),
        (lambda: layers.ZeroPadding1D(-1, name="z"), r"z: received padding=-1, expected an int"),
        (lambda: layers.ZeroPadding1D((1, 2, 3), name="z"), r"z: .*or a pair \(before, after\)"),
        (lambda: layers.ZeroPadding2D((1, 2, 3), name="z"), r"z: .*2 integers, or 2 pairs"),
        (lambda: layers.ZeroPadding2D(((1, -2), 0), name="z"), "none of them negative"),
        (lambda: layers.ZeroPadding2D(((1, 2, 3), 0), name="z"), r"2 pairs \(before, after\)"),
        (lambda: layers.ZeroPadding3D("same", name="z"), "z: received padding='same'"),
        (lambda: layers.Cropping2D(1.0, name="c"), r"c: received cropping=1.0"),
        (lambda: layers.Cropping2D(True, name="c"), r"c: received cropping=True"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", ["UpSampling", "ZeroPadding", "Cropping"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_another_rank_is_refused(kind, rank):
    layer = getattr(layers, f"{kind}{rank}D")(name="p")
    with pytest.raises(ValueError, match=rf"'p'.*expected {rank + 2} axes.*got {rank + 1}"):
        layer(np.zeros((4,) * (rank + 1)))


def test_cropping_more_than_there_is_is_refused():
    layer = layers.Cropping2D(((1, 2), (0, 1)), name="c")
    message = (
        r"'c' \(Cropping2D\).*\(None, 3, 9, 1\).*cropping=\(\(1, 2\), \(0, 1\)\) leaves nothing"
    )
    with pytest.raises(ValueError, match=message):
        layer(Input((3, 9, 1)))
    assert layer(np.zeros((2, 4, 2, 1))).shape == (2, 1, 1, 1)
    with pytest.raises(ValueError, match="leaves nothing"):
        layer(np.zeros((2, 4, 1, 1)))
