"""The training doctor: each finding in a broken run, and none of it in a healthy one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minidl import callbacks, layers, losses, models, optimizers, utils
from minidl.doctor import Doctor, Finding, curves, data, signals

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 8)).astype("float32")
Y = (X @ RNG.normal(size=8) > 0).astype("float32")[:, None]


@pytest.fixture(autouse=True)
def seeded() -> None:
    utils.set_random_seed(3)


def network(*middle: Any, x: Any = X, **last: Any) -> models.Sequential:
    """A classifier with these layers in the middle."""
    end = layers.Dense(1, **{"activation": "sigmoid", "name": "out", **last})
    return models.Sequential([layers.Input(x.shape[1:]), *middle, end])


def examine(
    model: Any, x: Any = X, y: Any = Y, epochs: int = 4, optimizer: Any = None, **fit: Any
) -> dict[str, Finding]:
    """Train, and return what was found by kind."""
    loss = fit.pop("loss", "binary_crossentropy")
    metrics = fit.pop("metrics", ["accuracy"])
    model.compile(optimizer or optimizers.Adam(0.01), loss, metrics=metrics)
    doctor = Doctor(verbose=0)
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[doctor], **fit)
    return {f.kind: f for f in doctor.findings}


def hidden(**settings: Any) -> layers.Dense:
    return layers.Dense(16, **{"activation": "relu", "name": "hidden", **settings})


class TestHealthy:
    @pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
    @pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
    def test_nothing_is_found(self, optimizer: str, activation: str) -> None:
        model = network(hidden(activation=activation), hidden(activation=activation, name="b"))
        assert examine(model, optimizer=optimizer, epochs=6, validation_split=0.2) == {}

    def test_regression_dropout_and_normalization(self) -> None:
        middle = (hidden(), layers.BatchNormalization(), layers.Dropout(0.2), hidden(name="b"))
        model = network(*middle, activation=None)
        y = (X @ RNG.normal(size=8)).astype("float32")[:, None]
        assert examine(model, y=y, loss="mse", metrics=["mae"], epochs=6) == {}

    def test_classes_by_number(self) -> None:
        model = models.Sequential([layers.Input((8,)), hidden(), layers.Dense(3)])
        y = X[:, :3].argmax(axis=1)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        assert examine(model, y=y, loss=loss, validation_split=0.25, epochs=6) == {}

    def test_streams(self) -> None:
        batches = [(X[i : i + 32], Y[i : i + 32]) for i in range(0, 256, 32)]
        assert examine(network(hidden()), batches, None) == {}


def test_it_changes_nothing() -> None:
    weights = []
    for diagnose in (False, True):
        utils.set_random_seed(5)
        model = network(hidden(), layers.BatchNormalization(), layers.Dropout(0.5))
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(X, Y, epochs=3, verbose=0, diagnose=diagnose).history
        weights.append([*model.get_weights(), np.array(list(history.values()))])
    for plain, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(plain, watched)


class TestReport:
    def test_fit_prints_it_at_the_end(self, capsys: Any) -> None:
        model = network(hidden())
        model.compile("adam", "binary_crossentropy")
        model.fit(X, Y, verbose=0, diagnose=True)
        assert capsys.readouterr().out == "Training doctor: nothing found.\n"
        model.fit(X * 100, Y, verbose=0, diagnose=True)
        text = capsys.readouterr().out
        assert "Training doctor: " in text
        assert "  1. Input x is not scaled: its values run from -" in text

    def test_a_doctor_among_the_callbacks_is_the_one(self, capsys: Any) -> None:
        model = network(hidden())
        model.compile("adam", "binary_crossentropy")
        doctor = Doctor(verbose=0)
        model.fit(X * 100, Y, verbose=0, callbacks=[doctor], diagnose=True)
        assert capsys.readouterr().out == ""
        assert doctor.findings[0].kind == "inputs_not_scaled"
        model.fit(X, Y, verbose=0, callbacks=[doctor])
        assert "inputs_not_scaled" not in [f.kind for f in doctor.findings]

    def test_each_kind_and_place_once(self) -> None:
        doctor = Doctor(verbose=0)
        doctor.note([Finding("a", "x", "1."), Finding("a", "x", "2."), Finding("a", "y", "3.")])
        assert doctor.report() == "Training doctor: 2 findings.\n  1. 1.\n  2. 3."

    def test_every_finding_is_sentences(self) -> None:
        found = examine(network(hidden(activation="tanh")), x=X * 1000, epochs=4)
        assert found
        for finding in found.values():
            assert finding.message.endswith(".")
            assert finding.message[0].isupper()
            assert "  " not in finding.message


class TestNotFinite:
    def test_layer_and_batch(self) -> None:
        model = network(hidden(activation="exponential", kernel_initializer="ones"))
        x = X.copy()
        x[200] = 1000
        doctor = Doctor(verbose=0)
        model.compile("sgd", "mse")
        with np.errstate(all="ignore"), pytest.raises(models.NonFiniteError):
            model.fit(x, Y, verbose=0, shuffle=False, callbacks=[doctor])
        finding = next(f for f in doctor.findings if f.kind == "not_finite")
        assert "Epoch 1, batch 6" in finding.message
        assert "layer 'hidden' is the first whose output is not finite" in finding.message

    def test_also_where_training_ends_in_good_order(self) -> None:
        model = network(hidden(activation="exponential", kernel_initializer="ones"))
        doctor = Doctor(verbose=0)
        model.compile("sgd", "mse")
        with np.errstate(all="ignore"):
            stop = callbacks.TerminateOnNaN()
            model.fit(X * 1000, Y, verbose=0, callbacks=[stop, doctor])
        assert "not_finite" in {f.kind for f in doctor.findings}


class TestActivations:
    def test_dead_relus(self) -> None:
        found = examine(network(hidden(bias_initializer=_constant(-50.0))))
        assert "Layer 'hidden': 16 of 16 ReLUs are 0" in found["dead_relu"].message

    def test_a_relu_layer_of_its_own(self) -> None:
        middle = (hidden(activation=None, bias_initializer=_constant(-50.0)), layers.ReLU(name="r"))
        assert examine(network(*middle))["dead_relu"].where == "r"

    @pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
    def test_flat_ends(self, activation: str) -> None:
        wide = {"kernel_initializer": _normal(30.0), "activation": activation}
        found = examine(network(hidden(**wide)))
        finding = found[f"saturated_{activation}"]
        assert finding.where == "hidden"
        assert f"of its {activation} outputs are at the flat ends" in finding.message

    def test_an_output_may_be_sure_of_itself(self) -> None:
        found = examine(network(hidden(), kernel_initializer=_normal(30.0)))
        assert "saturated_sigmoid" not in found

    def test_few_samples_say_nothing(self) -> None:
        layer = hidden()
        few = np.zeros((signals.ROWS_NEEDED - 1, 4))
        assert signals.dead_units(layer, few) is None
        more = np.zeros((signals.ROWS_NEEDED, 4))
        dead = signals.dead_units(layer, more)
        assert dead is not None
        assert len(list(signals.check_dead("hidden", dead))) == 1

    def test_a_relu_that_comes_back_is_not_dead(self) -> None:
        doctor = Doctor(verbose=0)
        doctor._begin()
        on, off = np.zeros(4, bool), np.ones(4, bool)
        doctor._dead = {"back": [off, on], "gone": [off, off], "once": [off]}
        for name, looks in doctor._dead.items():
            doctor.note(signals.check_dead(name, np.logical_and.reduce(looks)))
        assert [f.where for f in doctor.findings] == ["gone", "once"]


class TestGradients:
    def test_vanishing(self) -> None:
        deep = [hidden(activation="sigmoid", name=f"h{i}") for i in range(10)]
        finding = examine(network(*deep), epochs=1)["vanishing_gradient"]
        assert finding.where == "h0/kernel"
        assert "vanished on its way back" in finding.message

    def test_an_attention_may_begin_by_looking_everywhere_alike(self) -> None:
        """Its queries and keys get next to no gradient, and its biases start at zero."""
        x = layers.Input((8,))
        h = layers.Embedding(50, 8)(x)
        h = layers.MultiHeadAttention(2, 8)(h, h)
        h = layers.GlobalAveragePooling1D()(h)
        model = models.Model(x, layers.Dense(1, activation="sigmoid", name="out")(h))
        words = RNG.integers(0, 50, (256, 8))
        y = (words[:, :1] < 25).astype("float32")
        found = examine(model, x=words, y=y, epochs=6, optimizer=optimizers.Adam(0.003))
        assert not {"vanishing_gradient", "update_too_large"} & set(found)

    def test_exploding(self) -> None:
        deep = [hidden(name=f"h{i}", kernel_initializer=_normal(2.0)) for i in range(6)]
        model = network(*deep, activation=None)
        found = examine(model, y=Y, loss="mse", metrics=[], optimizer=optimizers.SGD(1e-12))
        assert "have grown to a norm of" in found["exploding_gradient"].message

    @pytest.mark.parametrize(("rate", "kind"), [(10.0, "large"), (1e-9, "small")])
    def test_updates(self, rate: float, kind: str) -> None:
        found = examine(network(hidden(activation="tanh")), optimizer=optimizers.Adam(rate))
        assert "One step changes" in found[f"update_too_{kind}"].message
        other = {"large": "small", "small": "large"}[kind]
        assert f"update_too_{other}" not in found


class TestOutputs:
    @pytest.mark.filterwarnings("ignore:Output 'out' ends in sigmoid")
    def test_probabilities_for_logits(self) -> None:
        loss = losses.BinaryCrossentropy(from_logits=True)
        found = examine(network(hidden()), loss=loss)
        assert "Drop from_logits=True" in found["probabilities_as_logits"].message

    @pytest.mark.filterwarnings("ignore:Output 'out' has no activation")
    def test_logits_for_probabilities(self) -> None:
        found = examine(network(hidden(), activation=None, kernel_initializer=_normal(3.0)))
        assert "Pass from_logits=True" in found["logits_as_probabilities"].message


class TestData:
    def test_inputs_not_scaled(self) -> None:
        x = RNG.integers(0, 256, (256, 8)).astype("float32")
        finding = examine(network(hidden()), x=x)["inputs_not_scaled"]
        assert "run from 0 to 255" in finding.message

    def test_unless_the_model_scales_them(self) -> None:
        x = RNG.integers(0, 256, (256, 8)).astype("float32")
        for first in (layers.Rescaling(1 / 255), layers.BatchNormalization()):
            assert "inputs_not_scaled" not in examine(network(first, hidden()), x=x)

    def test_uneven_features(self) -> None:
        x = X.copy()
        x[:, 2] /= 1e5
        assert "feature 2 by" in examine(network(hidden()), x=x)["inputs_not_scaled"].message
        x[:, 2] = 1  # a constant is none of these
        assert list(data.check_inputs([x], ["x"], [])) == []

    def test_sorted_labels(self) -> None:
        order = np.argsort(Y[:, 0], kind="stable")
        found = examine(network(hidden()), x=X[order], y=Y[order], validation_split=0.2)
        assert "the validation data has class 1 alone, out of 2" in found["labels_sorted"].message
        found = examine(network(hidden()), x=X[order], y=Y[order])
        assert "labels_sorted" not in found
        held_out = (X[order][200:], Y[order][200:])
        found = examine(network(hidden()), x=X, y=Y, validation_data=held_out)
        assert "labels_sorted" not in found  # chosen so, not cut off

    @pytest.mark.parametrize("one_hot", [False, True])
    def test_classes_cut_off(self, one_hot: bool) -> None:
        y = np.sort(RNG.integers(0, 5, 100))
        y = np.eye(5)[y] if one_hot else y
        (finding,) = data.check_split(y[:70], y[70:], "out")
        assert "class 4 of the validation data does not occur" in finding.message
        mixed = RNG.permutation(y)
        assert list(data.check_split(mixed[:70], mixed[70:], "out")) == []
        numbers = np.sort(RNG.normal(size=100))
        assert list(data.check_split(numbers[:70], numbers[70:], "out")) == []
        assert list(data.check_split(None, y, "out")) == []


class TestCurves:
    def test_a_loss_that_stays(self) -> None:
        found = examine(network(hidden()), y=RNG.permutation(Y), optimizer=optimizers.SGD(1e-9))
        assert "The loss does not go down" in found["loss_stays"].message
        assert list(curves.check_loss([1.0, 1.0])) == []
        assert list(curves.check_loss([1.0, 0.9, 0.95])) == []
        assert len(list(curves.check_loss([1.0, 1.2, 0.995]))) == 1

    def test_a_metric_of_changing_weights(self) -> None:
        found = examine(network(hidden()), epochs=1, optimizer=optimizers.Adam(0.03))
        finding = found.get("train_metric_inexact")
        assert finding is not None
        assert finding.where == "accuracy"
        assert "a mean over the epoch" in finding.message
        assert list(curves.check_train_metrics({"accuracy": 0.9}, {"accuracy": 0.85})) == []


def _constant(value: float) -> Any:
    from minidl import initializers

    return initializers.Constant(value)


def _normal(spread: float) -> Any:
    from minidl import initializers

    return initializers.RandomNormal(stddev=spread, seed=1)
