"""Every loss: its arguments, and targets and predictions off its kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl import losses
from minidl._typing import Array
from minidl.testing import arrays, labels, one_hot, probabilities, sample_weights, shapes

from .trial import Trial, Trials

several = shapes(min_rank=2, max_rank=3)  # (batch, features) and (batch, time, features)
smoothing = st.sampled_from([0.0, 0.1, 0.4])
gammas = st.sampled_from([0.0, 1.0, 2.0, 2.5])
flags = st.booleans()


def weighted(draw: st.DrawFn, loss: losses.Loss, y_true: Array, y_pred: Array) -> Trial:
    """A trial with weights of any shape that they may have: a sample's, or each value's."""
    values = list(y_pred.shape)
    del values[loss.axis]
    forms = [(len(y_pred),), (len(y_pred), 1), tuple(values)]
    return Trial(loss, y_true, y_pred, draw(sample_weights(shape=draw(st.sampled_from(forms)))))


def regression(make: st.SearchStrategy[losses.Loss], kinks: tuple[float, ...] = ()) -> Trials:
    """Targets anywhere off zero, and errors off the kinks."""

    @st.composite
    def trial(draw: st.DrawFn) -> Trial:
        shape = draw(several)
        y_true = draw(arrays(shape))
        y_pred = y_true + draw(arrays(shape, avoid=kinks))
        if len(shape) == 2 and shape[-1] == 1 and draw(flags):
            y_true = y_true[..., 0]  # as Keras, (n,) may stand beside (n, 1)
        return weighted(draw, draw(make), y_true, y_pred)

    return trial()


def independent(
    make: st.SearchStrategy[losses.Loss],
    targets: Callable[[Any], st.SearchStrategy[Array]],
    predictions: Callable[[Any], st.SearchStrategy[Array]],
) -> Trials:
    """Targets and predictions of the same shape, drawn one beside the other."""

    @st.composite
    def trial(draw: st.DrawFn) -> Trial:
        shape = draw(several)
        return weighted(draw, draw(make), draw(targets(shape)), draw(predictions(shape)))

    return trial()


def binary(cls: type, **arguments: st.SearchStrategy[Any]) -> Trials:
    """Probabilities or logits beside targets of 0 and 1, or anything between."""

    @st.composite
    def trial(draw: st.DrawFn) -> Trial:
        shape = draw(several)
        loss = cls(
            from_logits=draw(flags),
            label_smoothing=draw(smoothing),
            axis=draw(st.sampled_from([-1, len(shape) - 1, 1])),
            **{name: draw(value) for name, value in arguments.items()},
        )
        y_true = draw(arrays(shape, 0.0, 1.0, avoid=()))
        if draw(flags):
            y_true = np.round(y_true)
        logits = arrays(shape, -6.0, 6.0)
        y_pred = draw(logits if loss.from_logits else probabilities(shape, axis=None))
        return weighted(draw, loss, y_true, y_pred)

    return trial()


def categorical(cls: type, **arguments: st.SearchStrategy[Any]) -> Trials:
    """Probabilities or logits beside one-hot rows or distributions, the classes on any axis."""

    @st.composite
    def trial(draw: st.DrawFn) -> Trial:
        shape = draw(shapes(min_rank=2, max_rank=3))
        loss = cls(
            from_logits=draw(flags),
            label_smoothing=draw(smoothing),
            axis=draw(st.sampled_from([-1, 1])),
            **{name: draw(value) for name, value in arguments.items()},
        )
        rows = np.moveaxis(np.empty(shape), loss.axis, -1).shape
        one_hots = one_hot(rows[-1], shape=rows[:-1])
        masses = arrays(rows, 0.0, 2.0, avoid=())  # that need not sum to one
        y_true = draw(st.one_of(one_hots, probabilities(rows), masses))
        y_pred = draw(predictions_for(loss, rows))
        back = (np.moveaxis(y, -1, loss.axis) for y in (y_true, y_pred))
        return weighted(draw, loss, *(np.ascontiguousarray(y) for y in back))

    return trial()


def predictions_for(loss: Any, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Logits, probabilities, or positive numbers that the loss divides by their sum."""
    if loss.from_logits:
        return arrays(shape, -6.0, 6.0, avoid=())
    return st.one_of(probabilities(shape), arrays(shape, 0.2, 3.0, avoid=()))


