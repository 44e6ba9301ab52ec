"""Layers around layers and functions: TimeDistributed and Lambda; masks in older layers."""

import json

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers

X = np.random.default_rng(0).normal(size=(4, 5, 3))
MASK = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [1, 1, 1, 0, 0]], bool)


def by_steps(layer, x, **options):
    return np.stack([layer(x[:, t], **options) for t in range(x.shape[1])], axis=1)


@pytest.mark.parametrize(
    "inner",
    [
        layers.Dense(2, "tanh", dtype="float64"),
        layers.LayerNormalization(dtype="float64"),
        Sequential([Input((3,), dtype="float64"), layers.Dense(2, dtype="float64")]),
    ],
    ids=["dense", "normalization", "model"],
)
def test_every_step_goes_through_the_same_layer(inner):
    layer = layers.TimeDistributed(inner, dtype="float64")
    np.testing.assert_allclose(layer(X), by_steps(inner, X), rtol=1e-12)
    assert layers.TimeDistributed(layers.Dense(2, dtype="float64")).dtype == "float64"
    assert layer.weights == inner.weights
    assert layer.compute_output_shape((None, None, 3))[:2] == (None, None)


def test_images_in_a_sequence():
    layer = layers.TimeDistributed(layers.Conv2D(2, 3))
    assert layer(np.zeros((2, 4, 6, 5, 1))).shape == (2, 4, 4, 3, 2)
    assert layer(Input((None, 6, 5, 1))).shape == (None, None, 4, 3, 2)


def test_moving_statistics_see_one_step_after_the_other():
    inner, twin = (layers.BatchNormalization(dtype="float64") for _ in range(2))
    y = layers.TimeDistributed(inner)(X, training=True)
    np.testing.assert_allclose(y, by_steps(twin, X, training=True), rtol=1e-12)
    for a, b in zip(inner.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_layer_that_takes_a_mask_gets_that_of_its_step():
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 2))
    mask = np.array([[[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0]]] * 2, bool)
    inner = layers.GlobalAveragePooling1D(dtype="float64")
    y = layers.TimeDistributed(inner)(x, mask=mask)
    for t in range(3):
        np.testing.assert_allclose(y[:, t], inner(x[:, t], mask=mask[:, t]), rtol=1e-12)


def test_time_distributed_passes_the_mask_on():
    ids = Input((5,), dtype="int32")
    h = layers.TimeDistributed(layers.Dense(2))(layers.Embedding(9, 3, mask_zero=True)(ids))
    model = Model(ids, [h, layers.GlobalAveragePooling1D()(h)])
    values, mean = model(np.where(MASK, 4, 0))
    expected = (values * MASK[..., np.newaxis]).sum(1) / MASK.sum(1, keepdims=True)
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)


