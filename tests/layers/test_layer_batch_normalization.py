from __future__ import annotations

import numpy as np
import pytest

from minidl.layers import BatchNormalization, Input

RNG = np.random.default_rng(0)


def test_training_standardises_each_channel():
    x = RNG.normal(5.0, 3.0, (200, 4))
    y = BatchNormalization(epsilon=1e-12, dtype="float64")(x, training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-9)


def test_moving_statistics_follow_the_batches_by_the_biased_variance():
    layer = BatchNormalization(momentum=0.9, dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        x = RNG.normal(2.0, 3.0, (8, 3))
        layer(x, training=True)
        mean = 0.9 * mean + 0.1 * x.mean(axis=0)
        variance = 0.9 * variance + 0.1 * x.var(axis=0)
    np.testing.assert_allclose(layer.moving_mean.value, mean)
    np.testing.assert_allclose(layer.moving_variance.value, variance)


def test_inference_uses_the_moving_statistics_and_writes_nothing():
    layer = BatchNormalization(dtype="float64")
    layer.ensure_built((None, 2))
    layer.set_weights([[2.0, 3.0], [10.0, 20.0], [1.0, 2.0], [4.0, 9.0]])
    before = layer.get_weights()
    y = layer(np.array([[3.0, 5.0]]))
    expected = [[10 + 2 * 2 / np.sqrt(4.001), 20 + 3 * 3 / np.sqrt(9.001)]]
    np.testing.assert_allclose(y, expected)
    np.testing.assert_array_equal(before, layer.get_weights())


def test_a_frozen_layer_is_in_inference_even_in_training():
    layer = BatchNormalization(dtype="float64")
    x = RNG.normal(3.0, 2.0, (8, 3))
    layer(x, training=True)
    layer.trainable = False
    before = layer.get_weights()
    y, residuals = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, layer(x))
    np.testing.assert_array_equal(before, layer.get_weights())
    r = 1 / np.sqrt(layer.moving_variance.value + 1e-3)
    np.testing.assert_allclose(layer.backward(residuals, np.ones_like(y)), np.tile(r, (8, 1)))


def test_training_backward_sees_through_the_statistics():
    layer = BatchNormalization(dtype="float64")
    y, residuals = layer.forward(layer(RNG.normal(size=(8, 3))), training=True)
    # Neither a shift of all of a channel's numbers nor (but for epsilon) a factor changes y.
    dx = layer.backward(residuals, RNG.normal(size=y.shape))
    np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-12)


def test_residuals_outlive_later_updates_of_the_statistics():
    layer = BatchNormalization(dtype="float64")
    x, dy = RNG.normal(size=(2, 8, 3))
    layer(x)
    _, residuals = layer.forward(x)
    expected = layer.backward(residuals, dy), layer.gamma.grad.copy()
    _, residuals = layer.forward(x)
    layer(100 * x, training=True)
    np.testing.assert_array_equal(layer.backward(residuals, dy), expected[0])
    np.testing.assert_array_equal(layer.gamma.grad, expected[1])


def test_many_rows_cost_no_digits():
    x = RNG.random((1_000_000, 2), dtype="float32") + 10
    layer = BatchNormalization(momentum=0.0)
    y = layer(x, training=True)
    exact = x.astype("float64")
    np.testing.assert_allclose(layer.moving_mean.value, exact.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.value, exact.var(axis=0), rtol=1e-4)
    assert abs(y.mean(axis=0, dtype="float64")).max() < 1e-3


def test_weights_are_those_of_keras():
    layer = BatchNormalization(name="bn")
    layer.ensure_built((None, 3))
    names = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.path for w in layer.weights] == [f"bn/{n}" for n in names]
    assert [w.path for w in layer.trainable_weights] == ["bn/gamma", "bn/beta"]
    assert [w.value.tolist() for w in layer.weights] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]
    layer = BatchNormalization(axis=1, center=False, scale=False)
    layer.ensure_built((None, 5, 2))
    assert [w.shape for w in layer.weights] == [(5,), (5,)]
    assert layer.trainable_weights == []
    assert layer.gamma is None
    assert layer.beta is None


def test_constant_channels_and_single_rows_stay_finite():
    y, residuals = (layer := BatchNormalization()).forward(layer(np.full((4, 2), 7.0)), True)
    np.testing.assert_array_equal(y, 0)
    assert np.isfinite(layer.backward(residuals, np.ones_like(y))).all()
    np.testing.assert_array_equal(BatchNormalization()(np.ones((1, 3)), training=True), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNormalization(axis=[1]), r"axis=\[1\].*an integer"),
        (lambda: BatchNormalization(axis=None), "axis=None"),
        (lambda: BatchNormalization(momentum=1.1), "momentum=1.1"),
        (lambda: BatchNormalization(epsilon=0), "epsilon=0.*above 0"),
        (lambda: BatchNormalization(renorm=True), "renorm=True.*not support"),
        (lambda: BatchNormalization(renorm_clipping={"rmax": 1}), "renorm_clipping"),
        (lambda: BatchNormalization(synchronized=True), "synchronized=True"),
        (lambda: BatchNormalization(gamma_initializer="onez"), "ones"),
        (lambda: BatchNormalization(axis=2)(np.ones((3, 4))), r"axis=2.*\(3, 4\).*-2 to 1"),
        (lambda: BatchNormalization()(Input((3, None))), r"known sizes.*\[2\]"),
        (lambda: BatchNormalization()(np.ones((0, 3)), training=True), "empty batch"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_another_number_of_channels_is_refused():
    layer = BatchNormalization()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected size 3 on axis 1, and got 4"):
        layer(np.ones((2, 4)))
