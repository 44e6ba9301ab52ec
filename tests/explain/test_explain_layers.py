"""The formulas of the layers: every number that is worked through is the one that was computed."""

import inspect

import numpy as np
import pytest

from minidl import Input, Model, layers, optimizers
from minidl.explain import Equation, Numbers, Worked, explain_model
from minidl.explain.equations import equations_of
from minidl.explain.formulas.table import FORMULA_OF
from tests.layers.layer_cases import CASES, listed, make

WITHOUT_A_FORMULA = {
    "CategoryEncoding": "integers have no gradient",
    "Discretization": "integers have no gradient",
    "IntegerLookup": "integers have no gradient",
    "StringLookup": "texts have no gradient",
    "TextVectorization": "texts have no gradient",
    "Lambda": "any function",
    "RNN": "any cell",
    "GRUCell": "explained by its layer",
    "LSTMCell": "explained by its layer",
    "SimpleRNNCell": "explained by its layer",
    "StackedRNNCells": "explained by their layers",
    "TimeDistributed": "any layer",
    "CenterCrop": "pixels interpolated, with the equation from the docstring",
    "RandomBrightness": "pixels interpolated, with the equation from the docstring",
    "RandomContrast": "pixels interpolated, with the equation from the docstring",
    "RandomCrop": "pixels interpolated, with the equation from the docstring",
    "RandomFlip": "pixels interpolated, with the equation from the docstring",
    "RandomRotation": "pixels interpolated, with the equation from the docstring",
    "RandomTranslation": "pixels interpolated, with the equation from the docstring",
    "RandomZoom": "pixels interpolated, with the equation from the docstring",
    "Resizing": "pixels interpolated, with the equation from the docstring",
    "UpSampling2D": "pixels interpolated, with the equation from the docstring",
}
"""The layers that get the generic formula: equations of the docstring and all arrays."""

NOT_WORKED = {  # forwards, with the reason that the page itself gives
    "Dropout-0", "SimpleRNN-dropout", "LSTM-dropout", "GRU-dropout", "LSTM-states", "GRU-states",
    "GRU-reset-before", "RNN-stack", "SimpleRNN-one-step", "LSTM-one-step", "GRU-one-step",
    "MultiHeadAttention", "MultiHeadAttention-axes", "MultiHeadAttention-key",
    "Bidirectional-states", "GroupQueryAttention", "AlphaDropout", "AlphaDropout-noise",
    "GaussianNoise", "Dot-3", "Dot-4", "Dot-23", "Dot-cosine",
}  # fmt: skip


def alone(name):
    """A model of one layer behind a product with the identity, so that its dx is wanted."""
    layer, x = make(name)
    arrays = listed(x)
    inputs = [Input(a.shape[1:], dtype="float64") for a in arrays]
    before = [
        layers.Dense(a.shape[-1], dtype="float64", kernel_initializer="identity")(t)
        if a.ndim > 1
        else t
        for a, t in zip(arrays, inputs, strict=True)
    ]
    out = layer(before if isinstance(x, list) else before[0])
    model = Model(inputs, out[0] if isinstance(out, list) else out)
    model.compile(optimizers.SGD(0.1), "mse")
    shape = model.predict(arrays, verbose=0).shape
    return model, layer, arrays, np.random.default_rng(1).normal(size=shape)


def worked(explanation, layer):
    return [
        (step.phase, item)
        for step in explanation.steps
        if step.title.startswith(f"{layer.name} (")
        for item in step.items
        if isinstance(item, Worked)
    ]


@pytest.mark.parametrize("name", CASES)
def test_every_entry_worked_through_is_what_was_computed(name):
    model, layer, x, y = alone(name)
    found = []
    for training in (True, False):
        explanation = explain_model(model, x, y, training=training)
        found += worked(explanation, layer)
        for phase, item in found:
            np.testing.assert_allclose(
                item.computed, item.result, rtol=1e-8, atol=1e-11, err_msg=f"{phase} {item}"
            )
        assert explanation.text()
    known = type(layer).__name__ in FORMULA_OF
    assert name in NOT_WORKED or not known or any(phase == "forward" for phase, _ in found)


