"""fit, evaluate, predict and their inputs: the numbers, the callbacks, the weights."""

import numpy as np
import pandas as pd
import pytest

import minidl
from minidl import Input, Model, Sequential, callbacks, layers, losses, metrics, optimizers, utils
from minidl.models.batches import ArrayBatches


def linear_model(units=1, features=3, **compile_options):
    model = Sequential([Input((features,)), layers.Dense(units)])
    options = {"optimizer": optimizers.SGD(0.1), "loss": "mse", **compile_options}
    model.compile(**options)
    return model


def regression(rng, samples=64, features=3):
    x = rng.normal(size=(samples, features)).astype("float32")
    return x, (x @ np.arange(1, features + 1, dtype="float32"))[:, None]


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


# What fit takes


def test_pandas_frames_train(rng):
    x, y = regression(rng)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    model = linear_model()
    model.fit(frame, pd.Series(y[:, 0]), epochs=20, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [1, 2, 3], atol=0.2)


def test_a_generator_with_steps_per_epoch(rng):
    x, y = regression(rng)

    def forever():
        while True:
            yield x[:16], y[:16]

    history = linear_model().fit(forever(), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 3


def test_a_generator_that_ends_early_warns_and_keeps_what_was_learned(rng):
    x, y = regression(rng)
    model = linear_model()
    with pytest.warns(UserWarning, match="ran out after 2 batches"):
        history = model.fit(((x, y) for _ in range(6)), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 2


def test_a_re_iterable_is_run_through_every_epoch(rng):
    x, y = regression(rng)

    class Stream:
        rounds = 0

        def __iter__(self):
            Stream.rounds += 1
            yield x[:32], y[:32]
            yield x[32:], y[32:]

    linear_model().fit(Stream(), epochs=3, verbose=0)
    assert Stream.rounds == 3


def test_a_list_of_batches_is_a_stream(rng):
    x, y = regression(rng)
    model = linear_model()
    model.fit([(x[:32], y[:32]), (x[32:], y[32:])], epochs=2, verbose=0)
    assert model.optimizer.iterations == 4


def test_py_dataset(rng):
    x, y = regression(rng)
    seen = []

    class Data(utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            seen.append(index)
            return x[index * 16 : (index + 1) * 16], y[index * 16 : (index + 1) * 16]

        def on_epoch_end(self):
            seen.append("end")

    model = linear_model()
    model.fit(Data(), epochs=2, validation_data=Data(), verbose=0)
    assert seen.count("end") == 4
    assert sorted(i for i in seen[:4] if i != "end") == [0, 1, 2, 3]
    assert model.predict(Data(), verbose=0).shape == (64, 1)


def test_memory_mapped_arrays_are_not_copied_whole(rng, tmp_path):
    x, y = regression(rng, samples=100)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = linear_model()
    taken = []
    cast = model._inputs.cast
    model._inputs.cast = lambda i, a: taken.append(len(a)) or cast(i, a)
    model.fit(mapped, y, batch_size=10, epochs=5, verbose=0)
    assert max(taken) == 10
    np.testing.assert_allclose(model.predict(mapped, verbose=0), model.predict(x, verbose=0))


def test_dicts_and_lists_for_several_inputs_and_outputs(rng):
    a, b = Input((2,), name="a"), Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    model = Model(
        {"a": a, "b": b},
        {"p": layers.Dense(1)(joined), "q": layers.Dense(2, activation="softmax")(joined)},
    )
    model.compile(
        optimizer="sgd",
        loss={"p": "mse", "q": "sparse_categorical_crossentropy"},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"q": ["accuracy"], "p": "mae"},
    )
    x = {"b": rng.normal(size=(8, 3)), "a": rng.normal(size=(8, 2))}
    y = {"p": rng.normal(size=(8, 1)), "q": rng.integers(0, 2, size=8)}
    history = model.fit(x, y, verbose=0, validation_data=(x, y))
    assert set(history.history) >= {"loss", "p_loss", "q_loss", "q_accuracy", "p_mae", "val_q_loss"}
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(0.5 * logs["p_loss"] + 2 * logs["q_loss"], rel=1e-5)
    out = model.predict(x, verbose=0)
    assert out["p"].shape == (8, 1)
    assert out["q"].shape == (8, 2)


def test_two_outputs_train_as_the_sum_of_their_losses(rng):
    x = rng.normal(size=(8, 3)).astype("float32")
    y1, y2 = rng.normal(size=(8, 1)), rng.normal(size=(8, 2))
    entry = Input((3,))
    hidden = layers.Dense(4, activation="tanh")(entry)
    first, second = layers.Dense(1, name="one")(hidden), layers.Dense(2, name="two")(hidden)
    model = Model(entry, [first, second])
    model.compile(optimizer=optimizers.SGD(1.0), loss=["mse", "mae"], loss_weights=[1.0, 0.25])
    before = model.get_weights()
    model.train_on_batch(x, [y1, y2])
    after = model.get_weights()

    def total(weights):
        model.set_weights(weights)
        p1, p2 = model.predict(x, verbose=0)
        return np.mean((p1 - y1) ** 2) + 0.25 * np.mean(np.abs(p2 - y2))

    step = [a - b for a, b in zip(before, after, strict=True)]
    slope = sum(float((s * s).sum()) for s in step)
    h = 1e-3
    moved = [b - h * s for b, s in zip(before, step, strict=True)]
    assert (total(before) - total(moved)) / h == pytest.approx(slope, rel=2e-2)


def test_steps_with_arrays(rng):
    x, y = regression(rng, samples=10)
    seen = []
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: seen.append(step))
    model = linear_model()
    model.fit(x, y, batch_size=2, steps_per_epoch=3, epochs=3, callbacks=[hook], verbose=0)
    assert seen == [0, 1, 2] * 3
    assert model.optimizer.iterations == 9
    assert model.predict(x, batch_size=4, steps=2, verbose=0).shape == (8, 1)
    assert model.evaluate(x, y, batch_size=4, steps=1, verbose=0) == pytest.approx(
        model.evaluate(x[:4], y[:4], verbose=0), rel=1e-6
    )


def test_a_partial_epoch_goes_on_where_the_last_one_ended():
    x = np.arange(6, dtype="float32")[:, None]
    batches = ArrayBatches([x], None, None, 2, lambda i, a: a, lambda i, a: a, steps=2)
    taken = [[b.x[0][:, 0].tolist() for b in batches.epoch()] for _ in range(3)]
    assert taken == [[[0, 1], [2, 3]], [[4, 5], [0, 1]], [[2, 3], [4, 5]]]


# Weights of samples and classes


def test_sample_weight_zero_leaves_samples_out(rng):
    x, y = regression(rng, samples=8)
    weight = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype="float32")
    model = linear_model(loss=losses.MeanSquaredError(reduction="sum"))
    other = linear_model(loss=losses.MeanSquaredError(reduction="sum"))
    other.set_weights(model.get_weights())
    model.fit(x, y, sample_weight=weight, batch_size=8, verbose=0)
    other.fit(x[:4], y[:4], batch_size=4, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_class_weight_is_a_sample_weight_by_class(rng):
    x = rng.normal(size=(12, 3)).astype("float32")
    y = np.array([0, 1, 2] * 4)
    weight = {0: 1.0, 1: 2.0, 2: 0.5}
    results = []
    for options in (
        {"class_weight": weight},
        {"sample_weight": np.array([weight[c] for c in y])},
    ):
        utils.set_random_seed(1)
        model = Sequential([Input((3,)), layers.Dense(3, activation="softmax")])
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
        model.fit(x, y, verbose=0, shuffle=False, **options)
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_weighted_metrics_see_the_weights_and_plain_ones_do_not(rng):
    x, y = regression(rng, samples=4)
    model = linear_model(metrics=["mae"], weighted_metrics=[metrics.MeanAbsoluteError(name="wmae")])
    weight = np.array([1.0, 0.0, 0.0, 3.0])
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    error = np.abs(model.predict(x, verbose=0) - y)[:, 0]
    assert logs["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert logs["wmae"] == pytest.approx((error * weight).sum() / 4, rel=1e-5)


# Logits


@pytest.mark.parametrize("nested", [False, True])
def test_softmax_and_crossentropy_are_one_stable_step(nested):
    """Logits of ±1000 would give log(0) after a softmax in float32; the gradient is p − y."""
    last = layers.Dense(3, activation="softmax", use_bias=False)
    model = Sequential([Input((3,)), last])
    if nested:
        entry = Input((3,))
        model = Model(entry, model(entry))
    last.kernel.assign(np.diag([1000.0, -1000.0, 0.0]))
    model.compile(optimizer=optimizers.SGD(1.0), loss="categorical_crossentropy")
    x = np.eye(3, dtype="float32")[:1]
    y = np.array([[0.0, 1.0, 0.0]], dtype="float32")
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(1000.0)  # z₀ − z₁ = 1000 − 0
    np.testing.assert_allclose(last.kernel.value[0], [999.0, 1.0, 0.0])
    assert last.activation.serialized_name() == "softmax"
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(), 1.0)


@pytest.mark.parametrize(
    ("tail", "loss", "y"),
    [
        (
            lambda: [layers.Dense(3, activation="softmax")],
            "sparse_categorical_crossentropy",
            [0, 2, 1, 1],
        ),
        (
            lambda: [layers.Dense(3), layers.Softmax()],
            "sparse_categorical_crossentropy",
            [0, 2, 1, 1],
        ),
        (lambda: [layers.Dense(3), layers.Activation("softmax")], "categorical_crossentropy", None),
        (
            lambda: [layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            [[0], [1], [1], [0]],
        ),
    ],
)
def test_training_on_logits_changes_no_result(rng, tail, loss, y):
    """The fused step against the plain one, which a subclass of the layer is too strange for."""
    x = rng.normal(size=(4, 2))
    y = np.eye(3)[[0, 2, 1, 1]] if y is None else np.array(y)
    entry = Input((2,), dtype="float64")
    h = entry
    for layer in tail():
        layer.dtype = "float64"
        h = layer(h)
    fused = Model(entry, h)
    plain = Model(entry, [h, layers.Identity()(h)])  # a second use forbids the logits
    fused.compile(optimizer=optimizers.SGD(0.5), loss=loss, metrics=["accuracy"])
    plain.compile(optimizer=optimizers.SGD(0.5), loss=[None, loss], metrics=[[], ["accuracy"]])
    assert fused._objective.heads[0].logits_loss is not None
    assert plain._objective.heads[1].logits_loss is None
    start = fused.get_weights()
    first = fused.train_on_batch(x, y, return_dict=True)
    after = fused.get_weights()
    fused.set_weights(start)
    second = plain.train_on_batch(x, [None, y], return_dict=True)
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-6)
    for a, b in zip(after, plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_mismatch_of_logits_and_probabilities_warns():
    softmax = Sequential([Input((2,)), layers.Dense(3, activation="softmax")])
    with pytest.warns(UserWarning, match="applied twice"):
        softmax.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    linear = Sequential([Input((2,)), layers.Dense(3)])
    with pytest.warns(UserWarning, match="expects probabilities"):
        linear.compile(loss="sparse_categorical_crossentropy")


# Freezing, regularizers, constraints


def test_frozen_layers_stay_and_thaw(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(1, name="b")])
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, verbose=0)
    frozen = model.get_layer("a")
    frozen.trainable = False
    kept = frozen.get_weights()
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(kept, frozen.get_weights(), strict=True))
    frozen.trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(kept[0], frozen.get_weights()[0])
    assert len(model.trainable_weights) == 4


