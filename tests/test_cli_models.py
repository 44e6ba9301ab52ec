"""The command on `.keras` files: a summary, figures on data, predictions, and what is wrong."""

import json

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.cli import main

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)).astype("float32"), RNG.integers(0, 3, 20)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A trained model and its data in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    model = Sequential([Input((4,)), layers.Dense(3, activation="softmax", name="it")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    model.save("m.keras")
    np.savez("data.npz", x=X, y=Y)
    return model


def test_summary(files, capsys):
    assert main(["summary", "m.keras"]) == 0
    out = capsys.readouterr().out
    assert "it (Dense)" in out
    assert "15" in out


@pytest.mark.parametrize("batch", ["7", "32"])
def test_evaluate(files, capsys, batch):
    assert main(["evaluate", "m.keras", "--data", "data.npz", "--batch-size", batch]) == 0
    lines = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    expected = files.evaluate(X, Y, batch_size=int(batch), verbose=0, return_dict=True)
    assert {name: float(value) for name, value in lines.items()} == expected
    assert main(["evaluate", "m.keras", "--data", "data.npz", "--json", "--batch-size", batch]) == 0
    assert json.loads(capsys.readouterr().out) == expected


def test_sample_weights_are_taken(files, capsys):
    weight = np.linspace(0, 1, 20)
    np.savez("weighted.npz", x_test=X, y_test=Y, sample_weight=weight)
    assert main(["evaluate", "m.keras", "--data", "weighted.npz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == files.evaluate(X, Y, sample_weight=weight, verbose=0, return_dict=True)


def test_predict(files, capsys):
    np.save("x.npy", X)
    for data, output in (("data.npz", "a.npy"), ("x.npy", "b.npz")):
        assert main(["predict", "m.keras", "--data", data, "--output", output]) == 0
    assert "y: float32 (20, 3) in a.npy" in capsys.readouterr().out
    expected = files.predict(X, verbose=0)
    np.testing.assert_array_equal(np.load("a.npy"), expected)
    np.testing.assert_array_equal(np.load("b.npz")["y"], expected)


def test_a_dataset_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = Sequential(
        [Input((28, 28)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)]
    )
    loss = minidl.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    model.save("m.keras")
    assert main(["evaluate", "m.keras", "--data", "digits"]) == 0
    assert "accuracy: 0." in capsys.readouterr().out


def test_several_inputs_and_outputs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = Model(
        [a, b], [layers.Dense(1, name="p")(a), layers.Add(name="q")([layers.Dense(3)(a), b])]
    )
    model.save("m.keras")
    arrays = {"a": np.ones((4, 2), "float32"), "b": np.ones((4, 3), "float32")}
    np.savez("data.npz", **arrays)
    assert main(["predict", "m.keras", "--data", "data.npz", "--output", "out.npz"]) == 0
    found = np.load("out.npz")
    for name, expected in zip("pq", model.predict(list(arrays.values()), verbose=0), strict=True):
        np.testing.assert_array_equal(found[name], expected)
    assert main(["predict", "m.keras", "--data", "data.npz", "--output", "out.npy"]) == 2
    np.savez("data.npz", a=arrays["a"])
    assert main(["predict", "m.keras", "--data", "data.npz", "--output", "out.npz"]) == 2
    assert "an array for each of the inputs ['a', 'b']" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "no.keras", "--data", "data.npz"], "there is no file 'no.keras'"),
        (["evaluate", "m.keras", "--data", "no.npz"], "there is no file 'no.npz'"),
        (["evaluate", "m.keras", "--data", "digit"], "Did you mean 'digits'"),
        (["evaluate", "m.keras", "--data", "x.npy"], "has no array 'y'"),
        (["evaluate", "m.keras", "--data", "objects.npz"], "cannot be read"),
        (["evaluate", "plain.keras", "--data", "data.npz"], "without being compiled"),
        (["predict", "m.keras", "--data", "data.npz", "--output", "y.txt"], "*.npy or *.npz"),
        (["summary", "data.npz"], "ends in .keras"),
    ],
)
def test_what_is_wrong_is_said(files, capsys, arguments, message):
    np.save("x.npy", X)
    np.savez("objects.npz", x=np.array([{}], dtype=object))
    Sequential([Input((4,)), layers.Dense(3)]).save("plain.keras")
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