def test_time_distributed_is_trained_and_written_down():
    inner = layers.Dense(1, name="inside")
    model = Sequential([Input((5, 3)), layers.TimeDistributed(inner, name="wrapper")])
    model.compile(minidl.optimizers.SGD(0.1), "mse")
    y = X.sum(axis=-1, keepdims=True)
    history = model.fit(X, y, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.05 * history[0]
    again = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    assert again.layers[0].layer.name == "inside"
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_layer_of_ones_own_within_time_distributed_is_read_back():
    class Double(layers.Layer):
        def forward(self, x, training=False):
            return 2 * x, None

        def backward(self, residuals, dy):
            return 2 * dy

    config = layers.TimeDistributed(Double()).get_config()
    with pytest.raises(ValueError, match="Unknown layer 'Double'"):
        layers.TimeDistributed.from_config(config)
    layer = layers.TimeDistributed.from_config(config, custom_objects={"Double": Double})
    np.testing.assert_array_equal(layer(X), 2 * X)


def test_what_time_distributed_refuses():
    with pytest.raises(ValueError, match="expected a layer such as"):
        layers.TimeDistributed(np.tanh)
    with pytest.raises(ValueError, match="at least 3 axes"):
        layers.TimeDistributed(layers.Dense(2))(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"mask of shape \(4, 3\)"):
        layers.TimeDistributed(layers.Dense(2))(X, mask=MASK[:, :3])
    x = Input((3,))
    two = Model(x, [layers.Dense(1)(x), layers.Dense(2)(x)], name="two")
    with pytest.raises(ValueError, match=r"wraps 'two' .Model., which has 2 outputs"):
        layers.TimeDistributed(two)(X)


def double(x, factor=2.0):
    return x * factor


def double_backward(x, dy, factor=2.0):
    return dy * factor


def test_a_lambda_computes_with_any_function():
    np.testing.assert_array_equal(layers.Lambda(np.abs)(X), np.abs(X))
    np.testing.assert_array_equal(layers.Lambda(double, arguments={"factor": 3.0})(X), 3 * X)
    assert layers.Lambda(lambda x: x[:, -1])(Input((5, 3))).shape == (None, 3)
    assert layers.Lambda(lambda x: x[:, -1], output_shape=(3,))(Input((5, 3))).shape == (None, 3)
    shape = layers.Lambda(lambda x: x.sum(-1), output_shape=lambda s: s[:-1])(Input((5, 3))).shape
    assert shape == (None, 5)
    total = layers.Lambda(lambda xs: xs[0] + xs[1])
    np.testing.assert_array_equal(total([X, X]), 2 * X)


def test_a_lambda_gets_the_mode_and_the_mask_if_it_asks():
    layer = layers.Lambda(lambda x, training: x * 2 if training else x)
    np.testing.assert_array_equal(layer(X, training=True), 2 * X)
    np.testing.assert_array_equal(layer(X), X)
    masked = layers.Lambda(lambda x, mask: x * mask[..., np.newaxis])
    np.testing.assert_array_equal(masked(X, mask=MASK), X * MASK[..., np.newaxis])


def test_a_lambda_with_a_mask_of_its_own():
    source = Input((5, 3))
    h = layers.Lambda(double, mask=lambda inputs, mask: inputs[..., 0] > 0)(source)
    model = Model(source, layers.GlobalAveragePooling1D()(h))
    kept = X[..., 0] > 0
    expected = (2 * X * kept[..., np.newaxis]).sum(1) / np.maximum(kept.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-7)


def test_a_lambda_is_trained_through_with_and_without_its_derivative():
    def compiled(derivative, trainable=True):
        front = layers.Dense(2, trainable=trainable)
        function = layers.Lambda(double, backward=derivative, name="f")
        model = Sequential([Input((3,)), front, function, layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    x, y = X[:, 0], np.ones((4, 1))
    model = compiled(double_backward)
    before = model.layers[0].kernel.numpy()
    model.fit(x, y, verbose=0)
    assert (model.layers[0].kernel.value != before).any()
    model = compiled(None)  # autodiff finds it
    before = model.layers[0].kernel.numpy()
    model.fit(x, y, verbose=0)
    assert (model.layers[0].kernel.value != before).any()
    assert compiled(None).predict(x, verbose=0).shape == (4, 1)


def test_a_lambda_is_written_down_by_name_and_never_as_code():
    layer = layers.Lambda(double, arguments={"factor": 3.0}, backward=double_backward)
    config = json.loads(json.dumps(layer.get_config()))
    known = {"double": double, "double_backward": double_backward}
    again = layers.Lambda.from_config(config, known)
    np.testing.assert_array_equal(again(X), 3 * X)
    assert again.get_config() == config
    with pytest.raises(ValueError, match=r"names the function 'double'.*custom_objects"):
        layers.Lambda.from_config(config)
    with pytest.raises(ValueError, match="cannot be written down"):
        layers.Lambda(lambda x: x).get_config()
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
    with pytest.raises(ValueError, match="as code, which is never run"):
        layers.Lambda.from_config({"function": code})
    model = Sequential([Input((5, 3)), layers.Lambda(double)])
    again = Sequential.from_config(model.get_config(), custom_objects={"double": double})
    np.testing.assert_array_equal(again(X), model(X))


def test_what_a_lambda_refuses():
    with pytest.raises(TypeError, match="function='relu', expected a function"):
        layers.Lambda("relu")
    with pytest.raises(TypeError, match="backward=3, expected a function"):
        layers.Lambda(double, backward=3)


def test_masked_softmax():
    kept = np.array([True, False, True])
    y = layers.Softmax()(X, mask=kept)
    np.testing.assert_allclose(y[..., kept], layers.Softmax()(X[..., kept]), rtol=1e-6)
    np.testing.assert_array_equal(y[..., 1], 0)
    np.testing.assert_array_equal(layers.Softmax()(X, mask=np.zeros(3)), 0 * X)
    wild = X.copy()
    wild[..., 1] = np.nan
    np.testing.assert_array_equal(layers.Softmax()(wild, mask=kept), y)
    with pytest.raises(ValueError, match=r"mask of shape \(4, 5\) for an input of shape \(4, 5, 3"):
        layers.Softmax()(X, mask=MASK)


def test_a_model_that_ends_in_a_masked_softmax_is_not_trained_on_bare_logits():
    def compiled(masked):
        x, mask = Input((5, 3)), Input((5, 1), dtype="bool")
        y = layers.Softmax()(x, mask=mask) if masked else layers.Softmax()(x)
        model = Model([x, mask] if masked else x, y)
        model.compile("sgd", "categorical_crossentropy")
        return model

    assert compiled(False)._objective.heads[0].logits_loss is not None
    model = compiled(True)
    assert model._objective.heads[0].logits_loss is None
    y = np.eye(3)[np.argmax(X, axis=-1)]
    p = layers.Softmax()(X)[MASK].max(axis=-1)
    loss = model.evaluate([X, MASK[..., np.newaxis]], y, verbose=0)
    assert loss == pytest.approx(-np.log(p).mean(), rel=1e-5)


def test_masked_steps_make_no_statistics():
    layer = layers.BatchNormalization(momentum=0.0, dtype="float64", epsilon=1e-9)
    wild = np.where(MASK[..., np.newaxis], X, 1e6)
    y = layer(wild, training=True, mask=MASK)
    np.testing.assert_allclose(layer.moving_mean.value, X[MASK].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.value, X[MASK].var(axis=0), rtol=1e-6)
    np.testing.assert_allclose(y[MASK].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y[MASK].std(axis=0), 1, rtol=1e-6)
    with pytest.raises(ValueError, match=r"mask of shape \(4,\)"):
        layer(X, training=True, mask=MASK[:, 0])