def test_every_public_layer_has_a_formula_or_a_reason():
    public = {
        cls.__name__
        for cls in vars(layers).values()
        if inspect.isclass(cls) and issubclass(cls, layers.Layer) and cls is not layers.Layer
    }
    assert public - set(FORMULA_OF) == set(WITHOUT_A_FORMULA)
    for name in public & set(WITHOUT_A_FORMULA) - {"Lambda"}:
        cls = getattr(layers, name)
        has_words_alone = ("IntegerLookup", "StringLookup", "TextVectorization")
        assert equations_of(cls).forward or name in has_words_alone, name


@pytest.mark.parametrize("name", CASES)
def test_arrays_are_those_of_the_layer_itself(name):
    """What is shown as y, or as z without an activation, is what a call of the layer gives."""
    model, layer, x, y = alone(name)
    explanation = explain_model(model, x, y, training=False)
    taken = x if len(x) > 1 or isinstance(CASES[name].shape, list) else x[0]
    out, _ = layer.forward(taken, training=False)
    out = out[0] if isinstance(out, list) else out
    step = next(s for s in explanation.steps if s.title.startswith(f"{layer.name} ("))
    shown = [i.values for i in step.items if isinstance(i, Numbers) and i.symbol in ("y", "z")]
    assert any(a.shape == out.shape and np.allclose(a, out) for a in shown)


def test_equations_are_read_from_docstrings():
    found = equations_of(layers.BatchNormalization)
    assert "y = γ x̂ + β" in found.forward
    assert "dβ = Σₙ dyₙ" in found.backward
    assert equations_of(layers.Add) == (("y = Σᵢ xᵢ",), ("dxᵢ = dy",))
    assert equations_of(layers.Layer).forward == ()


def test_a_gradient_that_is_wrong_is_not_told_as_right():
    """The worked entries are computed apart: a planted mistake shows as a difference."""
    from minidl.layers.dense import Dense

    class Wrong(Dense):
        """A Dense whose backward is Dense's own, but forgets half of its dx."""

    original = Dense.backward
    x = alone("ReLU")[2]
    inputs = Input((4,), dtype="float64")
    dense = Dense(2, dtype="float64")
    model = Model(inputs, dense(layers.Dense(4, dtype="float64")(inputs)))
    model.compile("sgd", "mse")
    try:
        Dense.backward = lambda self, r, dy, need_dx=True: _halved(original(self, r, dy, need_dx))
        explanation = explain_model(model, x, np.ones((len(x[0]), 2)))
    finally:
        Dense.backward = original
    back = [i for p, i in worked(explanation, dense) if p == "backward" and i.symbol[:2] == "dx"]
    assert back[0].computed == pytest.approx(2 * back[0].result)


def _halved(dx):
    return None if dx is None else dx / 2


def test_a_layer_of_ones_own_gets_the_equations_of_its_docstring():
    class Doubled(layers.Layer):
        """Doubles.

        Forward and backward:

            y = 2 x
            dx = 2 dy
        """

        def call(self, x):
            return 2 * x

    inputs = Input((2,))
    model = Model(inputs, Doubled(name="own")(layers.Dense(2)(inputs)))
    model.compile("sgd", "mse")
    explanation = explain_model(model, np.ones((1, 2)), np.ones((1, 2)))
    told = {s.phase: s.items for s in explanation.steps if s.title == "own (Doubled)"}
    assert Equation("y = 2 x") in told["forward"]
    assert Equation("dx = 2 dy") in told["backward"]


def test_a_subclass_that_computes_otherwise_does_not_get_its_parents_formula():
    class Louder(layers.Dense):
        """Another product."""

        def forward(self, x, training=False):
            y, residuals = super().forward(x, training)
            return 3 * y, residuals

        def backward(self, residuals, dy, need_dx=True):
            return super().backward(residuals, 3 * dy, need_dx)

    class Named(layers.Dense):
        """The same product."""

    inputs = Input((2,))
    model = Model(inputs, Louder(2, name="louder")(Named(2, name="named")(inputs)))
    model.compile("sgd", "mse")
    explanation = explain_model(model, np.ones((1, 2)), np.ones((1, 2)))
    assert not worked(explanation, model.get_layer("louder"))
    assert worked(explanation, model.get_layer("named"))
