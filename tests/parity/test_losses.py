"""Values and gradients of every loss against real Keras, whose gradients JAX takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from minidl.losses.reductions import REDUCTIONS
from tests.losses.loss_cases import CASES, IDS, Case

from .table import TABLE

pytestmark = pytest.mark.parity

TOLERANCES = {np.float32: 1e-6, np.float64: 1e-10}


@pytest.fixture(scope="module")
def keras() -> Iterator[Any]:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() != "jax":
        pytest.skip("gradients are taken by JAX: set KERAS_BACKEND=jax")
    import jax
    from keras.src.backend.jax import numpy

    jax.config.update("jax_enable_x64", True)
    with pytest.MonkeyPatch.context() as patch:
        # Keras on JAX takes means of float64 in float32.
        patch.setattr(numpy, "mean", jax.numpy.mean)
        yield keras


def keras_value_and_gradient(
    keras: Any, loss: Any, dtype: Any, y_true: Any, y_pred: Any, weights: Any
) -> tuple[Any, Any]:
    import jax

    config = {**loss.get_config(), "dtype": np.dtype(dtype).name}
    theirs = getattr(keras.losses, type(loss).__name__)(**config)
    value = theirs(y_true, y_pred, sample_weight=weights)
    gradient = jax.grad(lambda p: theirs(y_true, p, sample_weight=weights).sum())(y_pred)
    return np.asarray(value), np.asarray(gradient)


@pytest.mark.parametrize(("dtype", "shape"), [(np.float32, (6, 4)), (np.float64, (3, 5, 4))])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_loss(keras: Any, case: Case, dtype: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(7)
    y_true, y_pred = case.draw(rng, shape)
    if case.make().axis == 1 and "Sparse" in case.id and len(shape) > 2:
        pytest.skip("Keras on JAX takes class numbers along the last axis only")
    y_pred = y_pred.astype(dtype)
    if y_true.dtype.kind == "f":
        y_true = y_true.astype(dtype)
    values = case.make().values(y_true, y_pred)
    by_value = rng.uniform(0.1, 2, values.shape).astype(dtype)
    by_column = rng.uniform(0.1, 2, (len(values), 1)).astype(dtype)
    for reduction, weights in (
        *((reduction, by_value) for reduction in REDUCTIONS),
        ("sum_over_batch_size", None),
        ("mean_with_sample_weight", None),
        ("mean_with_sample_weight", by_column),
    ):
        loss = case.make(reduction=reduction)
        value, gradient = keras_value_and_gradient(keras, loss, dtype, y_true, y_pred, weights)
        ours, dy = np.asarray(loss(y_true, y_pred, weights)), loss.backward(y_true, y_pred, weights)
        for part, a, b in (("value", ours, value), ("gradient", dy, gradient)):
            TABLE.compare(f"losses.{type(loss).__name__}", part, a, b, np.dtype(dtype).name)
            scale = max(1.0, float(np.abs(b).max()))
            np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCES[dtype] * scale)


@pytest.mark.parametrize(
    ("true", "pred"),
    [((6,), (6, 1)), ((6, 1), (6,)), ((6, 4), (6, 4, 1)), ((6, 4, 1), (6, 4)), ((6,), (6,))],
)
@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "BinaryCrossentropy", "Hinge", "CosineSimilarity"]
)
def test_ranks(keras: Any, name: str, true: Any, pred: Any) -> None:
    from minidl import losses

    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, true), rng.uniform(0.1, 0.9, pred)
    for reduction in ("sum", "none"):
        loss = getattr(losses, name)(reduction=reduction)
        value, gradient = keras_value_and_gradient(keras, loss, np.float64, y_true, y_pred, None)
        np.testing.assert_allclose(loss(y_true, y_pred), value, rtol=1e-10)
        np.testing.assert_allclose(loss.backward(y_true, y_pred), gradient, rtol=1e-10, atol=1e-12)


def test_predictions_that_are_no_probabilities(keras: Any) -> None:
    from minidl import losses

    y_true, k = np.eye(3), np.arange(3)
    y_pred = np.array([[0.0, 2.0, 3.0], [1e-9, 1.0, 1e-9], [-1.0, 2.0, -0.5]])
    for loss, y in (
        (losses.CategoricalCrossentropy(reduction="none"), y_true),
        (losses.SparseCategoricalCrossentropy(reduction="none"), k),
        (losses.BinaryCrossentropy(reduction="none"), y_true),
        (losses.KLDivergence(reduction="none"), y_true),
    ):
        value, gradient = keras_value_and_gradient(keras, loss, np.float64, y, y_pred, None)
        np.testing.assert_allclose(loss(y, y_pred), value, rtol=1e-10)
        # Where a prediction is on the edge, JAX takes half of the one-sided slopes' sum.
        off_edge = y_pred != 1.0
        dy = loss.backward(y, y_pred)
        np.testing.assert_allclose(dy[off_edge], gradient[off_edge], rtol=1e-9, atol=1e-9)


def test_functions_signatures_and_names(keras: Any) -> None:
    import inspect

    from minidl import losses

    y, p = np.eye(4), np.full((4, 4), 0.25) + np.eye(4) * 0.1
    for function, cls in losses._BY_FUNCTION.items():
        theirs = getattr(keras.losses, function.__name__)
        assert list(inspect.signature(function).parameters) == list(
            inspect.signature(theirs).parameters
        )
        target = np.arange(4) if "Sparse" in cls.__name__ else y
        np.testing.assert_allclose(function(target, p), theirs(target, p), rtol=1e-6)
        their_class = getattr(keras.losses, cls.__name__)
        own, their = inspect.signature(cls).parameters, inspect.signature(their_class).parameters
        assert [(n, a.default) for n, a in own.items()] == [
            (n, a.default) for n, a in their.items()
        ]
        assert cls().name == their_class().name


def test_keras_reads_our_configurations(keras: Any) -> None:
    from minidl import losses

    for case in CASES:
        loss = case.make(reduction="sum")
        theirs = keras.losses.deserialize(losses.serialize(loss))
        assert type(theirs).__name__ == type(loss).__name__
        assert theirs.reduction == "sum"
