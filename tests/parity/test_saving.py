"""`.keras` files between this library and real Keras, both ways: the same predictions.

Loading alone shows nothing: weights of equal shapes change places without a word. So every weight
is given numbers of its own, and the outputs are compared.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import minidl
from minidl.cli import main

from .saving_cases import CASES, KERAS_DOES_NOT_TELL
from .table import TABLE

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

TOLERANCE = 1e-6

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def shaken(model: Any) -> Any:
    """Return the model with weights that all differ."""
    rng = np.random.default_rng(5)
    model.set_weights([rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def inputs_of(model: Any) -> list[Any]:
    rng = np.random.default_rng(3)
    return [
        rng.integers(0, 5, (3, *t.shape[1:])).astype("int32")
        if "int" in str(t.dtype)
        else rng.normal(0.3, 1.0, (3, *t.shape[1:])).astype("float32")
        for t in model.inputs
    ]


def outputs_of(model: Any) -> list[Any]:
    x = inputs_of(model)
    y = model(x[0] if len(x) == 1 else x, training=False)
    return [plain(item) for item in (y if isinstance(y, list) else [y])]


def plain(tensor: Any) -> Any:
    """Return a tensor of any backend as an array."""
    return np.asarray(tensor.detach() if hasattr(tensor, "detach") else tensor)


def compare(found: Any, expected: Any, direction: str) -> None:
    for a, b in zip(outputs_of(found), outputs_of(expected), strict=True):
        assert a.shape == b.shape
        a, b = a.astype("float32"), b.astype("float32")
        TABLE.observe(direction, "float32", a, b)
        scale = max(1.0, float(np.abs(b).max()))
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE * scale)


@every_case
def test_keras_reads_what_is_written_here(keras, case, tmp_path):
    ours = shaken(case.make(minidl))
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    assert [la.name for la in theirs.layers] == [la.name for la in ours.layers]
    compare(ours, theirs, "written")


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name not in KERAS_DOES_NOT_TELL], ids=lambda case: case.name
)
def test_what_keras_writes_is_read_here(keras, case, tmp_path):
    theirs = shaken(case.make(keras))
    theirs.save(tmp_path / "theirs.keras")
    ours = minidl.load_model(tmp_path / "theirs.keras")
    compare(ours, theirs, "read")


# Classes of a user's own, where weights go by the names of attributes


def own_layer(k: Any) -> type:
    class Blocks(k.layers.Layer):
        """Layers in private attributes, nested lists and dicts, made in no alphabetical order."""

        def __init__(self, size: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.size = size
            self.z = k.layers.Dense(size)
            self._hidden = k.layers.Dense(size)
            self.many = [k.layers.Dense(size), [k.layers.Dense(size), k.layers.Dense(size)]]
            self.named = {"b": k.layers.Dense(size), "a": k.layers.BatchNormalization()}
            self.again = self.many[0]

        def steps(self) -> list[Any]:
            first, (second, third) = self.many
            return [self.z, self._hidden, first, self.named["b"], second, third, self.named["a"]]

        def build(self, input_shape: Any) -> None:
            self.shift = self.add_weight((self.size,), name="shift")
            for step in self.steps():
                step.build(input_shape)
            self.built = True

        def call(self, x: Any) -> Any:
            for step in self.steps():
                x = step(x)
            return self.again(x) + self.shift

    return Blocks


def own_model(k: Any) -> type:
    class Net(k.Model):
        """Attributes on both sides of `layers`, which Keras comes by in the alphabet."""

        def __init__(self, size: int = 3) -> None:
            super().__init__()
            self.size = size
            self.out = k.layers.Dense(size)
            self.between = [k.layers.Dense(size), k.layers.Dense(size)]
            self.a = k.layers.Dense(size)

        def call(self, x: Any) -> Any:
            h = self.a(x)
            for layer in self.between:
                h = layer(h)
            return self.out(h)

    return Net


@pytest.mark.parametrize("direction", ["written", "read"])
@pytest.mark.parametrize("make", [own_layer, own_model], ids=lambda make: make.__name__)
def test_own_classes(keras, make, direction, tmp_path):
    one, other = (minidl, keras) if direction == "written" else (keras, minidl)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    own, there = make(one), make(other)
    model = own()
    if make is own_layer:
        model = one.Sequential([one.Input((3,)), model, one.layers.Dense(2)])
    model(x)
    shaken(model)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((4, 2 if make is own_layer else 3)), verbose=0)
    model.save(tmp_path / "m.keras")
    load = minidl.load_model if other is minidl else keras.models.load_model
    found = load(tmp_path / "m.keras", custom_objects={own.__name__: there})
    np.testing.assert_allclose(plain(found(x)), plain(model(x)), rtol=TOLERANCE, atol=TOLERANCE)
    assert int(found.optimizer.iterations) == 1


# Training goes on


def small(k: Any) -> Any:
    a = k.Input((4,))
    h = k.layers.BatchNormalization()(k.layers.Dense(4, activation="tanh")(a))
    return k.Model(a, k.layers.Add()([k.layers.Dense(4)(h), k.layers.Dense(4)(a)]))


SCHEDULE = "ExponentialDecay"
OPTIMIZERS = [
    *((cls.__name__, {}) for cls in minidl.optimizers.registry.classes()),
    ("SGD", {"momentum": 0.9, "nesterov": True, "learning_rate": SCHEDULE}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("Adam", {"learning_rate": SCHEDULE, "amsgrad": True}),
    ("Adam", {"use_ema": True, "ema_overwrite_frequency": 4}),
    ("AdamW", {"gradient_accumulation_steps": 2, "learning_rate": 0.01}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("RMSprop", {"momentum": 0.9, "use_ema": True, "ema_momentum": 0.9}),
]


def compiled(k: Any, name: str, options: dict[str, Any]) -> Any:
    options = dict(options)
    if options.get("learning_rate") == SCHEDULE:
        options["learning_rate"] = k.optimizers.schedules.ExponentialDecay(0.05, 3, 0.9)
    model = small(k)
    model.compile(getattr(k.optimizers, name)(**options), "mse", run_eagerly=k is not minidl)
    return model


def train(model: Any, first: int, last: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6, 8, 4)).astype("float32")
    for step in range(first, last):
        model.train_on_batch(x[step], y[step])


@pytest.mark.parametrize("direction", ["written", "read"])
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_training_goes_on_in_the_other_library(keras, name, options, direction, tmp_path):
    """Three steps here and three there are six steps in one place, to float32's rounding."""
    one, other = (minidl, keras) if direction == "written" else (keras, minidl)
    model = compiled(one, name, options)
    shaken(model)
    train(model, 0, 3)
    model.save(tmp_path / "m.keras")
    load = minidl.load_model if other is minidl else keras.models.load_model
    resumed = load(tmp_path / "m.keras")
    train(model, 3, 6)
    train(resumed, 3, 6)
    assert int(resumed.optimizer.iterations) == int(model.optimizer.iterations)
    for w, a, b in zip(model.weights, model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=w.path)


