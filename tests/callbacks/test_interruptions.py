"""Ctrl-C and errors of callbacks: the model, its History and the next `fit` are usable."""

import os
import sys

import numpy as np
import pytest

import minidl
from minidl import Input, Sequential, layers, optimizers, utils
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    SwapEMAWeights,
)

PACKAGE = os.path.dirname(minidl.__file__) + os.sep
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


def assert_whole(model):
    """Nothing is left of the run but its History and the weights."""
    assert all(np.isfinite(w).all() for w in model.get_weights())
    history = model.history
    assert {len(values) for values in history.history.values()} <= {len(history.epoch)}
    assert history.epoch == list(range(len(history.epoch)))
    assert all(p.descent is None for p in model.weights)
    assert model.training_run is None


def assert_usable(model):
    """It is whole, it predicts, and it trains on."""
    assert_whole(model)
    assert np.isfinite(model.predict(X, verbose=0)).all()
    steps = model.optimizer.iterations
    again = model.fit(X, Y, epochs=3, verbose=0)
    assert np.isfinite(again.history["loss"]).all()
    assert model.optimizer.iterations == steps + 6


class CtrlC:
    """Raises KeyboardInterrupt before a line of the package, as a signal might, but always there.

    Arguments:
        model: whose `fit` it is.
        at: before which line that is run, counted from 0; None only records them.

    Attributes:
        lines: the file and number of each line.
        end: of which line on `fit` tidies up: there Python itself cannot hold a signal off.
    """

    def __init__(self, model, at=None):
        self.model = model
        self.at = at
        self.lines = []
        self.end = 0

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._enter)
        return self

    def __exit__(self, *error):
        sys.settrace(self._before)

    def _enter(self, frame, event, arg):
        return self._see if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _see(self, frame, event, arg):
        if event == "line":
            if len(self.lines) == self.at:
                sys.settrace(None)
                raise KeyboardInterrupt
            if self.model.training_run is not None:
                self.end = len(self.lines)
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
        return self._see


def interrupted_everywhere(optimizer, rooms):
    """Interrupt `fit` before each line of these rooms, the first and the last time it is run."""
    model = make(optimizer)

    def fit():
        model.fit(X, Y, 20, 2, verbose=0, validation_split=1 / 3)

    fit()  # builds, and imports
    with CtrlC(model) as run:
        fit()
    lines = list(enumerate(run.lines[: run.end]))
    first = {place: i for i, place in reversed(lines)}
    last = {place: i for i, place in lines}
    places = [p for p in first if p[0].removeprefix(PACKAGE).split(os.sep)[0] in rooms]
    assert len(places) > 100
    for at in sorted({number for place in places for number in (first[place], last[place])}):
        with pytest.raises(KeyboardInterrupt), CtrlC(model, at):
            fit()
        assert_whole(model)
    assert_usable(model)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_ctrl_c_before_any_line_of_the_loop(optimizer):
    interrupted_everywhere(optimizer, ["models", "callbacks", "optimizers"])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_ctrl_c_before_any_line_of_the_package(optimizer):
    interrupted_everywhere(optimizer, os.listdir(PACKAGE))


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
