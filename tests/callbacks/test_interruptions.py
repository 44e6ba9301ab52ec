"""Ctrl-C and errors of callbacks: the model, its History and the next `fit` are usable."""

import os
import signal

import numpy as np
import pytest

from minidl import Input, Sequential, layers, optimizers, utils
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    SwapEMAWeights,
)

X = np.random.default_rng(0).standard_normal((60, 12), dtype="float32")
Y = X[:, :2] * X[:, 1:3]


def make(optimizer="adam"):
    utils.set_random_seed(1)
    model = Sequential(
        [
            Input((12,)),
            layers.Dense(16, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def assert_usable(model):
    """It predicts, its History is whole, and it trains on."""
    assert all(np.isfinite(w).all() for w in model.get_weights())
    history = model.history
    assert {len(values) for values in history.history.values()} <= {len(history.epoch)}
    assert history.epoch == list(range(len(history.epoch)))
    assert all(p.descent is None for p in model.weights)
    assert model.training_run is None
    assert np.isfinite(model.predict(X, verbose=0)).all()
    steps = model.optimizer.iterations
    again = model.fit(X, Y, epochs=3, verbose=0)
    assert np.isfinite(again.history["loss"]).all()
    assert model.optimizer.iterations == steps + 6


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timers")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_ctrl_c_at_any_moment(optimizer):
    """A signal arrives where it likes: within a layer, an update, a callback, a validation."""
    draw = np.random.default_rng(0)

    def ctrl_c(*args):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ctrl_c)
    try:
        model = make(optimizer)
        model.fit(X, Y, verbose=0)
        for _ in range(12):
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.002, 0.02))
                model.fit(X, Y, 8, 10**6, verbose=0, validation_split=0.2, initial_epoch=0)
            assert_usable(model)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


HOOKS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_raises(tmp_path, hook):
    """The error is the callback's own, files are closed, and averages are not left in the model."""
    calls = []

    def fail(*args):
        calls.append(args)
        if len(calls) == 2 or hook in ("on_train_begin", "on_train_end"):
            raise ValueError("no such luck")

    broken = Callback()
    setattr(broken, hook, fail)
    closed = []
    broken.close = lambda: closed.append(True)
    model = make(optimizers.Adam(0.01, use_ema=True))
    logger = CSVLogger(tmp_path / "log.csv")
    stopping = EarlyStopping("loss", restore_best_weights=True, patience=9)
    with pytest.raises(ValueError, match=r"^no such luck$"):
        model.fit(
            X, Y, 16, 4, verbose=0, validation_split=0.2,
            callbacks=[logger, SwapEMAWeights(swap_on_epoch=True), stopping, broken],
        )  # fmt: skip
    assert closed == [True]
    assert logger._file is None
    assert_usable(model)


def test_a_callback_that_raises_keeps_the_epochs_that_ended():
    class Broken(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.count = getattr(self, "count", 0) + 1
            if self.count == 10:  # the second batch of the third epoch
                raise ValueError("no such luck")

    model = make()
    with pytest.raises(ValueError, match="no such luck"):
        model.fit(X, Y, 16, 4, verbose=0, callbacks=Broken())
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2
    assert model.optimizer.iterations == 10


@pytest.mark.parametrize("kind", ["a file in its place", "read-only"])
@pytest.mark.parametrize(
    "make_callback",
    [
        lambda folder: CSVLogger(folder / "in" / "log.csv"),
        lambda folder: ModelCheckpoint(folder / "in" / "m-{epoch}.keras"),
        lambda folder: BackupAndRestore(folder / "in"),
    ],
    ids=["CSVLogger", "ModelCheckpoint", "BackupAndRestore"],
)
def test_folders_that_cannot_be_written_to_are_named_before_training(
    tmp_path, monkeypatch, make_callback, kind
):
    if kind == "read-only":

        def refused(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "makedirs", refused)
    else:
        (tmp_path / "in").write_text("")
    model = make()
    callback = make_callback(tmp_path)
    with pytest.raises(OSError, match=f"{type(callback).__name__} cannot write to the folder"):
        model.fit(X, Y, verbose=0, callbacks=callback)
    assert model.optimizer.iterations == 0