# What a user does: a script of Keras's, the command, and back


def convnet(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            k.layers.Rescaling(1 / 255),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(4),
            k.layers.BatchNormalization(),
            k.layers.Flatten(),
            k.layers.Dropout(0.2),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


def lstm(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((28, 28)),
            k.layers.Rescaling(1 / 255),
            k.layers.LSTM(8),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("make", [convnet, lstm], ids=lambda make: make.__name__)
def test_a_keras_script_and_the_command(keras, make, tmp_path, capsys):
    (x, y), (x_test, y_test) = minidl.datasets.digits.load_data()
    if make is convnet:
        x, x_test = x[..., None], x_test[..., None]
    data = tmp_path / "data.npz"
    np.savez(data, x=x_test[:320], y=y_test[:320])
    for one, other in ((keras, minidl), (minidl, keras)):
        model = make(one)
        model.compile(
            "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=[]
        )
        model.fit(x[:320], y[:320], epochs=1, verbose=0)
        path = tmp_path / f"{one.__name__}.keras"
        model.save(path)
        expected = model.evaluate(x_test[:320], y_test[:320], verbose=0, return_dict=True)
        if other is minidl:
            assert main(["evaluate", str(path), "--data", str(data), "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert main(["summary", str(path)]) == 0
            table = capsys.readouterr().out
            assert f"{model.count_params():,}" in table
            assert all(layer.name in table for layer in model.layers)
        else:
            there = keras.models.load_model(path)
            found = there.evaluate(x_test[:320], y_test[:320], verbose=0, return_dict=True)
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=2e-5), (one.__name__, name)
