"""gradcheck on activations, losses and regularizers."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import activations, losses, regularizers
from minidl.gradcheck import GradientError, gradcheck

from .toys_right import RNG, X


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
