"""What a model says when it is given something it cannot use, and that nothing is lost by it."""

import numpy as np
import pandas as pd
import pytest

import minidl
from minidl import Input, Model, Sequential, callbacks, layers, losses, optimizers
from minidl.autodiff import NotDifferentiableError
from minidl.models import NonFiniteError


@pytest.fixture
def model():
    model = Sequential([Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)], name="net")
    model.compile(optimizer="sgd", loss="mse")
    return model


@pytest.fixture
def classifier():
    model = Sequential([Input((3,)), layers.Dense(4, activation="softmax")], name="classes")
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    return model


X = np.ones((8, 3), dtype="float32")
Y = np.ones((8, 1), dtype="float32")


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X, Y[:5], ValueError, r"x has 8, y has 5"),
        (X[:, :2], Y, ValueError, r"'net'.*shape \(8, 2\), expected \(batch, 3\)"),
        (X[None], Y, ValueError, r"shape \(1, 8, 3\), expected \(batch, 3\)"),
        (X, np.ones((8, 4)), ValueError, r"\(8, 4\).*\(8, 1\)"),
        (X, np.ones((8, 1, 2)), ValueError, r"\(8, 1, 2\)"),
        (X, None, ValueError, r"no targets for its output"),
        (None, None, ValueError, r"x is None"),
        (np.ones((0, 3)), np.ones((0, 1)), ValueError, r"empty"),
        ([[1, 2, 3], [4, 5]], Y[:2], ValueError, r"rows differ in length"),
        (np.full((8, 3), "a"), Y, TypeError, r"x of dtype <U1.*expected numbers"),
        (
            pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "y"]}),
            Y[:2],
            TypeError,
            r"\[0, 2\]: 'x'",
        ),
        (np.ones((8, 3), complex), Y, TypeError, r"complex128"),
        (3.0, Y, ValueError, r"expected an array with a batch axis"),
        (object(), None, TypeError, r"received object as x"),
    ],
)
def test_data_that_does_not_fit(model, x, y, error, message):
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(x, y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_nan_and_infinity_in_inputs_are_named_with_their_row(model, method, bad):
    x = X.copy()
    x[5, 1] = bad
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"x with {bad} in row 5, position \[1\]"):
        getattr(model, method)(x, Y)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_nan_in_targets_in_predict_and_in_a_generator(model):
    y = Y.copy()
    y[2] = np.nan
    with pytest.raises(ValueError, match="y with nan in row 2"):
        model.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match="x with nan in row 0"):
        model.predict(X * np.nan, verbose=0)
    with pytest.raises(ValueError, match=r"Batch 1 of the data.*x with nan in row 0"):
        model.fit(iter([(X, Y), (X * np.nan, Y)]), verbose=0)


def test_the_search_for_nan_can_be_switched_off(model):
    minidl.config.set_check_finite(False)
    try:
        assert np.isnan(model.predict(X * np.nan, verbose=0)).any()
    finally:
        minidl.config.set_check_finite(True)


def test_labels_out_of_range(classifier):
    with pytest.raises(ValueError, match=r"4") as caught:
        classifier.fit(X, np.array([0, 1, 2, 3, 4, 0, 1, 2]), verbose=0)
    assert "row" in str(caught.value) or "sample" in str(caught.value)
    with pytest.raises(ValueError, match=r"-1"):
        classifier.fit(X, np.array([0, 1, 2, 3, -1, 0, 1, 2]), verbose=0)


def test_labels_that_are_no_integers(classifier):
    with pytest.raises(ValueError, match=r"0\.5"):
        classifier.fit(X, np.full(8, 0.5), verbose=0)


def test_integer_labels_for_a_one_hot_loss(classifier):
    classifier.compile(loss="categorical_crossentropy")
    with pytest.raises(ValueError, match=r"sparse_categorical_crossentropy|to_categorical"):
        classifier.fit(X, np.arange(8) % 4, verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": -1}, "epochs=-1"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": -4}, "batch_size=-4"),
        ({"initial_epoch": -1}, "initial_epoch=-1"),
        ({"validation_split": 1.0}, "validation_split=1.0"),
        ({"validation_split": -0.1}, "validation_split=-0.1"),
        ({"validation_split": 0.99999}, "would be empty"),
        ({"validation_data": (X,)}, "tuple of 1"),
        ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq=0"),
        ({"verbose": 7}, "verbose=7"),
        ({"sample_weight": np.ones(5)}, "sample_weight has 5"),
    ],
)
def test_bad_options_of_fit(model, options, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **{"verbose": 0, **options})