def test_a_layer_frozen_at_first_learns_when_thawed(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(1)])
    model.get_layer("a").trainable = False
    model.compile(optimizer="sgd", loss="mse")
    model.predict(x, verbose=0)
    start = model.get_layer("a").get_weights()
    for thaw in (False, True):
        model.get_layer("a").trainable = thaw
        model.train_on_batch(x, y)
        model.evaluate(x, y, verbose=0)
        model.fit(x, y, verbose=0)
        assert np.array_equal(start[0], model.get_layer("a").get_weights()[0]) is not thaw


def test_regularizers_count_in_loss_and_gradient(rng):
    x, y = regression(rng, samples=8)
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(1, kernel_regularizer=minidl.regularizers.L2(0.3), use_bias=False),
        ]
    )
    model.compile(optimizer=optimizers.SGD(0.1), loss="mse")
    w = model.get_weights()[0]
    error = x @ w - y
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(np.mean(error**2) + 0.3 * np.sum(w**2), rel=1e-5)
    expected = w - 0.1 * (2 * x.T @ error / 8 + 0.6 * w)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


def test_activity_regularizer_counts_in_loss_and_gradient(rng):
    x, y = regression(rng, samples=8)
    model = Sequential([Input((3,)), layers.Dense(1, activity_regularizer="l2", use_bias=False)])
    model.compile(optimizer=optimizers.SGD(0.1), loss="mse")
    w = model.get_weights()[0]
    out = x @ w
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(np.mean((out - y) ** 2) + 0.01 * np.sum(out**2) / 8, rel=1e-5)
    expected = w - 0.1 * (2 * x.T @ (out - y) / 8 + 0.02 * x.T @ out / 8)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


