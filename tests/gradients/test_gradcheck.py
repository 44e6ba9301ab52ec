"""gradcheck passes what is right, and says of what is wrong what is wrong with it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from minidl import Input, Model, activations, layers, losses, regularizers
from minidl.gradcheck import GradientError, gradcheck
from minidl.layers.dense import Dense
from minidl.layers.layer import Layer
from minidl.random import SeedGenerator, set_root_seed

RNG = np.random.default_rng(8)
X = RNG.standard_normal((4, 5)) + 0.1
IMAGES = RNG.standard_normal((2, 2, 3, 2))
SQUARE = RNG.standard_normal((4, 4)) + 0.1


class Affine(Layer):
    """x * scale + shift: right, and the base of many that are wrong."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")
        self.shift = self.add_weight((input_shape[-1],), initializer="zeros", name="shift")

    def forward(self, x, training=False):
        return x * self.scale.value + self.shift.value, x

    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class Linear(Layer):
    """x W: right."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 4), name="kernel")

    def forward(self, x, training=False):
        return x @ self.kernel.value, x

    def backward(self, x, dy):
        self.kernel.grad = x.T @ dy
        return dy @ self.kernel.value.T


class Softmax(Layer):
    """A right one."""

    def forward(self, x, training=False):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def backward(self, y, dy):
        return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


class Dropping(Layer):
    """Random, in training only: right."""

    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = SeedGenerator(3)

    def forward(self, x, training=False):
        if not training:
            return x, None
        mask = (self.seed_generator.generator.random(x.shape) >= self.rate).astype(x.dtype)
        return x * mask, mask

    def backward(self, mask, dy):
        return dy if mask is None else dy * mask


class Centering(Layer):
    """Subtracts the batch's mean in training, a moving one otherwise: right."""

    def build(self, input_shape):
        self.moving_mean = self.add_weight(
            (input_shape[-1],), initializer="zeros", trainable=False, name="moving_mean"
        )

    def forward(self, x, training=False):
        if not training:
            return x - self.moving_mean.value, False
        mean = x.mean(axis=0)
        self.moving_mean.value = 0.9 * self.moving_mean.value + 0.1 * mean
        return x - mean, True

    def backward(self, training, dy):
        return dy - dy.mean(axis=0) if training else dy


