"""Callbacks against real Keras: both see the same logs, and must do the same to the same model."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import callbacks

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # torch's
    pytest.mark.filterwarnings("ignore:Early stopping conditioned:UserWarning"),  # Keras's words
    pytest.mark.filterwarnings("ignore:Learning rate reduction is:UserWarning"),
    pytest.mark.filterwarnings("ignore:Can save best model only:UserWarning"),
    pytest.mark.filterwarnings("ignore:.* monitors 'val_loss':UserWarning"),  # and ours
]

# Eighths are exact in float32, in which Keras compares, and small enough to tie often.
EIGHTHS = st.integers(0, 12).map(lambda n: n / 8)
LOGS = st.lists(st.none() | EIGHTHS, min_size=1, max_size=12)
DELTA = st.sampled_from([0, 0.125, 0.25, -0.125])
MODE = st.sampled_from(["auto", "min", "max"])


@pytest.fixture(scope="module")
def keras_callbacks() -> Any:
    import keras

    return keras.callbacks


class Optimizer:
    learning_rate = 0.5


class Model:
    """Its weight is the number of the last trained epoch; it remembers what it was told."""

    def __init__(self) -> None:
        self.optimizer = Optimizer()
        self.metrics: list[Any] = []
        self.stop_training = False
        self.epoch = np.array([-1.0])
        self.saved: list[tuple[str, float]] = []
        self.rates: list[float] = []

    def get_weights(self) -> list[Any]:
        return [self.epoch.copy()]

    def set_weights(self, weights: list[Any]) -> None:
        self.epoch = weights[0].copy()

    def save(self, filepath: str, overwrite: bool = True) -> None:
        self.saved.append((filepath, float(self.epoch[0])))


def train(callback: Any, values: list[float | None], steps: int = 1, name: str = "val_loss") -> Any:
    """Drive one callback as `fit` would; returns what it did to the model."""
    model = Model()
    callback.set_model(model)
    callback.set_params({"verbose": 0, "epochs": len(values), "steps": steps})
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        logs = {} if value is None else {name: value}
        callback.on_epoch_begin(epoch)
        for step in range(steps):
            model.epoch = np.array([float(epoch)])
            callback.on_train_batch_end(step, dict(logs))
        callback.on_epoch_end(epoch, logs)
        model.rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end({})
    return model.stop_training, model.epoch.tolist(), model.saved, model.rates


def compare(keras_callbacks, name, values, steps=1, runs=1, **options):
    ours, theirs = getattr(callbacks, name)(**options), getattr(keras_callbacks, name)(**options)
    for _ in range(runs):
        expected = train(theirs, values, steps)
        got = train(ours, values, steps)
        assert got[:3] == expected[:3]
        np.testing.assert_allclose(got[3], expected[3], rtol=1e-6)
    return ours, theirs


def test_early_stopping(keras_callbacks):
    @settings(max_examples=200)
    @given(
        LOGS, DELTA, st.integers(0, 4), MODE, st.none() | EIGHTHS, st.booleans(), st.integers(0, 3)
    )
    def check(values, min_delta, patience, mode, baseline, restore, start):
        ours, theirs = compare(
            keras_callbacks,
            "EarlyStopping",
            values,
            runs=2,
            min_delta=min_delta,
            patience=patience,
            mode=mode,
            baseline=baseline,
            restore_best_weights=restore,
            start_from_epoch=start,
        )
        assert ours.best == theirs.best
        assert ours.stopped_epoch == theirs.stopped_epoch
        assert ours.best_epoch == theirs.best_epoch
        assert ours.wait == theirs.wait

    check()


def test_reduce_lr_on_plateau(keras_callbacks):
    @settings(max_examples=200)
    @given(
        LOGS,
        st.sampled_from([0.1, 0.5]),
        st.integers(0, 3),
        MODE,
        DELTA,
        st.integers(0, 3),
        st.sampled_from([0.0, 0.125, 0.3]),
    )
    def check(values, factor, patience, mode, min_delta, cooldown, min_lr):
        compare(
            keras_callbacks,
            "ReduceLROnPlateau",
            values,
            runs=2,
            factor=factor,
            patience=patience,
            mode=mode,
            min_delta=min_delta,
            cooldown=cooldown,
            min_lr=min_lr,
        )

    check()


def test_model_checkpoint(keras_callbacks):
    @settings(max_examples=200)
    @given(
        LOGS,
        st.integers(1, 5),
        st.booleans(),
        MODE,
        st.sampled_from(["epoch", 1, 2, 3, 7]),
        st.none() | EIGHTHS,
    )
    def check(values, steps, best, mode, save_freq, threshold):
        if best and save_freq != "epoch":
            return  # Keras 3.15 fails: it does not know the direction before an epoch's end
        path = "{epoch:02d}.keras" if save_freq == "epoch" else "{epoch:02d}-{batch}.keras"
        compare(
            keras_callbacks,
            "ModelCheckpoint",
            values,
            steps,
            runs=2,
            filepath=path,
            save_best_only=best,
            mode=mode,
            save_freq=save_freq,
            initial_value_threshold=threshold,
        )

    check()


@pytest.mark.parametrize("append", [False, True])
def test_csv_logger_writes_the_same_bytes(keras_callbacks, tmp_path, append):
    runs = [
        [{"loss": 0.5, "acc": 0.25}, {"loss": 0.25, "acc": 0.5}],
        [{"loss": 1.5, "acc": 0.75, "val_loss": 2.0, "val_acc": 1.0}, {"loss": 1.0, "acc": 0.0}],
        [{"loss": np.float32(0.1), "acc": np.array(1), "val_loss": np.array([1, 2])}],
    ]
    for number, logs in enumerate(runs):
        for module, path in ((callbacks, "ours.csv"), (keras_callbacks, "theirs.csv")):
            path = tmp_path / f"{number}{path}"
            for _ in range(2):
                logger = module.CSVLogger(path, separator=";", append=append)
                logger.set_model(Model())
                logger.on_train_begin()
                for epoch, epoch_logs in enumerate(logs):
                    logger.on_epoch_end(epoch, epoch_logs)
                logger.on_train_end()
        assert (tmp_path / f"{number}ours.csv").read_bytes() == (
            tmp_path / f"{number}theirs.csv"
        ).read_bytes()


def test_learning_rate_scheduler(keras_callbacks):
    for schedule in (lambda epoch, rate: rate * 0.5, lambda epoch: 0.1 / (epoch + 1)):
        compare(keras_callbacks, "LearningRateScheduler", [1, 1, 1], schedule=schedule)


@pytest.mark.parametrize("loss", [1.0, math.nan, math.inf, -math.inf])
def test_terminate_on_nan(keras_callbacks, loss, capsys):
    for module in (callbacks, keras_callbacks):
        assert train(module.TerminateOnNaN(), [1.0, loss], name="loss")[0] != math.isfinite(loss)
        guard = module.TerminateOnNaN(raise_error=True)
        if not math.isfinite(loss):
            with pytest.raises(RuntimeError):
                train(guard, [loss], name="loss")


def test_the_calls_of_a_whole_run(keras_callbacks):
    """Real `fit`, `evaluate` and `predict` of both call the same hooks with the same names."""
    import keras

    import minidl

    def events(package, base):
        seen: list[Any] = []

        def hook(name):
            def at(self, index, logs=None):
                names = sorted(logs) if name == "on_epoch_end" else None
                seen.append((name, index, names))

            def plain(self, logs=None):
                seen.append((name,))

            return at if "epoch" in name or "batch" in name else plain

        recorder = type("Recorder", (base,), {name: hook(name) for name in HOOKS})()
        model = package.Sequential([package.Input((3,)), package.layers.Dense(1)])
        model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
        x, y = np.ones((10, 3), "float32"), np.ones((10, 1), "float32")
        options = {"batch_size": 4, "verbose": 0, "callbacks": [recorder]}
        model.fit(x, y, epochs=2, validation_data=(x, y), validation_freq=2, **options)
        model.evaluate(x, y, **options)
        model.predict(x, **options)
        return seen

    from minidl.callbacks.callback import HOOKS

    assert events(minidl, callbacks.Callback) == events(keras, keras_callbacks.Callback)


@pytest.mark.parametrize("name", callbacks.__all__)
def test_names_and_arguments(keras_callbacks, name):
    """Every argument of Keras is here, in its place and with its default."""
    ours = inspect.signature(getattr(callbacks, name)).parameters
    theirs = inspect.signature(getattr(keras_callbacks, name)).parameters
    expected = [(p.name, p.default) for p in theirs.values()]
    if name == "ReduceLROnPlateau":
        expected.pop()  # Keras swallows unknown arguments there; here they are an error
    assert [(p.name, p.default) for p in ours.values()][: len(expected)] == expected


def test_the_hooks_of_the_base(keras_callbacks):
    for name, method in inspect.getmembers(keras_callbacks.Callback, inspect.isfunction):
        if name.startswith("on_"):
            ours = inspect.signature(getattr(callbacks.Callback, name)).parameters
            assert list(ours) == list(inspect.signature(method).parameters)