def test_constraints_hold_after_every_update(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(1, kernel_constraint="non_neg")])
    model.compile(optimizer=optimizers.SGD(0.5), loss="mse")
    model.fit(x, -y, epochs=2, verbose=0)
    assert (model.get_weights()[0] >= 0).all()


# Callbacks and epochs


def test_callbacks_are_called_in_keras_order(rng):
    x, y = regression(rng, samples=4)
    calls = []

    def recorder(name):
        return lambda self, *arguments, **keywords: calls.append(name)

    names = [n for n in dir(callbacks.Callback) if n.startswith("on_") and "batch" not in n]
    watching = type("Recorder", (callbacks.Callback,), {name: recorder(name) for name in names})
    linear_model().fit(x, y, validation_data=(x, y), callbacks=[watching()], verbose=0)
    assert calls == [
        "on_train_begin",
        "on_epoch_begin",
        "on_test_begin",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]


def test_batch_hooks_get_the_running_means(rng):
    x, y = regression(rng, samples=6)
    seen = []
    hook = callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: seen.append((step, dict(logs)))
    )
    linear_model(metrics=["mae"]).fit(x, y, batch_size=2, callbacks=[hook], verbose=0)
    assert [step for step, _ in seen] == [0, 1, 2]
    assert set(seen[0][1]) == {"loss", "mae"}