class Mix(Layer):
    """Two inputs, two outputs: right."""

    def forward(self, x, training=False):
        a, b = x
        return [a * b, a + 3 * b], (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        d, e = dy
        return [d * b + e, d * a + 3 * e]


class Lookup(Layer):
    """Rows of a table by integers: right, and without a dx."""

    def build(self, input_shape):
        self.table = self.add_weight((6, 3), name="table")

    def forward(self, x, training=False):
        return self.table.value[x], x

    def backward(self, x, dy):
        self.table.grad[...] = 0
        np.add.at(self.table.grad, x, dy)
        return


class Shifted(Layer):
    """An option of forward, which has no training: right."""

    def forward(self, x, factor=1.0):
        return x * factor, factor

    def backward(self, factor, dy):
        return dy * factor


class Holder(Layer):
    """A layer with a layer within: right."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = Affine(name="first"), Affine(name="second")

    def build(self, input_shape):
        self.first.ensure_built(input_shape)
        self.second.ensure_built(input_shape)

    def forward(self, x, training=False):
        h, a = self.first.forward(x, training)
        y, b = self.second.forward(h, training)
        return y, (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        return self.first.backward(a, self.second.backward(b, dy))


RIGHT = [
    (Affine(), X),
    (Linear(), X),
    (Linear(), SQUARE),
    (Softmax(), X),
    (Softmax(), SQUARE[:1]),
    (Dropping(), X),
    (Centering(), X),
    (Mix(), [X, X[::-1].copy()]),
    (Lookup(), np.array([[0, 3], [3, 5]])),
    (Shifted(), X),
    (Holder(), X),
    (Dense(3, activation="tanh"), X),
    (Dense(3, use_bias=False), RNG.standard_normal((2, 3, 4))),
]


@pytest.mark.parametrize(("layer", "x"), RIGHT, ids=lambda v: getattr(v, "name", ""))
def test_right_layers_pass(layer, x):
    report = gradcheck(layer, x)
    assert report.worst < 1e-8
    assert report.skipped == 0
    assert report.checked > 0


def test_options_reach_forward():
    assert gradcheck(Shifted(), X, factor=2.0).worst < 1e-9


# Layers that are wrong, and what gradcheck must say


class WrongSign(Affine):
    def backward(self, x, dy):
        return -super().backward(x, dy)


class MeanForSum(Linear):
    def backward(self, x, dy):
        self.kernel.grad = x.T @ dy / len(x)
        return dy @ self.kernel.value.T


class SumForMean(Layer):
    def forward(self, x, training=False):
        return x.mean(axis=1, keepdims=True), x

    def backward(self, x, dy):
        return np.broadcast_to(dy, x.shape).copy()


class Half(Layer):
    def forward(self, x, training=False):
        return x * x, x

    def backward(self, x, dy):
        return x * dy


class Double(Layer):
    def forward(self, x, training=False):
        return 0.5 * x * x, x

    def backward(self, x, dy):
        return 2 * x * dy


class Threefold(Half):
    def backward(self, x, dy):
        return 6 * x * dy


class Transposed(Linear):
    def backward(self, x, dy):
        self.kernel.grad = (x.T @ dy).T
        return dy @ self.kernel.value.T


class KernelNotTransposed(Linear):
    def backward(self, x, dy):
        super().backward(x, dy)
        return dy @ self.kernel.value


class NeverWritten(Affine):
    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        return dy * self.scale.value


class PartlyWritten(Affine):
    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad[:-1] = dy.sum(axis=0)[:-1]
        return dy * self.scale.value


class Accumulates(Affine):
    def backward(self, x, dy):
        self.scale.grad += (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class Zero(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return np.zeros_like(dy)


class Diagonal(Softmax):
    def backward(self, y, dy):
        return dy * y * (1 - y)


class IgnoresDy(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return np.ones_like(dy) * self.scale.value


class MaskMissing(Dropping):
    def forward(self, x, training=False):
        y, mask = super().forward(x, training)
        return 2 * y, mask

    def backward(self, mask, dy):
        return 2 * dy


class Unchanged(Dropping):
    def forward(self, x, training=False):
        y, mask = super().forward(x, training)
        return (y if mask is None else 2 * y), mask

    def backward(self, mask, dy):
        return dy


class MaskInverted(Layer):
    def forward(self, x, training=False):
        return np.maximum(x, 0), x

    def backward(self, x, dy):
        return dy * (x < 0)


class OneSample(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        self.shift.grad = dy[0]
        return dy * self.scale.value


class ScaleForgotten(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return dy.copy()


class MeanTermMissing(Layer):
    def forward(self, x, training=False):
        return x - x.mean(axis=-1, keepdims=True), None

    def backward(self, residuals, dy):
        return dy.copy()


class StatisticsConstant(Layer):
    def forward(self, x, training=False):
        s = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
        return (x - x.mean(axis=-1, keepdims=True)) / s, s

    def backward(self, s, dy):
        return dy / s


class BatchStatistics(Layer):
    def forward(self, x, training=False):
        s = np.sqrt(x.var(axis=(0, 1, 2)) + 1e-3)
        return (x - x.mean(axis=(0, 1, 2))) / s, s

    def backward(self, s, dy):
        return dy / s


class WrongSplit(Layer):
    def forward(self, x, training=False):
        return np.concatenate([x[:, :2] * 2, x[:, 2:] * 3], axis=-1), None

    def backward(self, residuals, dy):
        return np.concatenate([dy[:, :3] * 2, dy[:, 3:] * 3], axis=-1)


class OtherEpsilon(Layer):
    def forward(self, x, training=False):
        return np.sqrt(x * x + 1e-3), x

    def backward(self, x, dy):
        return dy * x / np.sqrt(x * x + 1.01e-3)


class OneOutput(Mix):
    def backward(self, residuals, dy):
        a, b = residuals
        return [dy[0] * b, dy[0] * a + 3 * dy[1]]


class WrongShape(Linear):
    def backward(self, x, dy):
        return super().backward(x, dy).T


class WrongGradientShape(Affine):
    def backward(self, x, dy):
        self.scale.grad = x * dy
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class NoDx(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)


class NotFinite(Affine):
    def backward(self, x, dy):
        dx = super().backward(x, dy)
        dx[0, 0] = np.nan
        return dx


class TooFewInputs(Mix):
    def backward(self, residuals, dy):
        return super().backward(residuals, dy)[:1]


WRONG = [
    (WrongSign, X, "dx", "opposite sign"),
    (
        MeanForSum,
        X,
        "kernel",
        "divided by 4, the batch size or axis 1 of dy: a mean stands where the sum",
    ),
    (SumForMean, X, "dx", "multiplied by 5"),
    (Half, X, "dx", "half of what it should be"),
    (Double, X, "dx", "twice what it should be"),
    (Threefold, X, "dx", "3 times"),
    (Transposed, SQUARE, "kernel", "transposed"),
    (KernelNotTransposed, SQUARE, "dx", "a transpose is missing"),
    (NeverWritten, X, "shift", "never writes never_written/shift.grad"),
    (PartlyWritten, X, "shift", "leaves 1 of 5 entries"),
    (Accumulates, X, "scale", "accumulates"),
    (Zero, X, "dx", "zero everywhere"),
    (Diagonal, X, "dx", "only the diagonal"),
    (IgnoresDy, X, "dx", "dy is not used"),
    (MaskMissing, X, "dx", "a mask is missing"),
    (Unchanged, X, "dx", "dy is handed on unchanged"),
    (BatchStatistics, IMAGES, "dx", "along axes (0, 1, 2) are missing"),
    (MaskInverted, X, "dx", "wrong way round"),
    (OneSample, X, "shift", "only sample 0 contributes"),
    (ScaleForgotten, X, "dx", "lacks the factor scale"),
    (MeanTermMissing, X, "dx", "all along axis 1"),
    (StatisticsConstant, X, "dx", "terms of the form"),
    (WrongSplit, X, "dx", "index 2 on axis 1"),
    (OtherEpsilon, X, "dx", "digits only"),
    (OneOutput, [X, X + 1], "dx[0]", "only output 0 contributes"),
    (WrongShape, SQUARE[:3], "dx", "It is transposed"),
    (WrongGradientShape, X, "backward", "missing sum over the batch axis"),
    (NoDx, X, "dx", "returned None"),
    (NotFinite, X, "dx", "NaN or infinity"),
    (TooFewInputs, [X, X + 1], "dx", "a list of 1, expected a list of 2"),
]


@pytest.mark.parametrize(
    ("cls", "x", "part", "cause"), WRONG, ids=lambda v: getattr(v, "__name__", "")
)
def test_wrong_gradients_fail_with_their_cause(cls, x, part, cause):
    with pytest.raises(GradientError) as caught:
        gradcheck(cls(), x)
    assert caught.value.part == part
    assert cause in caught.value.cause
    assert caught.value.cause in str(caught.value)


# Layers that break the contract


class ChangesInput(Affine):
    def forward(self, x, training=False):
        x *= 2
        return super().forward(x, training)


class ChangesDy(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        dy *= self.scale.value
        return dy


class ChangesResiduals(Affine):
    def backward(self, x, dy):
        dx = super().backward(x, dy)
        x *= 0
        return dx


class ChangesOwnResiduals(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y, {"x": [x.copy()]}

    def backward(self, residuals, dy):
        x = residuals["x"][0]
        dx = super().backward(x, dy)
        x *= 0
        return dx


class KeepsInput(Affine):
    def forward(self, x, training=False):
        self.x = x
        return super().forward(x, training)[0], None

    def backward(self, residuals, dy):
        return super().backward(self.x, dy)


class KeepsOutput(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        if "buffer" not in vars(self) or self.buffer.dtype != y.dtype:
            self.buffer = np.empty_like(y)
        self.buffer[...] = y
        return self.buffer, x


class UsesUpResiduals(Affine):
    def forward(self, x, training=False):
        return super().forward(x, training)[0], [x]

    def backward(self, residuals, dy):
        return super().backward(residuals.pop() if residuals else dy, dy)


class ChangesParameter(Affine):
    def forward(self, x, training=False):
        self.scale.value += 0.1
        return super().forward(x, training)


class DoublePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y * np.ones(1), x


class DoubleDx(Affine):
    def backward(self, x, dy):
        return super().backward(x, dy).astype(np.float64)


class SinglePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y.astype(np.float32), x


class HiddenSinglePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x.astype(np.float32), training)
        return y.astype(x.dtype).astype(self.dtype), x.astype(self.dtype)


class Unseeded(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [np.random.default_rng(0)]

    def forward(self, x, training=False):
        mask = self.hidden[0].random(x.shape) > 0.5
        return x * mask, mask

    def backward(self, mask, dy):
        return dy * mask


class NotAPair(Affine):
    def forward(self, x, training=False):
        return super().forward(x, training)[0]


class BackwardRaises(Affine):
    def backward(self, x, dy):
        raise KeyError("x")


class CallDisagrees(Affine):
    def call(self, x, training=False):
        return x

    def __call__(self, x, training=False):
        return super().__call__(x, training=training) + 1


class NeedDxChanges(Affine):
    def backward(self, x, dy, need_dx=True):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0) if need_dx else 0 * dy[0]
        return dy * self.scale.value if need_dx else None


class FrozenStopsAll(Affine):
    def backward(self, x, dy):
        if self.scale.trainable:
            self.scale.grad = (x * dy).sum(axis=0)
            self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


BROKEN = [
    (ChangesInput, "forward", "changes its input x in place"),
    (ChangesDy, "backward", "changes dy in place"),
    (ChangesResiduals, "backward", "changes x, the input of forward"),
    (ChangesOwnResiduals, "backward", "changes its residuals"),
    (KeepsInput, "backward", "Look at self.x"),
    (KeepsOutput, "forward", "overwritten by the next call"),
    (UsesUpResiduals, "backward", "uses up a list"),
    (ChangesParameter, "forward", "changes the parameter"),
    (DoublePrecision, "forward", "dtype float64 for an input of dtype float32"),
    (DoubleDx, "dx", "dtype float64 for an input of dtype float32"),
    (SinglePrecision, "forward", "dtype float32 for an input of dtype float64"),
    (HiddenSinglePrecision, "dx", "float32 takes part"),
    (Unseeded, "forward", "SeedGenerator"),
    (NotAPair, "forward", "expected the pair"),
    (BackwardRaises, "backward", "it raised KeyError"),
    (CallDisagrees, "forward", "does not agree with a plain call"),
    (NeedDxChanges, "backward", "need_dx=False"),
    (FrozenStopsAll, "backward", "frozen"),
]


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
        def call(self, inputs):
            return inputs

    with pytest.raises(NotImplementedError, match="has no backward"):
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


# Kinks


class Relu(Layer):
    def forward(self, x, training=False):
        return np.maximum(x, 0), x

    def backward(self, x, dy):
        return dy * (x > 0)


def test_entries_on_kinks_are_skipped_and_counted():
    x = X.copy()
    x[1, 2] = x[3, 0] = 0.0
    report = gradcheck(Relu(), x, training=False)
    assert report.parts[0].skipped == 2
    assert report.worst < 1e-8


def test_entries_near_kinks_are_checked():
    x = X.copy()
    x[1, 2], x[3, 0] = 1e-4, -3e-6
    report = gradcheck(Relu(), x, training=False)
    assert report.parts[0].skipped == 0
    assert report.worst < 1e-8


def test_kink_does_not_excuse_a_gradient_outside_its_slopes():
    class Slope(Relu):
        def backward(self, x, dy):
            return dy * np.where(x > 0, 1.0, np.where(x == 0, 2.0, 0.0))

    x = X.copy()
    x[1, 2] = 0.0
    with pytest.raises(GradientError) as caught:
        gradcheck(Slope(), x)
    assert caught.value.index == (1, 2)


def test_too_many_kinks_are_a_failure():
    with pytest.raises(GradientError, match="stay off kinks"):
        gradcheck(Relu(), np.zeros((3, 4)))


def test_edge_of_the_domain():
    class Log(Layer):
        def forward(self, x, training=False):
            return np.log(x), x

        def backward(self, x, dy):
            return dy / x

    assert gradcheck(Log(), np.array([[1e-4, 0.5, 3e3]])).worst < 1e-6


# Activations, losses, regularizers


def test_activations_by_name_and_by_object():
    assert gradcheck("tanh").worst < 1e-8
    assert gradcheck(activations.softmax, X).worst < 1e-8

    class Wrong(activations.Activation):
        def forward(self, z):
            y = np.tanh(z)
            return y, y

        def backward(self, y, dy):
            return dy * (1 - y)

    with pytest.raises(GradientError) as caught:
        gradcheck(Wrong())
    assert caught.value.part == "dz"


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 4).mean(axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


class OwnBackward(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).sum(axis=-1)

    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / len(y_pred)


class NoDivision(Quartic):
    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3


class IgnoresWeights(OwnBackward):
    def backward(self, y_true, y_pred, sample_weight=None):
        return super().backward(y_true, y_pred)


class MissingN(OwnBackward):
    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


def test_right_losses_pass():
    assert gradcheck(Quartic(), X, X + RNG.uniform(0.1, 1, X.shape)).worst < 1e-6
    assert len(gradcheck(Quartic()).parts) == 8
    assert [part.name for part in gradcheck(OwnBackward()).parts] == [
        "dy_pred, sum_over_batch_size"
    ]


@pytest.mark.parametrize(
    ("loss", "cause"),
    [
        (NoDivision(), "multiplied by 3"),
        (IgnoresWeights(), "lacks the factor sample_weight"),
        (MissingN(), "multiplied by 4, the batch size: a sum stands where the mean"),
    ],
)
def test_wrong_losses_fail_with_their_cause(loss, cause):
    with pytest.raises(GradientError) as caught:
        gradcheck(loss)
    assert cause in caught.value.cause


def test_loss_that_changes_its_arguments():
    class Changes(Quartic):
        def call(self, y_true, y_pred):
            y_pred -= y_true
            return (y_pred**4).mean(axis=-1)

    with pytest.raises(GradientError):
        gradcheck(Changes())


def test_loss_needs_both_arrays_or_none():
    with pytest.raises(ValueError, match="only one of y_true and y_pred"):
        gradcheck(Quartic(), X)


def test_regularizers():
    class Cubic(regularizers.Regularizer):
        def __call__(self, x):
            return float((np.asarray(x) ** 3).sum())

        def gradient(self, x):
            return 3 * x**2

    class WrongCubic(Cubic):
        def gradient(self, x):
            return x**2

    assert gradcheck(Cubic()).worst < 1e-8
    with pytest.raises(GradientError, match=r"it is 0\.333333 times"):
        gradcheck(WrongCubic())
