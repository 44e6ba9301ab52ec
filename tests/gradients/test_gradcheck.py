"""gradcheck passes what is right, and says of what is wrong what is wrong with it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from minidl import Input, Model, layers
from minidl.gradcheck import GradientError, gradcheck
from minidl.layers import Dense, Layer
from minidl.random import set_root_seed

from .toys_broken import BROKEN
from .toys_right import RIGHT, Affine, Centering, Linear, Lookup, Mix, Shifted, X
from .toys_wrong import WRONG, MeanForSum


@pytest.mark.parametrize(("layer", "x"), RIGHT, ids=lambda v: getattr(v, "name", ""))
def test_right_layers_pass(layer, x):
    report = gradcheck(layer, x)
    assert report.worst < 1e-8
    assert report.skipped == 0
    assert report.checked > 0


def test_options_reach_forward():
    assert gradcheck(Shifted(), X, factor=2.0).worst < 1e-9


@pytest.mark.parametrize(
    ("cls", "x", "part", "cause"), WRONG, ids=lambda v: getattr(v, "__name__", "")
)
def test_wrong_gradients_fail_with_their_cause(cls, x, part, cause):
    with pytest.raises(GradientError) as caught:
        gradcheck(cls(), x)
    assert caught.value.part == part
    assert cause in caught.value.cause
    assert caught.value.cause in str(caught.value)


@pytest.mark.parametrize(("cls", "part", "cause"), BROKEN, ids=lambda v: getattr(v, "__name__", ""))
def test_broken_contracts_fail_with_their_cause(cls, part, cause):
    with pytest.raises(GradientError) as caught:
        gradcheck(cls(), X)
    assert caught.value.part == part
    assert cause in caught.value.cause


# The message, the report, and what is left alone


def test_message_names_entry_values_and_cause():
    with pytest.raises(GradientError) as caught:
        gradcheck(MeanForSum(name="linear"), X)
    error = caught.value
    assert error.index is not None
    assert error.numeric == pytest.approx(4 * error.analytic)
    assert error.relative_error == pytest.approx(0.75)
    text = str(error)
    assert "MeanForSum 'linear': the gradient kernel (5, 4) (20 of 20 entries) is wrong." in text
    assert f"kernel[{error.index[0]}, {error.index[1]}]" in text
    assert f"{error.analytic:.9g}" in text
    assert f"{error.numeric:.9g}" in text
    assert "training=False" in caught.value.__notes__[0]


def test_report_is_a_table():
    report = gradcheck(Linear(name="linear"), X, training=False)
    text = repr(report)
    assert "Linear 'linear'" in text
    assert [part.name for part in report.parts] == ["dx", "kernel", "behind another"]
    assert f"{report.worst:.1e}" in text
    assert all(part.name in text for part in report.parts)


def test_large_arrays_are_sampled_and_a_single_wrong_entry_is_found():
    class OneWrongEntry(Layer):
        def forward(self, x, training=False):
            return np.tanh(x), x

        def backward(self, x, dy):
            dx = dy / np.cosh(x) ** 2
            dx[17, 23] += 0.5
            return dx

    x = np.random.default_rng(0).standard_normal((40, 50))
    with pytest.raises(GradientError) as caught:
        gradcheck(OneWrongEntry(), x)
    assert caught.value.index == (17, 23)


def test_large_right_arrays_pass():
    x = np.random.default_rng(0).standard_normal((64, 100))
    assert gradcheck(Dense(30, activation="relu"), x, entries=20).worst < 1e-6


def test_layer_is_left_alone():
    layer = Centering()
    layer.build((None, 5))
    layer.built = True
    dense = Dense(3)
    dense(X)
    before = [*layer.get_weights(), *dense.get_weights()]
    dense.kernel.grad = np.full((5, 3), 7.0)
    gradcheck(layer, X)
    gradcheck(dense, X)
    after = [*layer.get_weights(), *dense.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert (dense.kernel.grad == 7.0).all()
    assert dense.dtype == dense.kernel.dtype == "float32"
    unbuilt = Dense(3)
    gradcheck(unbuilt, X)
    assert not unbuilt.built


def test_inputs_are_left_alone_and_may_be_float32():
    x = X.astype(np.float32)
    copy = x.copy()
    assert gradcheck(Dense(3), x).worst < 1e-8
    assert np.array_equal(x, copy)


def test_a_list_of_numbers_is_one_input():
    assert gradcheck(Dense(3), [[1.0, 2.0], [3.0, 4.5]]).checked > 0


def test_integer_inputs_get_no_gradient():
    assert [part.name for part in gradcheck(Lookup(), np.array([0, 2])).parts] == ["table"]


def test_shapes_in_place_of_inputs():
    assert gradcheck(Linear(), input_shape=(None, 5)).checked > 0
    assert gradcheck(Mix(), input_shape=[(2, 3), (2, 3)]).checked > 0
    assert gradcheck(Dense(2, input_shape=(3,))).checked > 0
    with pytest.raises(ValueError, match=r"gradcheck\(layer, input_shape=\(4, 5\)\)"):
        gradcheck(Linear())


def test_layer_that_cannot_be_copied_is_made_from_its_configuration():
    class Locked(Affine):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.lock = threading.Lock()

    assert gradcheck(Locked(), X).worst < 1e-8
    built = Locked()
    built(X)
    with pytest.raises(TypeError, match="__deepcopy__"):
        gradcheck(built, X)


def test_layer_without_backward_says_so():
    class Inference(Layer):
        def forward(self, inputs, training=False):
            return inputs, None

    with pytest.raises(NotImplementedError, match="no backward"):
        gradcheck(Inference(), X)


def test_what_is_none_of_these_is_refused():
    with pytest.raises(TypeError, match="Make an object of it"):
        gradcheck(Affine, X)
    with pytest.raises(TypeError, match="expected a Layer"):
        gradcheck(3)


def test_models_with_dicts_for_inputs_and_outputs():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    outputs = {"sum": layers.Add()([a, b]), "dense": layers.Dense(2, activation="tanh")(b)}
    report = gradcheck(Model({"a": a, "b": b}, outputs), {"a": X[:, :3], "b": X[:, 2:]})
    assert [part.name for part in report.parts[:2]] == ["dx['a']", "dx['b']"]
    assert report.worst < 1e-8
    model = Model({"a": a, "b": b}, outputs)
    assert gradcheck(model, {"b": X[:, 2:], "a": X[:, :3]}).worst < 1e-8


def test_models_that_compute_by_themselves():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(5, activation="tanh")

        def forward(self, x, training=False):
            self.dense.ensure_built(x.shape)
            h, first = self.dense.forward(x)
            y, second = self.dense.forward(h)
            return y, (first, second)

        def backward(self, residuals, dy):
            dh = self.dense.backward(residuals[1], dy)
            gradients = [p.grad.copy() for p in self.dense.weights]
            dx = self.dense.backward(residuals[0], dh)
            for parameter, gradient in zip(self.dense.weights, gradients, strict=True):
                parameter.grad += gradient
            return dx

    class Forgetful(Twice):
        def backward(self, residuals, dy):
            return self.dense.backward(residuals[0], self.dense.backward(residuals[1], dy))

    assert gradcheck(Twice(), X).worst < 1e-8
    with pytest.raises(GradientError) as caught:
        gradcheck(Forgetful(), X)
    assert caught.value.part == "kernel"


def test_the_same_check_gives_the_same_report():
    assert repr(gradcheck(Dense(3, name="d"), X)) == repr(gradcheck(Dense(3, name="d"), X))
    first, second = np.random.default_rng(1), np.random.default_rng(1)
    set_root_seed(5)
    a = Dense(2)(first.standard_normal((2, 3)))
    set_root_seed(5)
    gradcheck(Dense(3), X)
    b = Dense(2)(second.standard_normal((2, 3)))
    assert np.array_equal(a, b)  # the check has used up no draw