def test_arguments_that_a_generator_brings_itself(model):
    stream = iter([(X, Y)])
    with pytest.raises(ValueError, match="y beside a list_iterator"):
        model.fit(stream, Y, verbose=0)
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(iter([(X, Y)]), validation_split=0.5, verbose=0)
    with pytest.raises(ValueError, match="tuple of 4 parts"):
        model.fit(iter([(X, Y, None, None)]), verbose=0)


def test_a_generator_that_raises_leaves_model_and_history_usable(model):
    def broken():
        for i in range(100):
            if i == 3:
                raise OSError("the disk is gone")
            yield X, Y

    with pytest.raises(OSError, match="disk is gone"):
        model.fit(broken(), steps_per_epoch=2, epochs=5, verbose=0)
    assert len(model.history.history["loss"]) == 1
    model.fit(X, Y, verbose=0)


def test_interrupted_training_leaves_model_and_history(model):
    def stop(step, logs):
        if model.optimizer.iterations == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(
            X, Y, batch_size=2, epochs=3, verbose=0,
            callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop)],
        )  # fmt: skip
    assert len(model.history.history["loss"]) == 1
    assert np.isfinite(model.evaluate(X, Y, verbose=0))


# Before compile, before build


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_compile_missing(method):
    model = Sequential([Input((3,)), layers.Dense(1)])
    with pytest.raises(RuntimeError, match=rf"{method}\(\) was called before compile"):
        getattr(model, method)(X, Y)


def test_training_without_a_loss():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile(optimizer="sgd")
    with pytest.raises(ValueError, match="without a loss"):
        model.fit(X, Y, verbose=0)


def test_unknown_names_have_the_nearest_one():
    model = Sequential([Input((3,)), layers.Dense(1)])
    for options, nearest in (
        ({"optimizer": "adem"}, "adam"),
        ({"loss": "mean_squared_eror"}, "mean_squared_error"),
        ({"loss": "binary_crossentropi"}, "binary_crossentropy"),
    ):
        with pytest.raises(ValueError, match=f"Did you mean '{nearest}'"):
            model.compile(**options)
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        layers.Dense(3, activation="rellu")
    with pytest.raises(ValueError, match="Did you mean 'he_normal'"):
        layers.Dense(3, kernel_initializer="he_norml")
    with pytest.raises(ValueError, match="Did you mean 'mean_absolute_error'"):
        model.compile(loss="mse", metrics=["mean_absolut_error"])


def test_unknown_names_are_found_before_the_model_is_built():
    model = Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match="Did you mean"):
        model.compile(loss="mean_squared_eror")


def test_a_layer_used_before_build():
    layer = layers.Dense(3, name="early")
    with pytest.raises(AttributeError, match=r"'early' is not built yet"):
        layer.forward(X)
    with pytest.raises(ValueError, match=r"'early' is not built yet"):
        layer.count_params()
    with pytest.raises(ValueError, match="not built yet"):
        layer.set_weights([X])


def test_a_layer_that_forgot_super_init():
    class Forgetful(layers.Layer):
        def __init__(self):
            self.units = 3

    with pytest.raises(AttributeError, match=r"super\(\).__init__"):
        Forgetful()(X)


def test_a_layer_without_a_derivative_predicts_but_does_not_train():
    class Order(layers.Layer):
        def call(self, inputs):
            return np.fft.fft(inputs).real.astype(inputs.dtype)

    model = Sequential([Input((3,)), layers.Dense(3), Order(), layers.Dense(1)])
    assert model.predict(X, verbose=0).shape == (8, 1)
    model.compile(optimizer="sgd", loss="mse")
    with pytest.raises(NotDifferentiableError, match=r"(?s)np\.fft\.fft.*test_bad_input\.py"):
        model.fit(X, Y, verbose=0)


# Structure


def test_building_a_sequential_wrongly():
    with pytest.raises(TypeError, match="add parentheses"):
        Sequential([layers.Dense])
    with pytest.raises(TypeError, match="expected a layer"):
        Sequential([3])
    model = Sequential([layers.Dense(3, name="a")])
    with pytest.raises(ValueError, match="already has a layer named 'a'"):
        model.add(layers.Dense(3, name="a"))
    with pytest.raises(ValueError, match="an Input must come first"):
        model.add(Input((3,)))
    with pytest.raises(ValueError, match="no layers to pop"):
        Sequential().pop()
    with pytest.raises(ValueError, match="no layers"):
        Sequential().build((None, 3))


def test_a_layer_that_does_not_fit_is_not_kept():
    model = Sequential([Input((3,)), layers.Dense(2)])
    built = layers.Dense(2)
    built.build((None, 5))
    with pytest.raises(ValueError, match=r"expected size 5 on axis -1, and got 2"):
        model.add(built)
    assert len(model.layers) == 1
    assert model.predict(X, verbose=0).shape == (8, 2)


