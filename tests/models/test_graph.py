"""The graph engine: order, sharing, nesting, several inputs and outputs, and its gradients."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.models.plan import Plan


class Square(layers.Layer):
    """y = x², so that a gradient depends on where it is taken."""

    def forward(self, x, training=False):
        return x * x, x

    def backward(self, x, dy):
        return 2 * x * dy


def numeric_gradients(model, xs, cotangents, h=1e-6):
    """Central differences of Σ cotangent·output, for every parameter and every input."""

    def total():
        ys = model(xs if len(xs) > 1 else xs[0])
        ys = ys if isinstance(ys, list) else [ys]
        return sum(float((c * y).sum()) for c, y in zip(cotangents, ys, strict=True))

    def differences(array):
        result = np.zeros_like(array)
        for i in np.ndindex(array.shape):
            kept = array[i]
            array[i] = kept + h
            up = total()
            array[i] = kept - h
            down = total()
            array[i] = kept
            result[i] = (up - down) / (2 * h)
        return result

    return [differences(p.value) for p in model.weights], [differences(x) for x in xs]


def assert_gradients_match(model, xs, rng):
    xs = [np.asarray(x, dtype="float64") for x in xs]
    y, residuals = model.forward(xs if len(xs) > 1 else xs[0], training=False)
    ys = y if isinstance(y, list) else [y]
    cotangents = [rng.normal(size=a.shape) for a in ys]
    for p in model.weights:
        p.grad[...] = 1e9  # a gradient must be assigned, whatever was there
    dx = model.backward(residuals, cotangents if len(cotangents) > 1 else cotangents[0])
    dxs = dx if isinstance(dx, list) else [dx]
    d_parameters, d_inputs = numeric_gradients(model, xs, cotangents)
    for parameter, expected in zip(model.weights, d_parameters, strict=True):
        np.testing.assert_allclose(parameter.grad, expected, atol=1e-7, err_msg=parameter.path)
    for given, expected in zip(dxs, d_inputs, strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-7)


def dense(units, **options):
    return layers.Dense(units, dtype="float64", **options)


def test_a_layer_used_twice_gets_the_sum_of_both_gradients(rng):
    x = Input((3,), dtype="float64")
    shared = dense(3, activation="tanh")
    model = Model(x, shared(shared(x)))
    assert len(model.weights) == 2
    assert_gradients_match(model, [rng.normal(size=(4, 3))], rng)


def test_a_tensor_used_twice_gets_the_sum_of_both_gradients(rng):
    x = Input((3,), dtype="float64")
    h = dense(3, activation="tanh")(x)
    model = Model(x, layers.Add()([h, Square()(h), h]))
    assert_gradients_match(model, [rng.normal(size=(4, 3))], rng)


def test_two_inputs_a_shared_layer_and_two_outputs(rng):
    a, b = Input((3,), dtype="float64"), Input((3,), dtype="float64")
    shared = dense(4, activation="sigmoid")
    ha, hb = shared(a), shared(b)
    model = Model([a, b], [dense(2)(layers.Concatenate()([ha, hb])), layers.Multiply()([ha, hb])])
    assert_gradients_match(model, [rng.normal(size=(5, 3)), rng.normal(size=(5, 3))], rng)


def test_a_nested_model_used_twice(rng):
    inner = Sequential([Input((3,), dtype="float64"), dense(3, activation="tanh"), dense(3)])
    a, b = Input((3,), dtype="float64"), Input((3,), dtype="float64")
    model = Model([a, b], layers.Multiply()([inner(a), Square()(inner(b))]))
    assert_gradients_match(model, [rng.normal(size=(2, 3)), rng.normal(size=(2, 3))], rng)


def test_a_layer_shared_between_a_model_and_one_nested_in_it(rng):
    shared = dense(3, activation="tanh")
    x = Input((3,), dtype="float64")
    inner = Model(x, Square()(shared(x)))
    z = Input((3,), dtype="float64")
    model = Model(z, inner(shared(z)))
    assert_gradients_match(model, [rng.normal(size=(2, 3))], rng)


def test_an_output_that_is_also_used_inside(rng):
    x = Input((2,), dtype="float64")
    h = dense(3, activation="tanh")(x)
    model = Model(x, [h, dense(2)(h)])
    assert_gradients_match(model, [rng.normal(size=(3, 2))], rng)


def test_an_input_that_is_an_output_and_an_intermediate_tensor_as_input(rng):
    x = Input((3,), dtype="float64")
    h = dense(3)(x)
    y = dense(2)(h)
    tail = Model(h, y)
    values = rng.normal(size=(4, 3))
    whole = Model(x, [h, y])
    hidden, out = whole(values)
    np.testing.assert_array_equal(tail(hidden), out)
    same = Model(x, x)
    np.testing.assert_array_equal(same(values), values)


def test_gradients_of_an_output_without_cotangent_are_zero(rng):
    x = Input((3,), dtype="float64")
    first, second = dense(2), dense(2)
    model = Model(x, [first(x), second(x)])
    plan = Plan(model.graph)
    second.kernel.grad[...] = 7.0
    (y, _), tape = plan.forward([rng.normal(size=(4, 3))], training=True)
    plan.backward(tape, [np.ones_like(y), None])
    assert not second.kernel.grad.any()
    assert first.kernel.grad.any()


def test_no_input_gradient_is_computed_where_nothing_upstream_is_trained():
    calls = []

    class Watched(layers.Dense):
        def backward(self, residuals, dy, need_dx=True):
            calls.append((self.name, need_dx))
            return super().backward(residuals, dy, need_dx=need_dx)

    x = Input((3,))
    frozen = Watched(3, name="frozen")
    model = Model(x, Watched(1, name="last")(Watched(2, name="first")(frozen(x))))
    frozen.trainable = False
    model.compile(optimizer="sgd", loss="mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert calls == [("last", True), ("first", False)]


def test_ten_thousand_layers_are_no_recursion_error():
    x = Input((1,))
    y = x
    for _ in range(2000):
        y = layers.Identity()(y)
    assert Model(x, y)(np.ones((1, 1))).shape == (1, 1)


def test_a_forgotten_input_is_named():
    a, b = Input((2,), name="left"), Input((2,), name="right")
    with pytest.raises(ValueError, match=r"'right', which is not among"):
        Model(a, layers.Add()([a, b]))


def test_layers_come_in_keras_order():
    """By depth from the outputs, deepest first; the figures are Keras 3.15's."""
    a, b = Input((2,), name="a"), Input((2,), name="b")
    short = layers.Dense(2, name="short")(b)
    long = layers.Dense(2, name="long2")(layers.Dense(2, name="long1")(a))
    for order, names in (
        ([short, long], ["a", "b", "long1", "short", "long2", "sum"]),
        ([long, short], ["a", "long1", "b", "long2", "short", "sum"]),
    ):
        model = Model([a, b], layers.Add(name="sum")(order))
        assert [layer.name for layer in model.layers] == names


