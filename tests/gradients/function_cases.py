"""Plain functions as activation, loss and regularizer: `minidl.autodiff` finds their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import activations, losses, regularizers
from minidl.testing import arrays, shapes

from .trial import Trial, Trials


def softsquare(z: Any) -> Any:
    return z**2 / (1 + np.abs(z))


def row_share(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def quartic(y_true: Any, y_pred: Any) -> Any:
    return np.mean((y_true - y_pred) ** 4, axis=-1)


def huber_like(y_true: Any, y_pred: Any) -> Any:
    e = np.abs(y_true - y_pred)
    return np.where(e < 1, e**2 / 2, e - 0.5).sum(axis=-1)


def off_diagonal(w: Any) -> Any:
    return 0.01 * np.sum(np.square(w)) + np.abs(w).max()


@st.composite
def function_activation(draw: st.DrawFn) -> Trial:
    function = draw(st.sampled_from([softsquare, row_share, np.sinh]))
    return Trial(activations.FunctionActivation(function), draw(arrays(shapes())))


@st.composite
def function_loss(draw: st.DrawFn) -> Trial:
    shape = draw(shapes(min_rank=2, max_rank=3))
    y_true = draw(arrays(shape))
    y_pred = y_true + draw(arrays(shape, avoid=(-1.0, 0.0, 1.0)))
    return Trial(losses.FunctionLoss(draw(st.sampled_from([quartic, huber_like]))), y_true, y_pred)


@st.composite
def function_regularizer(draw: st.DrawFn) -> Trial:
    x = draw(arrays(shapes(min_rank=1, max_rank=3), unique=True))
    return Trial(regularizers.FunctionRegularizer(off_diagonal), x)


FUNCTIONS: dict[type, Trials] = {
    activations.FunctionActivation: function_activation(),
    losses.FunctionLoss: function_loss(),
    regularizers.FunctionRegularizer: function_regularizer(),
}