def test_model_arguments():
    x = Input((3,))
    with pytest.raises(TypeError, match="only one of inputs and outputs"):
        Model(x)
    with pytest.raises(TypeError, match="ndarray among the model's outputs"):
        Model(x, X)
    with pytest.raises(TypeError, match="unexpected arguments"):
        layers.Dense(3, colour="red")
    with pytest.raises(ValueError, match="name="):
        layers.Dense(3, name="a/b")
    for units in (0, -3, 2.5, True, "8"):
        with pytest.raises(ValueError, match="units="):
            layers.Dense(units)
    with pytest.raises(ValueError, match="known last axis"):
        layers.Dense(3)(Input((None,)))


def test_multi_input_mistakes():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile(optimizer="sgd", loss="mse")
    xa, xb = np.ones((4, 2)), np.ones((4, 3))
    with pytest.raises(ValueError, match="received 3 arrays, expected 2"):
        model.predict([xa, xb, xb], verbose=0)
    with pytest.raises(ValueError, match=r"lacks \['b'\]"):
        model.predict({"a": xa}, verbose=0)
    with pytest.raises(ValueError, match=r"input 'b'.*\(4, 2\)"):
        model.predict([xa, xa], verbose=0)
    with pytest.raises(ValueError, match="x\\['a'\\] has 4, x\\['b'\\] has 3"):
        model.predict([xa, xb[:3]], verbose=0)


def test_get_layer_mistakes(model):
    with pytest.raises(ValueError, match="no layer 'dens'"):
        model.get_layer("dens")
    with pytest.raises(ValueError, match="none at index 9"):
        model.get_layer(index=9)
    with pytest.raises(ValueError, match="either a name or an index"):
        model.get_layer()


def test_set_weights_with_wrong_shapes_changes_nothing(model):
    weights = model.get_weights()
    wrong = [w + 1 for w in weights[:-1]] + [np.ones(7)]
    with pytest.raises(ValueError, match="expected 4 of shapes"):
        model.set_weights(wrong)
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])


# Losses that stop being numbers


class Log(layers.Layer):
    """log x: −inf at zero, NaN below."""

    def forward(self, x, training=False):
        with np.errstate(all="ignore"):
            return np.log(x), x

    def backward(self, x, dy):
        return dy / x

    def compute_output_shape(self, input_shape):
        return input_shape


def log_model():
    model = Sequential([Input((1,)), Log(name="logarithm"), layers.Dense(1, name="last")])
    model.compile(optimizer=optimizers.SGD(0.01), loss="mse")
    return model


def test_nan_loss_names_layer_and_batch_and_keeps_the_weights():
    model = log_model()
    x = np.ones((6, 1), dtype="float32")
    x[4] = -1.0
    kept = []
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda *_: kept.append(model.get_weights()))
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteError, match=r"Epoch 1, batch 2: .*'logarithm' is the first"),
    ):
        model.fit(x, np.zeros((6, 1)), batch_size=2, shuffle=False, verbose=0, callbacks=[hook])
    assert len(kept) == 2
    for a, b in zip(kept[-1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(b).all()


def test_a_nan_loss_does_not_spoil_moving_statistics():
    model = Sequential(
        [Input((1,)), Log(name="logarithm"), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile(optimizer="sgd", loss="mse")
    model.fit(np.array([[1.0], [2.0]]), np.zeros((2, 1)), verbose=0)
    before = model.get_weights()
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="'logarithm' is the first"):
        model.fit(np.array([[1.0], [-1.0]]), np.zeros((2, 1)), verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_terminate_on_nan_stops_without_an_error():
    model = log_model()
    x = np.array([[1.0], [-1.0], [1.0]], dtype="float32")
    with np.errstate(all="ignore"):
        history = model.fit(
            x, np.zeros((3, 1)), batch_size=1, shuffle=False, epochs=5, verbose=0,
            callbacks=[callbacks.TerminateOnNaN()],
        )  # fmt: skip
    assert model.stop_training
    assert len(history.epoch) <= 1
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_an_overflown_parameter_is_named():
    model = Sequential([Input((3,)), layers.Dense(1, name="big")])
    model.compile(optimizer=optimizers.SGD(1e38), loss="mse")
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="learning rate"):
        model.fit(X * 100, Y, epochs=5, verbose=0)


def test_a_loss_of_the_wrong_kind():
    model = Sequential([Input((3,)), layers.Dense(1)])
    with pytest.raises(TypeError, match="loss"):
        model.compile(loss=3)
    with pytest.raises(ValueError, match="2 entries in loss"):
        model.compile(loss=["mse", "mae"])
    with pytest.raises(ValueError, match="outputs are"):
        model.compile(loss={"nowhere": "mse"})
    model.compile(loss=losses.MeanSquaredError())
