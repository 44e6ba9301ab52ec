"""Callbacks in real runs of `fit`, `evaluate` and `predict`."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from minidl import Input, Sequential, layers, optimizers
from minidl.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
    progress,
)

X = np.linspace(-1, 1, 32, dtype="float32").reshape(16, 2)
Y = X.sum(axis=1, keepdims=True)


def line(rate=0.1, metrics=("mae",)):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizer=optimizers.SGD(rate), loss="mse", metrics=list(metrics))
    return model


def test_the_weights_of_the_best_epoch_come_back():
    model = line(rate=0.5)
    weights = []
    history = model.fit(
        X,
        Y,
        epochs=9,
        batch_size=4,
        validation_data=(X, Y),
        verbose=0,
        callbacks=[
            LambdaCallback(on_epoch_end=lambda *_: weights.append(model.get_weights())),
            # After the third epoch the rate is far too high: the best epoch is behind us.
            LearningRateScheduler(lambda epoch: 0.1 if epoch < 3 else 3.0),
            stopping := EarlyStopping(patience=2, restore_best_weights=True),
        ],
    )
    assert stopping.best_epoch == 2
    assert history.epoch == [0, 1, 2, 3, 4]
    assert history.history["learning_rate"] == [0.1, 0.1, 0.1, 3.0, 3.0]
    for got, best, last in zip(model.get_weights(), weights[2], weights[-1], strict=True):
        np.testing.assert_array_equal(got, best)
        assert not np.array_equal(got, last)
    # Batches of 4, as in the validation: one of 16 adds the same float32 numbers up otherwise.
    assert model.evaluate(X, Y, batch_size=4, verbose=0)[0] == stopping.best


def test_metrics_of_the_model_tell_their_direction():
    model = Sequential([Input((2,)), layers.Dense(2, activation="softmax")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = EarlyStopping("accuracy", patience=3)
    model.fit(X, (Y[:, 0] > 0).astype(int), epochs=2, verbose=0, callbacks=stopping)
    assert not stopping.less_is_better()


def test_the_rate_of_the_optimizer_falls():
    model = line()
    reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[reduce])
    assert history.history["learning_rate"] == [0.1, 0.1, 0.05]
    assert model.optimizer.learning_rate == 0.025


def test_nan_stops_in_good_order_and_leaves_the_weights(capsys):
    model = line()
    before = []

    class Poison(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                before.extend(model.get_weights())
                model.layers[-1].bias.assign([np.inf])
                before[1] = model.get_weights()[1]

    ended = []
    with np.errstate(all="ignore"):
        history = model.fit(
            X,
            Y,
            batch_size=4,
            epochs=3,
            verbose=0,
            callbacks=[Poison(), TerminateOnNaN(), LambdaCallback(on_train_end=ended.append)],
        )
    assert history.epoch == [0]
    assert len(ended) == 1
    assert "Batch 2: the loss is inf" in capsys.readouterr().out
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_checkpoints_hold_the_best_weights(tmp_path):
    class Arrays(ModelCheckpoint):
        def save_model(self, filepath):
            np.savez(filepath, *self.model.get_weights())

    model = line()
    checkpoint = Arrays(tmp_path / "best.npz", "loss", save_best_only=True)
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[checkpoint])
    with np.load(tmp_path / "best.npz") as stored:
        for name, weights in zip(stored.files, model.get_weights(), strict=True):
            np.testing.assert_array_equal(stored[name], weights)


def test_a_broken_run_keeps_its_table(tmp_path):
    def fail(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    logger = CSVLogger(tmp_path / "log.csv")
    model = line()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            X, Y, epochs=5, verbose=0, callbacks=[logger, LambdaCallback(on_epoch_begin=fail)]
        )
    assert logger._file is None
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert model.history.epoch == [0, 1]


def test_a_log_of_fit_evaluate_and_predict(capsys):
    model = line()
    model.fit(X, Y, epochs=2, validation_data=(X, Y))
    model.evaluate(X, Y)
    model.predict(X)
    model.predict(X, verbose=1)
    out = re.sub(r"\d\.\d{4}(e-\d+)?", "N", re.sub(r"- \d[\w.]*", "- T", capsys.readouterr().out))
    assert out.splitlines() == [
        "Epoch 1/2 - T - loss: N - mae: N - val_loss: N - val_mae: N",
        "Epoch 2/2 - T - loss: N - mae: N - val_loss: N - val_mae: N",
        "Evaluate - T - loss: N - mae: N",
        "Predict - T",
    ]


@pytest.mark.parametrize("stops", [False, True])
def test_a_terminal_is_left_clean(monkeypatch, stops):
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setattr(progress, "_SHARE", float("inf"))
    console = Console(file=io.StringIO(), force_terminal=True, width=90, legacy_windows=False)

    def interrupt(batch, logs):
        if stops:
            raise KeyboardInterrupt

    def fit():
        callbacks = [ProgbarLogger(console), LambdaCallback(on_train_batch_end=interrupt)]
        line().fit(X, Y, batch_size=4, callbacks=callbacks, validation_data=(X, Y), verbose=1)

    if stops:
        with pytest.raises(KeyboardInterrupt):
            fit()
    else:
        fit()
    out = console.file.getvalue()
    assert ("1/4" if stops else "4/4") in out
    assert out.rindex("\x1b[?25h") > out.rindex("\x1b[?25l")
    assert (", validation" in out) != stops


def test_the_bar_does_not_change_what_is_learned(monkeypatch):
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    results = []
    for callbacks in (None, [ProgbarLogger(Console(file=io.StringIO(), force_terminal=True))]):
        model = line()
        model.set_weights([np.ones((2, 1)), np.zeros(1)])
        history = model.fit(
            X, Y, epochs=3, batch_size=4, shuffle=False, verbose=int(callbacks is not None),
            callbacks=callbacks,
        )  # fmt: skip
        results.append((history.history, [w.tobytes() for w in model.get_weights()]))
    assert results[0] == results[1]


class Stream:
    """Batches to go through again and again, without a length."""

    def __iter__(self):
        return iter([(np.ones((2, 3)), np.ones((2, 1)))] * 4)


class Sized(Stream):
    def __len__(self):
        return 4


@pytest.mark.parametrize(
    ("data", "steps"), [(Sized(), [4, 4]), (Stream(), [None, 4]), (iter(Stream()), [None])]
)
def test_the_number_of_steps_is_known_as_soon_as_it_can_be(data, steps):
    class Notes(Callback):
        def __init__(self):
            self.steps, self.validation_steps = [], []

        def on_epoch_begin(self, epoch, logs=None):
            self.steps.append(self.params["steps"])
            self.validation_steps.append(self.params["validation_steps"])

    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    notes = Notes()
    validation = (np.ones((5, 3)), np.ones((5, 1)))
    model.fit(
        data, epochs=len(steps), validation_data=validation, validation_batch_size=2, verbose=0,
        callbacks=[notes],
    )  # fmt: skip
    assert notes.steps == steps
    assert set(notes.validation_steps) == {3}
