"""Every metric against real Keras, over a stream of batches, with weights and without."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from minidl import metrics

from .table import TABLE

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def bits(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, (n, 1)), rng.random((n, 1))


def rows(rng: Any, n: int) -> Any:
    return np.eye(4)[rng.integers(0, 4, n)], rng.random((n, 4))


def rows_of_steps(rng: Any, n: int) -> Any:
    return np.eye(4)[rng.integers(0, 4, (n, 3))], rng.random((n, 3, 4))


def labels(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, n), rng.random((n, 4))


def label_column(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, (n, 1)), rng.random((n, 4))


def labels_of_steps(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, (n, 3)), rng.random((n, 3, 4))


def numbers(rng: Any, n: int) -> Any:
    return rng.uniform(0.1, 3, (n, 4)), rng.uniform(0.1, 3, (n, 4))


def numbers_of_steps(rng: Any, n: int) -> Any:
    return rng.uniform(0.1, 3, (n, 3, 4)), rng.uniform(0.1, 3, (n, 3, 4))


def flat(rng: Any, n: int) -> Any:
    return rng.uniform(0.1, 3, n), rng.uniform(0.1, 3, (n, 1))


def same_or_not(rng: Any, n: int) -> Any:
    return rng.integers(0, 3, (n, 2)), rng.integers(0, 3, (n, 2))


SPARSE = (labels, label_column, labels_of_steps)
ROWS = (rows, rows_of_steps)
NUMBERS = (numbers, numbers_of_steps, flat)

CASES = [
    ("Accuracy", {}, (same_or_not,)),
    ("BinaryAccuracy", {}, (bits, *ROWS)),
    ("BinaryAccuracy", {"threshold": 0.2}, (bits,)),
    ("CategoricalAccuracy", {}, ROWS),
    ("SparseCategoricalAccuracy", {}, SPARSE),
    ("TopKCategoricalAccuracy", {"k": 2}, ROWS),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, SPARSE[::2]),
    ("MeanSquaredError", {}, NUMBERS),
    ("RootMeanSquaredError", {}, NUMBERS),
    ("MeanAbsoluteError", {}, NUMBERS),
    ("MeanAbsolutePercentageError", {}, NUMBERS),
    ("MeanSquaredLogarithmicError", {}, NUMBERS),
    ("LogCoshError", {}, NUMBERS),
    ("CosineSimilarity", {}, NUMBERS[:2]),
    ("Hinge", {}, (bits, *ROWS)),
    ("SquaredHinge", {}, (bits, *ROWS)),
    ("CategoricalHinge", {}, ROWS),
    ("KLDivergence", {}, ROWS),
    ("Poisson", {}, NUMBERS[:2]),  # Keras broadcasts (n,) against (n, 1) here
    ("BinaryCrossentropy", {}, (bits, *ROWS)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, (bits,)),
    ("CategoricalCrossentropy", {}, ROWS),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ROWS),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, SPARSE),
]


@pytest.mark.parametrize(
    ("name", "settings", "draw"),
    [(name, settings, draw) for name, settings, draws in CASES for draw in draws],
    ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", str(v)),
)
@pytest.mark.parametrize("weighting", [None, "sample", "column", "value"])
def test_metric(keras: Any, name: str, settings: Any, draw: Any, weighting: str | None) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = getattr(metrics, name)(**settings), getattr(keras.metrics, name)(**settings)
    for n in (5, 1, 8):
        y, p = draw(rng, n)
        p = p.astype(np.float32) if p.dtype.kind == "f" else p
        w = None
        if weighting is not None:
            w = rng.uniform(0.1, 2, n).astype(np.float32)
            if weighting == "column":
                w = w[:, None]
            if weighting == "value" and p.ndim == 3:
                w = rng.uniform(0.1, 2, (n, 3)).astype(np.float32)
        ours.update_state(y, p, sample_weight=w)
        theirs.update_state(y, p, sample_weight=w)
        TABLE.compare(f"metrics.{name}", "value", ours.result(), theirs.result(), "float32")
        assert ours.result() == pytest.approx(float(theirs.result()), rel=2e-6, abs=1e-6)
    ours.reset_state()
    theirs.reset_state()
    assert ours.result() == float(theirs.result()) == 0.0


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_values(keras: Any, name: str) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for shape, weights in (
        ((), None), ((), ()), ((4,), None), ((4,), (4,)), ((4,), ()), ((4,), (4, 1)),
        ((4, 1), (4,)), ((4, 3), None), ((4, 3), (4,)), ((4, 3), (4, 1)), ((4, 3), (4, 3)),
        ((4, 3), ()), ((4, 3, 2), (4,)), ((4, 3, 2), (4, 3)), ((4, 3, 2), (4, 1, 2)),
        ((4, 3, 1), (4, 3)),
    ):  # fmt: skip
        values = rng.normal(size=shape).astype(np.float32)
        w = None if weights is None else rng.uniform(0.1, 2, weights).astype(np.float32)
        ours.update_state(values, w)
        theirs.update_state(values, w)
        TABLE.compare(f"metrics.{name}", "value", ours.result(), theirs.result(), "float32")
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("weighting", [None, "sample"])
def test_a_metric_of_a_function(keras: Any, weighting: str | None) -> None:
    """The function sees the predictions and gives a number each, or one a sample."""
    rng = np.random.default_rng(3)
    for function in (lambda y, p: abs(y - p), lambda y, p: ((y - p) ** 2).sum(axis=-1)):
        ours = metrics.MeanMetricWrapper(function, name="m")
        theirs = keras.metrics.MeanMetricWrapper(function, name="m")
        for n in (5, 1, 8):
            y, p = (a.astype(np.float32) for a in numbers(rng, n))
            w = None if weighting is None else rng.uniform(0.1, 2, n).astype(np.float32)
            ours.update_state(y, p, sample_weight=w)
            theirs.update_state(y, p, sample_weight=w)
            found, expected = ours.result(), float(theirs.result())
            TABLE.compare("metrics.MeanMetricWrapper", "value", found, expected, "float32")
            assert found == pytest.approx(expected, rel=2e-6)


def test_ties_and_nan(keras: Any) -> None:
    p = np.array(
        [[0.5, 0.5, 0.1], [0.5, 0.5, 0.1], [np.nan, 0.2, 0.1], [0.3, np.nan, 0.5]], np.float32
    )
    y = np.array([0, 1, 0, 2])
    for k in (1, 2, 3):
        ours = metrics.sparse_top_k_categorical_accuracy(y, p, k=k)
        np.testing.assert_array_equal(
            ours, keras.metrics.sparse_top_k_categorical_accuracy(y, p, k=k)
        )
    ids = np.array([[2, 1, 0], [0, 2, 1], [1, 0, 2], [2, 1, 0]], np.float32)
    np.testing.assert_array_equal(
        metrics.sparse_top_k_categorical_accuracy(y, ids, 2, from_sorted_ids=True),
        keras.metrics.sparse_top_k_categorical_accuracy(y, ids, 2, from_sorted_ids=True),
    )


REQUIRED = {
    "IoU": (3, [1]), "MeanIoU": (3,), "OneHotIoU": (3, [1]), "OneHotMeanIoU": (3,),
    "PrecisionAtRecall": (0.5,), "RecallAtPrecision": (0.5,),
    "SensitivityAtSpecificity": (0.5,), "SpecificityAtSensitivity": (0.5,),
}  # fmt: skip


def test_every_metric_of_keras_is_there(keras: Any) -> None:
    theirs = {name for name in dir(keras.metrics) if isinstance(getattr(keras.metrics, name), type)}
    assert theirs <= set(metrics.__all__)


def test_signatures_names_and_directions(keras: Any) -> None:
    for cls in metrics.registry.classes():
        theirs = getattr(keras.metrics, cls.__name__)
        own, their = inspect.signature(cls).parameters, inspect.signature(theirs).parameters
        assert [(n, a.default) for n, a in own.items()] == [
            (n, a.default) for n, a in their.items()
        ]
        if cls is not metrics.MeanMetricWrapper:
            keras.utils.clear_session(free_memory=False)  # Keras counts its names: auc, auc_1, ...
            arguments = REQUIRED.get(cls.__name__, ())
            made = theirs(*arguments)
            assert cls(*arguments).name == made.name
            assert cls.direction == getattr(made, "_direction", cls.direction)


@pytest.mark.parametrize(
    ("true", "pred"),
    [((8, 1), (8, 1)), ((8,), (8, 1)), ((8,), (8, 4)), ((8, 1), (8, 4)), ((8, 4), (8, 4)),
     ((8, 3), (8, 3, 4)), ((8, 3, 4), (8, 3, 4)), ((8, 3, 1), (8, 3, 4))],
)  # fmt: skip
def test_accuracy_is_resolved_as_in_keras(keras: Any, true: Any, pred: Any) -> None:
    from keras.src.trainers.compile_utils import get_metric

    theirs = get_metric("accuracy", np.zeros(true), np.zeros(pred))
    assert type(metrics.resolve_accuracy("mse", true, pred)).__name__ == type(theirs).__name__
