"""Metrics by hand, and over a stream of batches against the whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import losses, metrics

ROWS = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
CLASSES = np.array([1, 2, 2, 0])  # 2 of 4 are right, 4 of 4 among the first two


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-12)


class TestMeanAndSum:
    def test_mean(self) -> None:
        mean = metrics.Mean()
        assert mean.result() == 0.0
        mean.update_state([1, 2, 3])
        mean.update_state(10)
        assert mean.result() == 4.0
        assert type(mean.result()) is float
        mean.update_state([])
        assert mean.result() == 4.0
        mean.reset_state()
        assert mean.result() == 0.0

    @pytest.mark.parametrize(
        ("weights", "expected"),
        [
            (2.0, 3.5),
            ([1, 0], 2.0),
            ([1, 3], 4.25),
            ([[1], [3]], 4.25),
            ([[1, 0, 0], [0, 0, 1]], 3.5),
            (np.ones((2, 3, 1)), 3.5),
        ],
    )
    def test_weighted_mean(self, weights: Any, expected: float) -> None:
        mean = metrics.Mean()
        mean.update_state([[1, 2, 3], [4, 5, 6]], sample_weight=weights)
        assert mean.result() == close(expected)

    def test_samples_count_the_same_in_batches_of_another_width(self) -> None:
        mean = metrics.Mean()
        mean.update_state([[1, 3]])
        mean.update_state([[5, 5, 5, 9]])
        assert mean.result() == 4.0

    def test_all_weights_zero(self) -> None:
        assert metrics.Mean()([1, 2], [0, 0]) == 0.0

    @pytest.mark.parametrize(
        ("weights", "expected"),
        [(None, 21), ([1, 0], 6), ([[1], [2]], 36), (np.eye(2, 3), 6), (2, 42)],
    )
    def test_sum(self, weights: Any, expected: float) -> None:
        assert metrics.Sum()([[1, 2, 3], [4, 5, 6]], weights) == expected

    def test_sums_are_double_precision(self) -> None:
        mean = metrics.Mean()
        values = np.full(1000, 16777217 / 16777216, np.float32)
        values[0] = np.float32(2**24)
        mean.update_state(values)
        assert mean.result() == values.astype(np.float64).mean()
        assert mean.total.dtype == mean.count.dtype == np.float64


class TestAccuracies:
    def test_by_hand(self) -> None:
        rows = np.eye(3)[CLASSES]
        assert metrics.Accuracy()([[1], [2]], [[1], [3]]) == 0.5
        assert metrics.CategoricalAccuracy()(rows, ROWS) == 0.5
        for y in (CLASSES, CLASSES[:, None], CLASSES.astype(np.float32), CLASSES.astype(np.uint8)):
            assert metrics.SparseCategoricalAccuracy()(y, ROWS) == 0.5
            assert metrics.SparseTopKCategoricalAccuracy(k=2)(y, ROWS) == 1.0
            assert metrics.SparseTopKCategoricalAccuracy(k=1)(y, ROWS) == 0.5
        assert metrics.TopKCategoricalAccuracy(k=2)(rows, ROWS) == 1.0
        assert metrics.TopKCategoricalAccuracy(k=99)(rows, ROWS) == 1.0

    def test_weighted(self) -> None:
        w = [1, 0, 0, 3]
        assert metrics.SparseCategoricalAccuracy()(CLASSES, ROWS, w) == 0.25
        assert metrics.CategoricalAccuracy()(np.eye(3)[CLASSES], ROWS, w) == 0.25
        assert metrics.BinaryAccuracy()([[1], [1], [0], [0]], [[0.9], [0], [0], [1.0]], w) == 0.25

    def test_binary_threshold(self) -> None:
        y, p = [1, 0, 1, 1], [[0.7], [0.2], [0.5], [0.4]]
        assert metrics.BinaryAccuracy()(y, p) == 0.5
        assert metrics.BinaryAccuracy(threshold=0.3)(y, p) == 1.0
        assert metrics.BinaryAccuracy(threshold=0)(y, p) == 0.75
        assert metrics.BinaryAccuracy()(np.array(y, bool), p) == 0.5

    def test_time_steps(self) -> None:
        y, p = CLASSES.reshape(2, 2), ROWS.reshape(2, 2, 3)
        for target in (y, y[..., None]):
            metric = metrics.SparseCategoricalAccuracy()
            assert metric(target, p) == 0.5
            metric.reset_state()
            assert metric(target, p, [0, 1]) == 0.5
            metric.reset_state()
            assert metric(target, p, [[1, 0], [1, 0]]) == 1.0
        assert metrics.CategoricalAccuracy()(np.eye(3)[y], p) == 0.5

    def test_ties_and_nan(self) -> None:
        top = metrics.SparseTopKCategoricalAccuracy
        assert top(k=1)([0, 1], [[0.5, 0.5, 0.0]] * 2) == 1.0
        assert top(k=2)([2], [[0.5, 0.5, 0.0]]) == 0.0
        assert top(k=1)([0], [[np.nan, 0.5, 0.0]]) == 0.0

    def test_sorted_ids(self) -> None:
        metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
        assert metric([2, 1], [[2, 0, 1], [0, 2, 1]]) == 0.5

    def test_functions_give_zeros_and_ones(self) -> None:
        rows = np.eye(3)[CLASSES]
        for values in (
            metrics.categorical_accuracy(rows, ROWS),
            metrics.sparse_categorical_accuracy(CLASSES, ROWS),
            metrics.top_k_categorical_accuracy(rows, ROWS, k=1),
            metrics.sparse_top_k_categorical_accuracy(CLASSES, ROWS, k=1),
        ):
            assert values.dtype == np.float32
            assert values.tolist() == [1, 0, 1, 0]
        assert metrics.binary_accuracy([[1, 0]], [[0.4, 0.4]], 0.3).tolist() == [[1, 0]]
        assert metrics.accuracy([[1, 0]], [[1, 1]]).tolist() == [[1, 0]]
        ids = metrics.sparse_top_k_categorical_accuracy([1], [[0, 1]], k=1, from_sorted_ids=True)
        assert ids.tolist() == [0]


LOSS_METRICS: list[tuple[metrics.Metric, losses.Loss]] = [
    (metrics.MeanSquaredError(), losses.MeanSquaredError()),
    (metrics.MeanAbsoluteError(), losses.MeanAbsoluteError()),
    (metrics.MeanAbsolutePercentageError(), losses.MeanAbsolutePercentageError()),
    (metrics.MeanSquaredLogarithmicError(), losses.MeanSquaredLogarithmicError()),
    (metrics.LogCoshError(), losses.LogCosh()),
    (metrics.Hinge(), losses.Hinge()),
    (metrics.SquaredHinge(), losses.SquaredHinge()),
    (metrics.CategoricalHinge(), losses.CategoricalHinge()),
    (metrics.KLDivergence(), losses.KLDivergence()),
    (metrics.Poisson(), losses.Poisson()),
    (metrics.BinaryCrossentropy(), losses.BinaryCrossentropy()),
    (
        metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        losses.BinaryCrossentropy(True, 0.1),
    ),
    (metrics.CategoricalCrossentropy(), losses.CategoricalCrossentropy()),
    (
        metrics.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        losses.CategoricalCrossentropy(True, 0.1),
    ),
    (metrics.SparseCategoricalCrossentropy(), losses.SparseCategoricalCrossentropy()),
    (
        metrics.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
        losses.SparseCategoricalCrossentropy(True, 1),
    ),
]


@pytest.mark.parametrize(
    ("metric", "loss"), LOSS_METRICS, ids=[f"{i}-{m.name}" for i, (m, _) in enumerate(LOSS_METRICS)]
)
@given(
    seed=st.integers(0, 99),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    weighted=st.booleans(),
)
def test_metric_of_a_loss_is_its_weighted_mean(
    metric: metrics.Metric, loss: losses.Loss, seed: int, sizes: list[int], weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    p = rng.uniform(0.05, 0.95, (n, 2, 3))
    sparse = isinstance(loss, losses.SparseCategoricalCrossentropy)
    y = rng.integers(0, 3, (n, 2)) if sparse else np.eye(3)[rng.integers(0, 3, (n, 2))]
    w = rng.uniform(0.1, 2, n) if weighted else None
    metric.reset_state()
    start = 0
    for size in sizes:
        part = slice(start, start + size)
        metric.update_state(y[part], p[part], None if w is None else w[part])
        start += size
    values = loss.values(y, p)
    factors = np.ones((n, 2)) * (1 if w is None else w[:, None])
    if sparse and loss.ignore_class is not None:  # type: ignore[attr-defined]
        factors *= y != loss.ignore_class  # type: ignore[attr-defined]
    total = factors.sum()
    assert metric.result() == close(float((values * factors).sum() / total) if total else 0.0)


def test_root_mean_squared_error() -> None:
    metric = metrics.RootMeanSquaredError()
    metric.update_state([[0.0, 0.0]], [[1.0, 7.0]])
    assert metric.result() == close(5)
    metric.update_state([0.0, 1.0], [0.0, 0.0], sample_weight=[1, 0])
    assert metric.result() == close(math.sqrt(12.5))
    metric.reset_state()
    assert metric(np.array([[0]], np.uint8), np.array([[20]], np.uint8)) == 20.0
    assert metrics.RootMeanSquaredError()([1, 2], [[1.0], [3.0]]) == close(math.sqrt(0.5))


def test_cosine_similarity() -> None:
    y, p = [[0, 1], [1, 1]], [[0.0, 2.0], [-1.0, -1.0]]
    assert metrics.CosineSimilarity()(y, p) == close(0)
    assert metrics.CosineSimilarity()(y, p, [3, 1]) == close(0.5)
    assert metrics.cosine_similarity(y, p).tolist() == pytest.approx([1, -1])


def test_ignored_classes_do_not_count() -> None:
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    p = np.full((3, 2), 0.5)
    assert metric([0, -1, 1], p) == close(math.log(2))
    metric.reset_state()
    assert metric([[0], [-1], [1]], p, [1, 5, 0]) == close(math.log(2))
    metric.reset_state()
    assert metric([-1, -1, -1], p) == 0.0