def test_a_callback_list_of_ones_own_gets_a_history(rng):
    x, y = regression(rng)
    run = callbacks.CallbackList([callbacks.EarlyStopping("loss")], verbose=0)
    assert linear_model().fit(x, y, epochs=2, callbacks=run).epoch == [0, 1]


def test_early_stopping_restores_the_best_weights(rng):
    x, y = regression(rng)
    best = []
    stop = callbacks.EarlyStopping(
        monitor="loss", patience=1, restore_best_weights=True, mode="max"
    )
    model = linear_model()
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: best.append(model.get_weights()) if epoch == 0 else None
    )
    history = model.fit(x, y, epochs=10, callbacks=[keep, stop], verbose=0)
    assert len(history.epoch) == 2
    np.testing.assert_array_equal(model.get_weights()[0], best[0][0])


def test_validation_split_takes_the_tail(rng):
    x, y = regression(rng, samples=10)
    y[8:] = 1e3
    history = linear_model(optimizer=optimizers.SGD(1e-9)).fit(
        x, y, validation_split=0.2, verbose=0
    )
    assert history.history["val_loss"][0] > 1e5 > history.history["loss"][0]


def test_validation_freq_and_initial_epoch(rng):
    x, y = regression(rng)
    history = linear_model().fit(
        x, y, epochs=6, initial_epoch=2, validation_data=(x, y), validation_freq=2, verbose=0
    )
    assert history.epoch == [2, 3, 4, 5]
    assert len(history.history["val_loss"]) == 2


def test_shuffle_visits_every_sample_once_an_epoch():
    x = np.arange(10, dtype="float32")[:, None]
    seen = []

    class Spy(layers.Layer):
        def forward(self, x, training=False):
            if training:
                seen.append(x[:, 0].tolist())
            return x, None

        def backward(self, residuals, dy):
            return dy

        def compute_output_shape(self, input_shape):
            return input_shape

    model = Sequential([Input((1,)), Spy(), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    model.fit(x / 10, x / 10, batch_size=4, epochs=2, verbose=0)
    flat = np.round(np.concatenate(seen) * 10).astype(int).tolist()
    assert sorted(flat[:10]) == sorted(flat[10:]) == list(range(10))
    assert flat[:10] != flat[10:]
    seen.clear()
    model.fit(x / 10, x / 10, batch_size=4, shuffle=False, verbose=0)
    assert np.round(np.concatenate(seen) * 10).astype(int).tolist() == list(range(10))


def test_nothing_of_a_batch_stays_after_fit(rng):
    """No activation survives: what the model holds after training is parameters and slots."""
    import gc
    import weakref

    x, y = regression(rng, samples=8)
    alive = []

    class Tracked(np.ndarray):
        pass

    class Spy(layers.Layer):
        def forward(self, x, training=False):
            y = np.array(x).view(Tracked)
            alive.append(weakref.ref(y))
            return y, y

        def backward(self, residuals, dy):
            return dy

        def compute_output_shape(self, input_shape):
            return input_shape

    model = Sequential([Input((3,)), layers.Dense(3), Spy(), layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    gc.collect()
    assert alive
    assert not any(reference() is not None for reference in alive)


def test_predict_from_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    utils.set_random_seed(0)
    model = Sequential(
        [
            Input((16,)),
            layers.Dense(32, "relu"),
            layers.BatchNormalization(),
            layers.Dense(4, "softmax"),
        ]
    )
    data = np.random.default_rng(0).normal(size=(40, 8, 16)).astype("float32")
    expected = [model.predict(x, verbose=0) for x in data]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda x: model.predict(x, verbose=0), data))
    for a, b in zip(expected, results, strict=True):
        np.testing.assert_array_equal(a, b)


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
