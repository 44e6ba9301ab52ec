"""Epochs and callbacks in `fit`, and what stays when it is over."""

import numpy as np

from minidl import Input, Sequential, callbacks, layers, optimizers
from tests.models.toys import linear_model, regression

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


def test_steps_hold_for_both_parts_of_a_split(rng):
    x, y = regression(rng, samples=64)
    taken = []

    class Count(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            taken.append("train")

        def on_test_batch_end(self, batch, logs=None):
            taken.append("test")

    fit = {"validation_split": 0.5, "steps_per_epoch": 2, "validation_steps": 3, "verbose": 0}
    linear_model().fit(x, y, batch_size=8, callbacks=[Count()], **fit)
    assert taken == ["train"] * 2 + ["test"] * 3


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
