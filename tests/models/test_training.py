"""fit, evaluate, predict and their inputs: the numbers, the callbacks, the weights."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers, optimizers, utils
from tests.models.toys import linear_model, regression


def test_fit_finds_a_line(rng):
    x, y = regression(rng)
    model = linear_model()
    history = model.fit(x, y, epochs=50, batch_size=16, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [1, 2, 3], atol=1e-3)
    assert history.history["loss"][-1] < 1e-4 < history.history["loss"][0]
    assert history.epoch == list(range(50))


def test_one_step_of_sgd_by_hand(rng):
    x, y = regression(rng, samples=8)
    model = linear_model()
    w, b = model.get_weights()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    error = x @ w + b - y
    np.testing.assert_allclose(model.get_weights()[0], w - 0.1 * 2 * x.T @ error / 8, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], b - 0.1 * 2 * error.mean(axis=0), rtol=1e-5)


def test_the_same_seed_gives_the_same_bytes(rng):
    x, y = regression(rng)

    def run():
        utils.set_random_seed(5)
        model = Sequential(
            [Input((3,)), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1)]
        )
        model.compile(optimizer="adam", loss="mse")
        model.fit(x, y, epochs=3, batch_size=7, verbose=0)
        return b"".join(w.tobytes() for w in model.get_weights())

    assert run() == run()


def test_global_numpy_random_state_is_left_alone(rng):
    x, y = regression(rng)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    utils.set_random_seed(5)
    linear_model().fit(x, y, verbose=0)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_the_last_smaller_batch_counts_by_its_size(rng):
    x, y = regression(rng, samples=10)
    model = linear_model(metrics=["mae"])
    loss, mae = model.evaluate(x, y, batch_size=4, verbose=0)
    predicted = model.predict(x, verbose=0)
    assert loss == pytest.approx(float(np.mean((predicted - y) ** 2)), rel=1e-5)
    assert mae == pytest.approx(float(np.mean(np.abs(predicted - y))), rel=1e-5)


def test_evaluate_returns_number_list_or_dict(rng):
    x, y = regression(rng)
    assert isinstance(linear_model().evaluate(x, y, verbose=0), float)
    model = linear_model(metrics=["mae"])
    assert len(model.evaluate(x, y, verbose=0)) == 2
    assert list(model.evaluate(x, y, verbose=0, return_dict=True)) == ["loss", "mae"]


def test_predict_is_the_same_whatever_the_batch_size(rng):
    x, _ = regression(rng, samples=10)
    model = linear_model()
    whole = model.predict(x, batch_size=10, verbose=0)
    assert whole.dtype == np.float32
    for batch_size in (1, 3, 32):
        np.testing.assert_allclose(
            model.predict(x, batch_size=batch_size, verbose=0), whole, atol=1e-6
        )
    np.testing.assert_allclose(model.predict_on_batch(x), whole, rtol=1e-6)


def test_float64_and_integers_are_cast_a_batch_at_a_time(rng):
    x, y = regression(rng)
    model = linear_model()
    model.fit(x.astype("float64"), y.astype("float64"), verbose=0)
    model.fit(np.arange(6, dtype="uint8").reshape(2, 3), np.ones((2, 1), "int32"), verbose=0)
    assert {w.dtype for w in model.get_weights()} == {np.dtype("float32")}


def test_training_in_float64(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,), dtype="float64"), layers.Dense(1, dtype="float64")])
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, verbose=0)
    assert model.predict(x, verbose=0).dtype == np.float64
    assert model.optimizer.iterations == 2


def test_late_building_on_first_data(rng):
    x, y = regression(rng)
    model = Sequential([layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    assert not model.built
    model.fit(x, y, verbose=0)
    assert model.built
    assert model.input_shape == (None, 3)


def test_input_shape_on_the_first_layer():
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    assert model.output_shape == (None, 2)
    assert Sequential([layers.Dense(4, input_dim=5)]).input_shape == (None, 5)


def test_batch_normalization_moves_its_statistics_in_fit_only(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.BatchNormalization(), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    before = model.layers[0].get_weights()
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[2], before[2])
    model.fit(x, y, verbose=0)
    assert not np.array_equal(model.layers[0].get_weights()[2], before[2])
    assert len(model.trainable_weights) == 4
    assert len(model.non_trainable_weights) == 2


def test_custom_layer_with_the_pair_trains(rng):
    class Scale(layers.Layer):
        def __init__(self, start=1.0, **kwargs):
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape):
            self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")

        def forward(self, x, training=False):
            return x * self.scale.value, x

        def backward(self, x, dy):
            self.scale.grad = (x * dy).sum(axis=0)
            return dy * self.scale.value

    x, _ = regression(rng)
    y = x * np.array([1.0, -2.0, 3.0], dtype="float32")
    model = Sequential([Input((3,)), Scale(name="scale")])
    model.compile(optimizer=optimizers.SGD(0.5), loss="mse")
    model.fit(x, y, epochs=60, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [1, -2, 3], atol=1e-3)
    assert model.get_layer("scale").get_config()["start"] == 1.0


def test_custom_loss_with_its_own_backward_trains(rng):
    class Quartic(minidl.Loss):
        def call(self, y_true, y_pred):
            return ((y_pred - y_true) ** 4).mean(axis=-1)

        def backward(self, y_true, y_pred, sample_weight=None):
            return 4 * (y_pred - y_true) ** 3 / y_pred.size

    x, y = regression(rng)
    model = linear_model(loss=Quartic(), optimizer=optimizers.Adam(0.1))
    history = model.fit(x, y, epochs=80, verbose=0)
    assert history.history["loss"][-1] < 1e-2 * history.history["loss"][0]


def test_subclassed_model_with_forward_and_backward(rng):
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(8, activation="tanh"), layers.Dense(1)]

        def build(self, input_shape):
            for block in self.blocks:
                block.ensure_built(input_shape)
                input_shape = block.compute_output_shape(input_shape)

        def forward(self, x, training=False):
            tape = []
            for block in self.blocks:
                x, residuals = block.forward(x, training)
                tape.append(residuals)
            return x, tape

        def backward(self, tape, dy):
            for block, residuals in zip(reversed(self.blocks), reversed(tape), strict=True):
                dy = block.backward(residuals, dy)
            return dy

    x, y = regression(rng)
    model = Net()
    model.compile(optimizer=optimizers.Adam(0.05), loss="mse", metrics=["mae"])
    history = model.fit(x, y, epochs=30, verbose=0, validation_data=(x, y))
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    assert len(model.weights) == 4
    assert model.predict(x, verbose=0).shape == (64, 1)


def test_a_metric_with_and_without_weights_keeps_both_names(rng):
    x, y = regression(rng, samples=4)
    model = linear_model(metrics=["mae"], weighted_metrics=["mae"])
    logs = model.evaluate(x, y, sample_weight=np.zeros(4), verbose=0, return_dict=True)
    assert logs["mae"] > 0 == logs["weighted_mae"]


def test_the_averaged_weights_are_the_model_after_fit():
    """Five steps of SGD on (w − 1)², averaged with ρ = 0.9; the figure is Keras 3.15's."""
    one = np.ones((4, 1), "float32")
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
    model.fit(one, one, epochs=5, verbose=0)
    assert model.get_weights()[0].item() == pytest.approx(0.31736, abs=1e-5)


def test_single_batches_give_their_own_loss(rng):
    x, y = regression(rng)
    model = linear_model()
    model.train_on_batch(x[:10], y[:10])
    expected = float(np.mean((model.predict(x[10:20], verbose=0) - y[10:20]) ** 2))
    assert model.train_on_batch(x[10:20], y[10:20]) == pytest.approx(expected, rel=1e-5)


def test_a_forward_without_residuals_is_found_in_a_direct_call():
    class Forgetful(layers.Layer):
        def forward(self, x, training=False):
            return 2 * x

    with pytest.raises(TypeError, match=r"expected the pair \(y, residuals\)"):
        Forgetful()(np.ones((2, 3)))


def test_a_stream_without_targets_says_so(rng):
    x, _ = regression(rng)
    with pytest.raises(ValueError, match="batch without targets"):
        linear_model().fit(iter([(x,)]), verbose=0)
