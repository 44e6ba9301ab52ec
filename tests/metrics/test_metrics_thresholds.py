"""Metrics of hits and misses: by hand, against counting one by one, and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import layers, metrics, models
from minidl.metrics import counts

Y = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
P = np.array([[0.1, 0.5], [0.7, 0.9], [0.3, 0.2], [0.6, 0.0]])


class TestCounts:
    @given(
        st.lists(
            st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 4)), min_size=1, max_size=30
        ),
        st.lists(st.integers(0, 10), min_size=1, max_size=6),
    )
    def test_as_counted_one_by_one(self, samples: Any, tenths: Any) -> None:
        y, p, w = (np.array(column) for column in zip(*samples, strict=True))
        thresholds = [t / 10 for t in tenths]
        found = counts.count(y, p / 10, thresholds, w, owner="test", dtype="float64")
        for i, t in enumerate(tenths):
            above = p > t
            expected = [(y & above), (~y & above), (~y & ~above), (y & ~above)]
            assert [c[i] for c in found] == [float(w[cell].sum()) for cell in expected]

    def test_nothing_below_the_lowest_is_exactly_nothing(self) -> None:
        w = np.random.default_rng(0).random(1000)
        y, p = np.ones(1000), np.linspace(0.1, 1, 1000)
        found = counts.count(y, p, [0.0, 0.5], w, owner="test", dtype="float64")
        assert found.false_negatives[0] == 0.0
        assert metrics.SpecificityAtSensitivity(1.0)([0, *y], [0.0, *p], [1, *w]) == 1.0

    def test_even_thresholds_clip_scores(self) -> None:
        assert counts.are_even([0, 0.5, 1])
        assert not counts.are_even([0, 1])
        assert not counts.are_even([0, 0.4, 1])
        assert metrics.TruePositives([0.0, 0.5, 1.0])([1, 1], [7.0, -7.0]).tolist() == [1, 1, 0]
        assert metrics.TruePositives([0.0, 1.0])([1, 1], [7.0, -7.0]).tolist() == [1, 1]

    def test_by_hand(self) -> None:
        # Above one half: (0, 1), with 0.5 itself below; so positives are 0.7, 0.9 and 0.6.
        assert metrics.TruePositives()(Y, P) == 2
        assert metrics.FalsePositives()(Y, P) == 1
        assert metrics.FalseNegatives()(Y, P) == 2
        assert metrics.TrueNegatives()(Y, P) == 3
        assert metrics.Precision()(Y, P) == 2 / 3
        assert metrics.Recall()(Y, P) == 0.5

    def test_a_threshold_keeps_its_place(self) -> None:
        metric = metrics.TruePositives(thresholds=[0.8, 0.0, 0.4])
        metric.update_state(Y, P)
        assert metric.result().tolist() == [1, 4, 3]
        assert metric.get_config()["thresholds"] == [0.8, 0.0, 0.4]
        assert type(metrics.TruePositives()(Y, P)) is float

    def test_a_result_is_a_copy(self) -> None:
        metric = metrics.TruePositives(thresholds=[0.1, 0.2])
        first = metric(Y, P)
        metric.update_state(Y, P)
        assert first.tolist() == [4, 4]


class TestTopK:
    Y = np.array([[0, 0, 1, 0], [1, 0, 0, 0]])
    P = np.array([[0.4, 0.1, 0.3, 0.2], [0.2, 0.2, 0.2, 0.2]])

    def test_of_equal_scores_the_first(self) -> None:
        assert metrics.Recall(top_k=1)(self.Y, self.P) == 0.5
        assert metrics.Recall(top_k=2)(self.Y, self.P) == 1.0
        assert metrics.Precision(top_k=2)(self.Y, self.P) == 0.5
        assert metrics.Precision(top_k=2, thresholds=0.35)(self.Y, self.P) == 0.0

    def test_with_a_class(self) -> None:
        assert metrics.Precision(top_k=2, class_id=2)(self.Y, self.P) == 1.0
        assert metrics.Recall(class_id=1)(self.Y, self.P) == 0.0
        w = np.array([[0, 0, 3.0, 0], [0, 0, 1, 0]])  # a weight for each score, of which one counts
        assert metrics.FalseNegatives()(self.Y, self.P, w) == 3
        assert metrics.Precision(class_id=2, thresholds=0.1)(self.Y, self.P, w) == 0.75

    def test_too_few_classes(self) -> None:
        with pytest.raises(ValueError, match=r"top_k=5 and y_pred of shape \(2, 4\)"):
            metrics.Recall(top_k=5)(self.Y, self.P)
        with pytest.raises(ValueError, match=r"class_id=4 and .*at least 5 classes"):
            metrics.Recall(class_id=4)(self.Y, self.P)
        with pytest.raises(ValueError, match="class_id=0"):
            metrics.Recall(class_id=0)([1, 0], [0.5, 0.6])


class TestAUC:
    def test_perfect_reversed_and_blind(self) -> None:
        y, p = np.repeat([0, 1], 50), np.linspace(0, 1, 100)
        assert metrics.AUC()(y, p) == 1.0
        assert metrics.AUC()(y, 1 - p) == 0.0
        assert metrics.AUC()(y, np.full(100, 0.3)) == 0.5
        assert metrics.AUC(curve="pr")(y, p) == pytest.approx(1.0)
        assert metrics.AUC(from_logits=True)(y, 20 * p - 10) == 1.0

    def test_it_is_the_chance_of_the_right_order(self) -> None:
        rng = np.random.default_rng(1)
        y = rng.integers(0, 2, 300)
        p = rng.integers(0, 101, 300) / 100
        pairs = p[y == 1][:, None] - p[y == 0]
        chance = (pairs > 0).mean() + (pairs == 0).mean() / 2
        thresholds = [i / 100 + 0.005 for i in range(100)]
        assert metrics.AUC(thresholds=thresholds)(y, p) == pytest.approx(chance, rel=1e-12)

    def test_labels_apart(self) -> None:
        metric = metrics.AUC(multi_label=True)
        areas = [metrics.AUC()(Y[:, i], P[:, i]) for i in (0, 1)]
        assert metric(Y, P) == pytest.approx(np.mean(areas))
        weighted = metrics.AUC(multi_label=True, label_weights=[3, 1])
        assert weighted(Y, P) == pytest.approx(np.average(areas, weights=[3, 1]))

    def test_one_kind_of_target_only(self) -> None:
        assert metrics.AUC()([1, 1], [0.2, 0.8]) == 0.0
        for curve in ("ROC", "PR", "PRGAIN"):
            for y in ([1, 1], [0, 0]):
                assert np.isfinite(metrics.AUC(curve=curve)(y, [0.2, 0.8]))

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match=r"unknown curve 'ROCK'\. Did you mean 'ROC'"):
            metrics.AUC(curve="rock")
        with pytest.raises(ValueError, match="unknown summation_method 'middle'"):
            metrics.AUC(summation_method="middle")
        with pytest.raises(ValueError, match="num_thresholds=1, expected at least 2"):
            metrics.AUC(num_thresholds=1)
        with pytest.raises(ValueError, match="num_labels=3 without multi_label=True"):
            metrics.AUC(num_labels=3)
        with pytest.raises(ValueError, match="2 label_weights for 3 labels"):
            metrics.AUC(multi_label=True, num_labels=3, label_weights=[1, 2])
        with pytest.raises(ValueError, match=r"label_weights=\[-1\]"):
            metrics.AUC(label_weights=[-1])
        with pytest.raises(ValueError, match=r"shape \(2,\), expected \(batch, labels\)"):
            metrics.AUC(multi_label=True, num_labels=2)([1, 0], [0.5, 0.5])


class TestLevels:
    def test_none_reaches_it(self) -> None:
        assert metrics.PrecisionAtRecall(0.9)([1, 0], [0.0, 0.9]) == 0.0
        assert metrics.RecallAtPrecision(0.9)([1, 0], [0.2, 0.9]) == 0.0

    def test_errors(self) -> None:
        for cls in (metrics.PrecisionAtRecall, metrics.SensitivityAtSpecificity):
            with pytest.raises(ValueError, match="expected a number at least 0 and at most 1"):
                cls(1.5)
            with pytest.raises(ValueError, match="num_thresholds=0"):
                cls(0.5, num_thresholds=0)

    @pytest.mark.parametrize("thresholds", [1.5, [0.5, -0.1], [None], "half", []])
    def test_thresholds(self, thresholds: Any) -> None:
        with pytest.raises(ValueError, match="thresholds="):
            metrics.Precision(thresholds=thresholds)

    @pytest.mark.parametrize("class_id", [-1, 1.0, "a", True])
    def test_class_id(self, class_id: Any) -> None:
        with pytest.raises(ValueError, match="class_id="):
            metrics.Recall(class_id=class_id)


class TestFScores:
    def test_averages(self) -> None:
        y = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        p = np.array([[9, 1, 0], [1, 9, 0], [1, 9, 0], [0, 0, 0]])
        # Classes: TP 1 FN 1; TP 1 FP 1; FN 1 (a row of zeros has no positive).
        scores = np.array([2 / 3, 2 / 3, 0])
        for average, expected in (
            (None, scores),
            ("macro", scores.mean()),
            ("weighted", (scores * [2, 1, 1]).sum() / 4),
            ("micro", 4 / 7),  # TP 2, FP 1, FN 2
        ):
            np.testing.assert_allclose(metrics.F1Score(average)(y, p), expected, rtol=1e-6)

    def test_beta_tells_recall_from_precision(self) -> None:
        y, p = np.array([[1], [1], [1], [1]]), np.array([[0.9], [0.1], [0.1], [0.1]])
        f = {b: metrics.FBetaScore("macro", b, 0.5)(y, p) for b in (0.5, 1.0, 2.0)}
        for b, value in f.items():
            assert value == pytest.approx((1 + b * b) * 0.25 / (b * b + 0.25), rel=1e-6)

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="average='mean', expected one of"):
            metrics.F1Score("mean")
        for beta in (0, -1.0, "2"):
            with pytest.raises(ValueError, match="beta="):
                metrics.FBetaScore(beta=beta)  # type: ignore[arg-type]
        for threshold in (0.0, 1.5):
            with pytest.raises(ValueError, match="threshold="):
                metrics.F1Score(threshold=threshold)
        metric = metrics.F1Score()
        with pytest.raises(ValueError, match=r"expected \(batch, classes\)"):
            metric(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
        metric.update_state(Y, P)
        with pytest.raises(ValueError, match="after batches of 2 classes"):
            metric.update_state(np.zeros((2, 3)), np.zeros((2, 3)))


class TestR2:
    def test_targets_without_variance(self) -> None:
        same = np.full((3, 1), 7.3)
        assert metrics.R2Score()(same, same) == 1.0
        assert metrics.R2Score()(same, same + 1) == 0.0
        far = metrics.R2Score()
        y = np.array([[1e8], [1e8 + 1], [1e8 + 2]])
        far.update_state(y[:1], y[:1])
        far.update_state(y[1:], y[1:] + 0.5)
        assert far.result() == pytest.approx(1 - 0.5 / 2)

    def test_no_better_than_the_mean(self) -> None:
        y = np.array([[1.0], [2.0], [6.0]])
        assert metrics.R2Score()(y, np.full((3, 1), 3.0)) == pytest.approx(0, abs=1e-12)

    def test_adjusted(self) -> None:
        y, p = np.array([[1.0], [2.0], [4.0], [3.0]]), np.array([[1.0], [2.0], [3.0], [3.5]])
        plain = metrics.R2Score()(y, p)
        assert metrics.R2Score(num_regressors=2)(y, p) == pytest.approx(1 - (1 - plain) * 3)
        with pytest.warns(UserWarning, match="4 targets and 3 regressors"):
            assert metrics.R2Score(num_regressors=3)(y, p) == plain

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="class_aggregation='sum'"):
            metrics.R2Score("sum")
        with pytest.raises(ValueError, match="num_regressors=-1"):
            metrics.R2Score(num_regressors=-1)
        metric = metrics.R2Score()
        metric.update_state(Y, P)
        with pytest.raises(ValueError, match="after batches of 2 outputs"):
            metric.update_state(Y[:, :1], P[:, :1])
        with pytest.raises(ValueError, match=r"expected \(batch, outputs\)"):
            metric.update_state(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))


class TestIoU:
    def test_by_hand(self) -> None:
        y, p = [0, 0, 1, 2, 2], [0, 1, 1, 1, 2]
        # Class 0: 1 of 2; class 1: 1 of 3; class 2: 1 of 2. There is no class 3.
        metric = metrics.MeanIoU(4)
        assert metric(y, p) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3, rel=1e-6)
        assert metric.total_cm.value.sum() == 5
        assert metrics.IoU(4, [1])(y, p) == pytest.approx(1 / 3, rel=1e-6)
        assert metrics.MeanIoU(4, ignore_class=2)(y, p) == pytest.approx(1 / 2, rel=1e-6)

    def test_weights_stay_numbers(self) -> None:
        metric = metrics.IoU(2, [1])
        assert metric([1, 1, 0], [1, 0, 1], [0.5, 0.25, 0.25]) == pytest.approx(0.5, rel=1e-6)
        maps = metrics.IoU(2, [1])
        maps.update_state(np.ones((2, 3)), np.eye(2, 3), sample_weight=[1, 3])
        assert maps.result() == pytest.approx(4 / 12, rel=1e-6)

    def test_what_is_no_class_is_left_out(self) -> None:
        metric = metrics.MeanIoU(2)
        metric.update_state([0, 1, 255, -1, 1], [0, 1, 1, 0, 2])
        assert metric.total_cm.value.tolist() == [[1, 0], [0, 1]]

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match=r"target_class_ids=\[0, 3\], expected .* to 2"):
            metrics.IoU(3, [0, 3])
        with pytest.raises(ValueError, match="num_classes=0"):
            metrics.MeanIoU(0)


class TestCorrelations:
    def test_by_hand(self) -> None:
        y = np.array([[1.0, 2.0, 3.0]])
        assert metrics.PearsonCorrelation()(y, 5 - 2 * y) == pytest.approx(-1)
        assert metrics.ConcordanceCorrelation()(y, y) == pytest.approx(1, rel=1e-6)
        # Moved by 1: 2 var / (2 var + 1), with a variance of 2/3.
        assert metrics.ConcordanceCorrelation()(y, y + 1) == pytest.approx(4 / 7, rel=1e-6)
        assert metrics.PearsonCorrelation()(y, np.ones((1, 3))) == 0.0

    def test_one_value_has_none(self) -> None:
        for cls in (metrics.PearsonCorrelation, metrics.ConcordanceCorrelation):
            with pytest.raises(ValueError, match="pass axis=0"):
                cls()([[1.0], [2.0]], [[1.0], [2.0]])


def test_in_training_by_name_and_with_arrays_in_history() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = np.eye(2)[(x.sum(axis=1) > 0).astype(int)]
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["AUC", "precision", "f1_score"])
    history = model.fit(x, y, epochs=2, batch_size=16, verbose=0, validation_split=0.25).history
    assert {"AUC", "precision", "f1_score", "val_AUC"} <= set(history)
    assert history["f1_score"][0].shape == (2,)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    p = model.predict(x)
    assert results["AUC"] == pytest.approx(metrics.AUC()(y, p))
    assert results["precision"] == pytest.approx(metrics.Precision()(y, p))


def test_two_metrics_of_one_name_are_told_apart() -> None:
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])
    plain, weighted = ([metrics.Precision(class_id=i) for i in (0, 1)] for _ in range(2))
    model.compile("sgd", "categorical_crossentropy", metrics=plain, weighted_metrics=weighted)
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.eye(2)[np.arange(40) % 2]
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    names = ["precision", "precision_1", "weighted_precision", "weighted_precision_1"]
    assert list(results) == ["loss", *names]
    p = model.predict(x)
    for i, name in enumerate(names[:2]):
        assert results[name] == pytest.approx(metrics.Precision(class_id=i)(y, p))