def test_symbolic_tensors_refuse_to_be_numbers():
    x = Input((2,))
    with pytest.raises(TypeError, match="no numbers yet"):
        np.exp(x)
    with pytest.raises(TypeError, match="no numbers yet"):
        bool(x)
    with pytest.raises(TypeError, match="no numbers yet"):
        list(x)
    with pytest.raises(TypeError, match="mix of symbolic"):
        layers.Add()([x, np.ones((1, 2))])


def test_feature_extraction_from_the_middle_of_a_model(rng):
    model = Sequential([Input((3,)), layers.Dense(4, name="hidden"), layers.Dense(1)])
    features = Model(model.input, model.get_layer("hidden").output)
    assert features(rng.normal(size=(2, 3))).shape == (2, 4)


def test_frozen_training_flag_reaches_nested_layers(rng):
    inner = Sequential([Input((3,)), layers.Dropout(0.5)])
    x = Input((3,))
    off = Model(x, inner(x, training=False))
    values = rng.normal(size=(8, 3)).astype("float32")
    np.testing.assert_array_equal(off(values, training=True), values)


def test_wrong_input_gradient_shape_of_a_custom_layer_is_named():
    class Wrong(layers.Layer):
        def forward(self, x, training=False):
            return x, None

        def backward(self, residuals, dy):
            return dy.sum(axis=0)

    model = Sequential([Input((3,)), layers.Dense(3), Wrong(name="mine"), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match=r"'mine'.*shape \(3,\), expected \(4, 3\)"):
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)


def test_forward_without_residuals_is_named():
    class Wrong(layers.Layer):
        def forward(self, x, training=False):
            return x

        def compute_output_shape(self, input_shape):
            return input_shape

    model = Sequential([Input((3,)), Wrong(name="mine")])
    with pytest.raises(TypeError, match=r"'mine'.*expected the pair \(y, residuals\)"):
        model.predict(np.ones((4, 3)), verbose=0)


def test_same_layer_in_two_models_trains_in_both():
    """As a GAN does: a shared layer, two optimizers, updates in turn."""
    shared = layers.Dense(3, name="shared")
    x = Input((2,))
    first = Model(x, layers.Dense(1)(shared(x)))
    second = Model(x, layers.Dense(1)(shared(x)))
    first.compile(optimizer=minidl.optimizers.SGD(0.1), loss="mse")
    second.compile(optimizer=minidl.optimizers.Adam(0.1), loss="mse")
    data, target = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    for model in (first, second, first, second):
        before = shared.kernel.numpy()
        model.train_on_batch(data, target)
        assert not np.array_equal(before, shared.kernel.value)
        np.testing.assert_allclose(
            first.predict(data, verbose=0),
            first.layers[-1](shared(data)),
            rtol=1e-6,
        )


def test_build_runs_once_whoever_calls_it():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.built
    kernel = layer.kernel
    layer.build((None, 3))
    layer(np.ones((1, 3)))
    assert layer.kernel is kernel
    assert len(layer.weights) == 2


def test_a_subclass_that_extends_build():
    class Wider(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.extra = self.add_weight((2,), name="extra")

    layer = Wider(4)
    layer(np.ones((1, 3)))
    assert [w.name for w in layer.weights] == ["kernel", "bias", "extra"]


def test_float64_data_gives_float32_from_the_first_call_on():
    layer = layers.Dense(2)
    assert [layer(np.ones((1, 3))).dtype for _ in range(2)] == [np.float32, np.float32]
    assert layers.ReLU()(np.ones((1, 3))).dtype == np.float64


def test_arithmetic_on_symbolic_tensors(rng):
    a, b = Input((3,), dtype="float64"), Input((3,), dtype="float64")
    model = Model([a, b], (2.0 * a - b) * (b + 1.0) + (1.0 - a) / 4.0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    expected = (2 * x - y) * (y + 1) + (1 - x) / 4
    np.testing.assert_allclose(model([x, y]), expected, rtol=1e-12)
    with pytest.raises(TypeError, match="take tensors and numbers"):
        a / b
    with pytest.raises(TypeError, match="take tensors and numbers"):
        a + "text"
