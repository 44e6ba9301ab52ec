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

from .table import TABLE

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
        TABLE.note(f"callbacks.{name}", "behavior", "runs")
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
        TABLE.note("callbacks.CSVLogger", "behavior", "runs")
        assert (tmp_path / f"{number}ours.csv").read_bytes() == (
            tmp_path / f"{number}theirs.csv"
        ).read_bytes()


def test_learning_rate_scheduler(keras_callbacks):
    for schedule in (lambda epoch, rate: rate * 0.5, lambda epoch: 0.1 / (epoch + 1)):
        compare(keras_callbacks, "LearningRateScheduler", [1, 1, 1], schedule=schedule)


@pytest.mark.parametrize("loss", [1.0, math.nan, math.inf, -math.inf])
def test_terminate_on_nan(keras_callbacks, loss, capsys):
    TABLE.note("callbacks.TerminateOnNaN", "behavior", "runs")
    for module in (callbacks, keras_callbacks):
        assert train(module.TerminateOnNaN(), [1.0, loss], name="loss")[0] != math.isfinite(loss)
        guard = module.TerminateOnNaN(raise_error=True)
        if not math.isfinite(loss):
            with pytest.raises(RuntimeError):
                train(guard, [loss], name="loss")


def small_fit(package: Any, callback: Any, **options: Any) -> Any:
    """Train a small model that begins alike in both, and return it."""
    model = package.Sequential(
        [package.Input((3,)), package.layers.Dense(1, kernel_initializer="ones")]
    )
    optimizer = package.optimizers.SGD(0.1, **options)
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
    x = np.linspace(-1, 1, 30, dtype="float32").reshape(10, 3)
    y = x[:, :1] ** 2
    arguments = {"batch_size": 4, "verbose": 0, "callbacks": [callback], "shuffle": False}
    model.fit(x, y, epochs=2, validation_data=(x, y), validation_freq=2, **arguments)
    arguments.pop("shuffle")
    model.evaluate(x, y, **arguments)
    model.predict(x, **arguments)
    return model


def recorded(base: Any, hooks: Any) -> Any:
    """Return a callback, made from functions or as a subclass, and the list of its calls."""
    seen: list[Any] = []

    def hook(name):
        def at(index, logs=None):
            names = sorted(logs) if name == "on_epoch_end" else None
            seen.append((name, index, names))

        def plain(logs=None):
            seen.append((name,))

        return at if "epoch" in name or "batch" in name else plain

    functions = {name: hook(name) for name in hooks}
    if base.__name__ == "LambdaCallback":
        return base(**functions), seen
    methods = {
        name: lambda self, *args, f=function, **kwargs: f(*args, **kwargs)
        for name, function in functions.items()
    }
    return type("Recorder", (base,), methods)(), seen


@pytest.mark.parametrize("name", ["Callback", "LambdaCallback"])
def test_the_calls_of_a_whole_run(keras_callbacks, name):
    """Real `fit`, `evaluate` and `predict` of both call the same hooks with the same names."""
    import keras

    import minidl
    from minidl.callbacks.callback import HOOKS

    hooks = list(HOOKS)
    if name == "LambdaCallback":
        arguments = inspect.signature(keras_callbacks.LambdaCallback).parameters
        hooks = [hook for hook in HOOKS if hook in arguments]
        assert len(hooks) == 6
    ours, our_calls = recorded(getattr(callbacks, name), hooks)
    theirs, their_calls = recorded(getattr(keras_callbacks, name), hooks)
    small_fit(minidl, ours)
    small_fit(keras, theirs)
    assert our_calls == their_calls
    TABLE.note("callbacks.CallbackList", "behavior", "runs")
    TABLE.note(f"callbacks.{name}", "behavior", "runs")


def test_averages_are_swapped_in_alike_and_the_history_is_the_same(keras_callbacks):
    """With swap_on_epoch=True Keras on JAX fails: it reads arrays that it has given away."""
    import keras

    import minidl

    found = []
    for package, module in ((minidl, callbacks), (keras, keras_callbacks)):
        callback = module.SwapEMAWeights()
        model = small_fit(package, callback, use_ema=True, ema_momentum=0.5)
        found.append((model.history.history, model.history.epoch, model.get_weights()))
    (ours, our_epochs, our_weights), (theirs, their_epochs, their_weights) = found
    assert ours.keys() == theirs.keys()
    assert our_epochs == their_epochs
    for name, values in theirs.items():
        TABLE.compare("callbacks.History", "value", ours[name], values, "float32")
        TABLE.compare("callbacks.SwapEMAWeights", "value", ours[name], values, "float32")
        np.testing.assert_allclose(ours[name], values, rtol=1e-5)
    for a, b in zip(our_weights, their_weights, strict=True):
        TABLE.compare("callbacks.SwapEMAWeights", "value", a, b, "float32")
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


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
