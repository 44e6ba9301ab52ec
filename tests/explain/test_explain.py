"""Explanations of whole models: the record is training's own, and nothing is changed by telling."""

import copy
import pickle

import numpy as np
import pytest

from minidl import Input, Model, Sequential, layers, losses, optimizers, regularizers
from minidl.explain import Equation, Explanation, Note, Numbers, Step, Worked


def binary(optimizer="sgd", **options):
    model = Sequential(
        [
            Input((2,)),
            layers.Dense(3, activation="tanh", name="hidden", **options),
            layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
    model.compile(optimizer, "binary_crossentropy")
    return model


X = np.array([[0.5, -1.0], [2.0, 1.0], [-0.3, 0.8]], np.float32)
Y = np.array([[1.0], [0.0], [1.0]], np.float32)


def told(explanation, phase, title=""):
    return [s for s in explanation.steps if s.phase == phase and title in s.title]


def array(step, symbol):
    return next(i.values for i in step.items if isinstance(i, Numbers) and i.symbol == symbol)


def check_worked(explanation, rtol=1e-4):
    entries = [i for s in explanation.steps for i in s.items if isinstance(i, Worked)]
    for item in entries:
        np.testing.assert_allclose(item.computed, item.result, rtol=rtol, atol=2e-6, err_msg=item)
    return entries


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "decay": lambda: optimizers.SGD(0.1, weight_decay=0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "clipped": lambda: optimizers.SGD(0.1, clipnorm=0.01),
    "adam": lambda: optimizers.Adam(0.01),
    "adamw": lambda: optimizers.AdamW(0.01),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "rmsprop": lambda: optimizers.RMSprop(0.01),
    "accumulating": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_told_is_what_train_on_batch_then_does(name):
    """Loss, gradients and the values after the update, to the last bit, with slots half way."""
    model = binary(OPTIMIZERS[name](), kernel_regularizer=regularizers.L2(0.01))
    model.fit(X, Y, epochs=3, verbose=0)
    explanation = model.explain(X, Y, show=False)
    check_worked(explanation)
    loss = model.train_on_batch(X, Y)
    whole = told(explanation, "loss", "the whole loss")[0].items[-1]
    assert whole.result == pytest.approx(loss, rel=1e-6)
    letters = {"kernel": "W", "bias": "b"}
    for parameter in model.trainable_weights:
        step = told(explanation, "update", parameter.path)[0]
        letter = letters[parameter.name]
        np.testing.assert_array_equal(array(step, f"{letter} after"), parameter.value)
        np.testing.assert_array_equal(array(step, f"d{letter}"), parameter.grad)


def test_nothing_is_changed_by_telling():
    """Weights, moving statistics, optimizer, random streams: training goes on as without it."""
    model = Sequential(
        [
            Input((2,)),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    twin = copy.deepcopy(model)
    before = pickle.dumps([w.value for w in model.weights])
    model.explain(X, Y, show=False)
    model.explain(X, training=True, show=False)
    assert pickle.dumps([w.value for w in model.weights]) == before
    for one in (model, twin):
        one.fit(X, Y, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_softmax_and_cross_entropy_are_told_as_one_step():
    model = Sequential([Input((2,)), layers.Dense(3, activation="softmax", name="out")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    explanation = model.explain(X, np.array([0, 2, 1]), show=False)
    check_worked(explanation)
    forward = told(explanation, "forward", "out")[0]
    assert any("softmax, comes with the loss" in i.text for i in forward.items if type(i) is Note)
    loss = told(explanation, "loss")[0]
    assert Equation("dz = (p - y) / batch", "1/batch = 0.3333") in loss.items
    p = array(loss, "p")
    np.testing.assert_allclose(p, model.predict(X, verbose=0), rtol=1e-6)
    expected = (p - np.eye(3)[[0, 2, 1]]) / 3
    np.testing.assert_allclose(array(loss, "dz"), expected, atol=1e-7)


LOSSES = {
    "mse": ("mse", None),
    "mae": ("mae", None),
    "huber": ("huber", None),
    "smoothed": (losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid"),
    "binary": ("binary_crossentropy", "sigmoid"),
    "from_tanh": ("hinge", "tanh"),
    "logits": (losses.BinaryCrossentropy(from_logits=True), None),
    "sum": (losses.MeanSquaredError(reduction="sum"), None),
    "categorical": (losses.CategoricalCrossentropy(), "softmax"),
    "categorical_smoothed": (losses.CategoricalCrossentropy(label_smoothing=0.1), "softmax"),
    "categorical_logits": (losses.CategoricalCrossentropy(from_logits=True), None),
    "cosine": ("cosine_similarity", None),
    "own": (lambda y, p: ((y - p) ** 4).mean(axis=-1), None),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_every_kind_of_loss(name, weighted):
    loss, activation = LOSSES[name]
    model = Sequential([Input((2,)), layers.Dense(2, activation=activation, name="out")])
    model.compile("sgd", loss)
    y = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    weights = np.array([0.5, 0.0, 2.0], np.float32) if weighted else None
    explanation = model.explain(X, y, weights, show=False)
    entries = check_worked(explanation)
    step = told(explanation, "loss")[0]
    total = [i.result for i in entries if i.symbol == "L"]
    assert total[0] == pytest.approx(model.train_on_batch(X, y, weights), rel=1e-5)
    letter = next(i.symbol for i in step.items if type(i) is Numbers and i.symbol in ("dy", "dz"))
    back = told(explanation, "backward", "out")[0]
    np.testing.assert_allclose(array(step, letter), array(back, "dy"), atol=1e-7)


def forked():
    x = Input((2,), name="x")
    h = layers.Dense(3, name="trunk")(x)
    left = layers.Dense(1, name="left")(h)
    right = layers.Dense(1, name="right")(layers.Add(name="sum")([h, layers.ReLU(name="up")(h)]))
    model = Model(x, {"left": left, "right": right})
    model.compile("sgd", {"left": "mse", "right": "mae"}, loss_weights={"left": 2.0, "right": 1.0})
    return model


def test_gradients_of_branches_are_added_up():
    explanation = forked().explain(X, {"left": Y, "right": Y}, show=False)
    check_worked(explanation)
    trunk = told(explanation, "backward", "trunk")[0]
    parts = [i.values for i in trunk.items if type(i) is Numbers and i.symbol.startswith("[from")]
    symbols = {i.symbol for i in trunk.items if type(i) is Numbers}
    assert {"[from layer 'sum']", "[from layer 'up']", "[from layer 'left']"} <= symbols
    np.testing.assert_allclose(sum(parts), array(trunk, "dy"), rtol=1e-6)
    titles = [s.title for s in told(explanation, "loss")]
    assert titles == [
        "MeanSquaredError of 'left'",
        "MeanAbsoluteError of 'right'",
        "the whole loss",
    ]


def test_the_gradient_of_a_shared_layer_is_told_in_parts():
    x = Input((3,))
    shared = layers.Dense(3, activation="tanh", name="shared")
    model = Model(x, shared(shared(x)))
    model.compile("sgd", "mse")
    explanation = model.explain(np.ones((2, 3)), np.zeros((2, 3)), show=False)
    check_worked(explanation)
    update = told(explanation, "update", "shared/kernel")[0]
    assert update.items[0].text == "dW = [from 'shared'] + [from 'shared']"
    parts = [array(step, "dW") for step in told(explanation, "backward", "shared")]
    np.testing.assert_allclose(sum(parts), array(update, "dW"), rtol=1e-6)


def test_masks_nested_models_and_penalties_on_outputs():
    words = Input((4,), dtype="int32")
    h = layers.Embedding(5, 3, mask_zero=True, name="words")(words)
    h = layers.LSTM(2, name="lstm")(h)
    inner = Sequential([Input((2,)), layers.Dense(2, name="inside", activity_regularizer="l2")])
    model = Model(words, layers.Dense(1, name="out")(inner(h)))
    model.compile("sgd", "mse")
    x, y = np.array([[1, 2, 0, 0], [3, 4, 1, 2]]), np.ones((2, 1), np.float32)
    explanation = model.explain(x, y, show=False)
    check_worked(explanation)
    mask = array(told(explanation, "forward", "the mask of words")[0], "mask")
    np.testing.assert_array_equal(mask, x != 0)
    assert told(explanation, "forward", "inside")
    whole = told(explanation, "loss", "the whole loss")[0].items[-1]
    assert whole.result == pytest.approx(model.train_on_batch(x, y), rel=1e-5)


def test_frozen_layers_and_inference():
    model = Sequential(
        [
            Input((2,)),
            layers.Dense(2, name="a"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(1, name="out"),
        ]
    )
    model.get_layer("a").trainable = False
    model.get_layer("norm").trainable = False
    model.compile("sgd", "mse")
    explanation = model.explain(X, Y, show=False)
    check_worked(explanation)
    asides = [i.aside for i in told(explanation, "forward", "norm")[0].items if type(i) is Equation]
    assert "the layer is frozen" in asides[0]
    assert not told(explanation, "update", "a/kernel")
    calm = model.explain(X, Y, training=False, show=False)
    check_worked(calm)
    assert not told(calm, "backward")
    drop = told(calm, "forward", "drop")[0].items[1]
    assert drop == Equation("y = x", "nothing is dropped at inference")


def test_without_targets_there_is_the_forward_pass_alone_and_no_compile_is_needed():
    model = Sequential([Input((2,)), layers.Dense(1, name="out")])
    explanation = model.explain(X, show=False)
    assert {step.phase for step in explanation.steps} == {"forward"}
    z = array(told(explanation, "forward", "out")[0], "z")
    np.testing.assert_array_equal(z, model.predict(X, verbose=0))


def test_a_subclassed_model_is_told_as_one_layer():
    class Twice(Model):
        """y = 2 x."""

        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return 2.0 * self.dense(x)

    model = Twice()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    explanation = model.explain(X, Y, show=False)
    check_worked(explanation)
    assert told(explanation, "update", "kernel")


def test_a_loss_that_is_not_finite_ends_the_derivation_where_training_ends():
    model = Sequential(
        [
            Input((2,)),
            layers.Dense(1, kernel_initializer="ones", name="sum"),
            layers.Activation("exponential", name="grows"),
        ]
    )
    model.compile("sgd", "mse")
    explanation = model.explain(np.array([[100.0, 2.0]]), np.zeros((1, 1)), show=False)
    (stop,) = told(explanation, "loss")
    assert "the first numbers that are not come from grows" in stop.items[0].text
    assert not told(explanation, "backward") + told(explanation, "update")
    assert "inf" in explanation.text()


# What is shown, and where


def test_text_is_printed_once_and_not_in_a_notebook(capsys, monkeypatch):
    explanation = binary().explain(X, Y)
    assert capsys.readouterr().out == explanation.text() + "\n"
    binary().explain(X, Y, show=False)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("minidl.utils.display.kind_of_output", lambda: "notebook")
    binary().explain(X, Y)
    assert capsys.readouterr().out == ""
    assert explanation._repr_html_().startswith('<div class="minidl-explain">')
    assert repr(explanation) == f"<Explanation of {explanation.title}: 11 steps>"


def test_files(tmp_path):
    explanation = binary().explain(X, Y, show=False)
    explanation.save(tmp_path / "page.html")
    explanation.save(tmp_path / "page.txt")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert (tmp_path / "page.txt").read_text(encoding="utf-8") == explanation.text() + "\n"
    with pytest.raises(OSError, match="No such file"):
        explanation.save(tmp_path / "nowhere" / "page.html")


def test_html_is_well_formed_and_escapes_names():
    from html.parser import HTMLParser

    class Checker(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    step = Step("forward", "<b>", [Note("a < b & c"), Equation("y < x", "<i>")])
    page = Explanation("<script>", [step]).html()
    assert "<script>" not in page
    for text in (page, forked().explain(X, {"left": Y, "right": Y}, show=False).html()):
        checker = Checker()
        checker.feed(text)
        assert not checker.open


def test_long_arrays_say_what_is_left_out():
    model = Sequential([Input((100,)), layers.Dense(20, name="wide")])
    text = model.explain(np.ones((1, 100)), show=False).text()
    assert "(100, 20), kernel, 100 by 20, the middle left out" in text
    assert "[96 more terms: " in text


def test_terms_that_are_zero_are_counted():
    x = np.zeros((1, 50), np.float32)
    x[0, 3] = 2.0
    model = Sequential([Input((50,)), layers.Dense(1, name="wide", kernel_initializer="ones")])
    assert "= 2·1 + 0 + [49 terms that are 0]" in model.explain(x, show=False).text()


# What is refused


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match=r"is not built.*no numbers to explain"):
        Sequential([layers.Dense(1)]).explain(X)


def test_a_model_that_is_not_compiled():
    model = Sequential([Input((2,)), layers.Dense(1)])
    with pytest.raises(RuntimeError, match=r"explain\(\) was called before compile"):
        model.explain(X, Y)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"(?s)\(3, 5\).*explain takes a batch: for one sample x"):
        binary().explain(np.ones((3, 5)), Y)
    with pytest.raises(ValueError, match="3"):
        binary().explain(X, np.ones((3, 7)))
    with pytest.raises(ValueError, match="samples"):
        binary().explain(X, Y[:2])


def test_a_train_step_of_ones_own():
    class Own(Sequential):
        def train_step(self, data):
            return {}

    model = Own([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="train_step of its own"):
        model.explain(X, Y)
    assert model.explain(X, show=False).steps


def test_a_layer_that_cannot_be_copied():
    model = binary()
    model.layers[0].lock = (i for i in range(3))
    with pytest.raises(TypeError, match=r"cannot be copied.*generator"):
        model.explain(X, Y)
