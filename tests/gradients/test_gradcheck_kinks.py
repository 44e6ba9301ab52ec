"""Where there is no derivative gradcheck compares nothing, and says how often."""

from __future__ import annotations

import numpy as np
import pytest

from minidl.gradcheck import GradientError, gradcheck
from minidl.layers import Layer

from .toys_right import X


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
    assert report.parts[0].checked == 18 + 2  # the entries, and two directions without the kinks
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
    x = X.copy()
    x[0], x[1, 0] = 0.0, 0.0
    with pytest.raises(GradientError, match="6 of 20 entries have no derivative"):
        gradcheck(Relu(), x)


def test_edge_of_the_domain():
    class Log(Layer):
        def forward(self, x, training=False):
            return np.log(x), x

        def backward(self, x, dy):
            return dy / x

    assert gradcheck(Log(), np.array([[1e-4, 0.5, 3e3]])).worst < 1e-6
