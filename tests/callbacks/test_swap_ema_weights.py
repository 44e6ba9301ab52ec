"""SwapEMAWeights: what is judged is the average, and what is trained is not."""

from typing import Any

import numpy as np
import pytest

from minidl import callbacks, layers, models, optimizers, utils

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X[:, :1] * 2 + 1


def fitted(*extra: Any, epochs: int = 3, **settings: Any) -> tuple[Any, Any]:
    utils.set_random_seed(1)
    model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8), "mse")
    settings = {"verbose": 0, "validation_data": (X, Y), "batch_size": 16, **settings}
    return model, model.fit(X, Y, epochs=epochs, callbacks=list(extra), **settings).history


class Watch(callbacks.Callback):
    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.judged: list[Any] = []
        self.ended: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(self.model.get_weights()[0])

    def on_test_begin(self, logs: Any = None) -> None:
        self.judged.append(self.model.get_weights()[0])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ended.append(self.model.get_weights()[0])


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_training_goes_on_as_without_it(swap_on_epoch: bool) -> None:
    plain, seen = Watch(), Watch()
    without, history = fitted(plain)
    model, swapped = fitted(callbacks.SwapEMAWeights(swap_on_epoch), seen)
    np.testing.assert_array_equal(seen.begun, plain.begun)
    assert swapped["loss"] == history["loss"]
    assert swapped["val_loss"] != history["val_loss"]
    assert not np.allclose(seen.judged, plain.judged)
    np.testing.assert_array_equal(seen.ended, seen.judged if swap_on_epoch else plain.ended)
    np.testing.assert_array_equal(model.get_weights()[0], without.get_weights()[0])


def test_what_is_judged_is_what_fit_ends_with() -> None:
    seen = Watch()
    model, _ = fitted(callbacks.SwapEMAWeights(), seen)
    np.testing.assert_array_equal(seen.judged[-1], model.get_weights()[0])


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_run_that_stops_early_ends_with_the_averages_too(swap_on_epoch: bool) -> None:
    early = callbacks.EarlyStopping("loss", min_delta=10.0, patience=2)
    model, history = fitted(callbacks.SwapEMAWeights(swap_on_epoch), early, epochs=9)
    assert len(history["loss"]) < 9
    seen = Watch()
    same, _ = fitted(callbacks.SwapEMAWeights(), seen, epochs=len(history["loss"]))
    np.testing.assert_array_equal(model.get_weights()[0], same.get_weights()[0])


def test_predict_gives_the_weights_back() -> None:
    model, _ = fitted()
    model.train_on_batch(X[:8], Y[:8])
    before = model.get_weights()[0]
    judged = model.predict(X, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert not np.allclose(judged, model.predict(X, verbose=0))


def test_an_optimizer_without_averages() -> None:
    model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="use_ema=True"):
        model.evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