@st.composite
def sparse(draw: st.DrawFn) -> Trial:
    shape = draw(several)
    loss = losses.SparseCategoricalCrossentropy(
        from_logits=draw(flags),
        ignore_class=draw(st.sampled_from([None, 0, -1])),
        axis=draw(st.sampled_from([-1, 1])),
    )
    rows = np.moveaxis(np.empty(shape), loss.axis, -1).shape
    y_true = draw(labels(rows[-1], shape=rows[:-1]))
    if loss.ignore_class == -1:
        y_true = np.where(draw(labels(2, shape=rows[:-1])) == 0, y_true, -1)
    if draw(flags):
        y_true = np.expand_dims(y_true, loss.axis)
    y_pred = np.moveaxis(draw(predictions_for(loss, rows)), -1, loss.axis)
    return weighted(draw, loss, y_true, np.ascontiguousarray(y_pred))


@st.composite
def categorical_hinge(draw: st.DrawFn) -> Trial:
    """One-hot rows; scores off zero and off each other, and no margin that is just met."""
    shape = draw(several)
    rows, classes = shape[:-1], shape[-1]
    y_true = draw(one_hot(classes, shape=rows))
    y_pred = draw(arrays(shape, unique=True))
    right = (y_true * y_pred).sum(axis=-1, keepdims=True)
    near = np.abs(y_pred - right + 1) < 0.05
    y_pred = np.where(near | (np.abs(right - 1) < 0.05), y_pred + 0.11, y_pred)
    return weighted(draw, losses.CategoricalHinge(), y_true, y_pred)


def signs(shape: Any) -> st.SearchStrategy[Array]:
    """Targets of −1 and 1, or of 0 and 1."""
    return st.one_of(
        labels(2, shape=shape).map(lambda k: 2.0 * k - 1.0), labels(2, shape=shape).map(float_of)
    )


def float_of(y: Array) -> Array:
    return y.astype(np.float64)


LOSSES: dict[type, Trials] = {
    losses.BinaryCrossentropy: binary(losses.BinaryCrossentropy),
    losses.BinaryFocalCrossentropy: binary(
        losses.BinaryFocalCrossentropy,
        apply_class_balancing=flags,
        alpha=st.floats(0.1, 0.9),
        gamma=gammas,
    ),
    losses.CategoricalCrossentropy: categorical(losses.CategoricalCrossentropy),
    losses.CategoricalFocalCrossentropy: categorical(
        losses.CategoricalFocalCrossentropy, alpha=st.floats(0.1, 0.9), gamma=gammas
    ),
    losses.CategoricalHinge: categorical_hinge(),
    losses.CosineSimilarity: independent(
        st.builds(losses.CosineSimilarity, axis=st.sampled_from([-1, 1])), arrays, arrays
    ),
    losses.Hinge: independent(
        st.builds(losses.Hinge), signs, lambda shape: arrays(shape, avoid=(-1.0, 1.0))
    ),
    losses.Huber: regression(
        st.builds(losses.Huber, delta=st.sampled_from([0.5, 1.0])), (-1.0, -0.5, 0.5, 1.0)
    ),
    losses.KLDivergence: independent(
        st.builds(losses.KLDivergence),
        lambda shape: st.one_of(probabilities(shape), arrays(shape, 0.0, 1.0, avoid=())),
        lambda shape: probabilities(shape, axis=None),
    ),
    losses.LogCosh: regression(st.builds(losses.LogCosh)),
    losses.MeanAbsoluteError: regression(st.builds(losses.MeanAbsoluteError), (0.0,)),
    losses.MeanAbsolutePercentageError: regression(
        st.builds(losses.MeanAbsolutePercentageError), (0.0,)
    ),
    losses.MeanSquaredError: regression(st.builds(losses.MeanSquaredError)),
    losses.MeanSquaredLogarithmicError: independent(
        st.builds(losses.MeanSquaredLogarithmicError),
        lambda shape: arrays(shape, -0.5, 3.0),
        lambda shape: arrays(shape, -0.5, 3.0),
    ),
    losses.Poisson: independent(
        st.builds(losses.Poisson),
        lambda shape: arrays(shape, 0.0, 5.0, avoid=()),
        lambda shape: arrays(shape, 0.1, 5.0, avoid=()),
    ),
    losses.SparseCategoricalCrossentropy: sparse(),
    losses.SquaredHinge: independent(
        st.builds(losses.SquaredHinge), signs, lambda shape: arrays(shape, avoid=(-1.0, 1.0))
    ),
}
