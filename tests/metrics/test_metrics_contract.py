"""What a metric promises: variables, resetting, names, configurations, errors."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest

import minidl
from minidl import losses, metrics
from minidl.metrics import Metric


class TruePositives(Metric):
    """Written as in Keras's guide."""

    def __init__(self, name: str = "true_positives", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(shape=(), initializer="zeros", name="tp")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = np.logical_and(np.equal(y_true, 1), np.equal(y_pred, 1)).astype("float32")
        if sample_weight is not None:
            values = values * np.reshape(sample_weight, (-1, 1))
        self.true_positives.assign(self.true_positives + np.sum(values))

    def result(self) -> Any:
        return self.true_positives


class TestSubclass:
    def test_keras_idiom(self) -> None:
        metric = TruePositives()
        metric.update_state([[1], [1], [0]], [[1], [0], [1]])
        metric.update_state([[1], [1], [0]], [[1], [1], [1]], sample_weight=[1, 3, 1])
        assert float(metric.result()) == 5
        assert np.ndim(metric.result()) == 0
        assert [v.path for v in metric.variables] == ["true_positives/tp"]
        assert metric.variables[0].dtype == np.float64
        assert not metric.variables[0].trainable
        metric.reset_state()
        assert float(metric.result()) == 0
        assert metric.get_config() == {"name": "true_positives", "dtype": "float32"}
        assert TruePositives.from_config({"name": "tp", "dtype": "float64"}).name == "tp"

    def test_variables_are_reset_to_their_first_values(self) -> None:
        class Several(Metric):
            def __init__(self) -> None:
                super().__init__()
                self.low = self.add_variable((2,), "ones", name="low")
                self.counts = self.add_variable(3, dtype="int64")
                self.inner = metrics.Mean()
                self.more = [metrics.Sum(), metrics.Sum()]

            def update_state(self, x: Any) -> None:
                self.low.assign(np.minimum(self.low, x))
                self.counts.assign_add(1)
                self.inner.update_state(x)
                self.more[1].update_state(x)

            def result(self) -> float:
                return self.inner.result() + self.more[1].result() + float(self.low[0])

        metric = Several()
        assert metric.name == "several"
        assert [v.name for v in metric.variables] == [
            "low",
            "variable_1",
            "total",
            "count",
            "total",
            "total",
        ]
        assert metric.counts.dtype == np.int64
        assert metric([-3.0, 5.0]) == 1 + 2 - 3
        metric.reset_state()
        assert metric.low.value.tolist() == [1, 1]
        assert metric.counts.value.tolist() == [0, 0, 0]
        assert metric.result() == 1

    def test_a_variable_made_late_is_reset_too(self) -> None:
        class Late(Metric):
            def update_state(self, x: Any) -> None:
                if not self.variables:
                    self.total = self.add_weight(np.shape(x))
                self.total.assign_add(x)

            def result(self) -> Any:
                return self.total.value

        metric = Late()
        metric.update_state(np.ones(2))
        metric.reset_state()
        metric.update_state(np.ones(2))
        assert metric.result().tolist() == [1, 1]

    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(NotImplementedError, match=r"has no update_state\. Write"):
            Metric()(1, 2)
        with pytest.raises(NotImplementedError, match=r"has no result\. Write"):
            Metric().result()

        class NoInit(Metric):
            def __init__(self) -> None:
                self.total = self.add_weight()

        with pytest.raises(AttributeError, match=r"Call super\(\)\.__init__"):
            NoInit()
        with pytest.raises(AttributeError, match="Mean has no attribute 'sum'"):
            metrics.Mean().sum  # noqa: B018
        with pytest.raises(ValueError, match="float16"):
            metrics.Mean(dtype="float16")


class TestWrapper:
    def test_plain_function(self) -> None:
        def spread(y_true: Any, y_pred: Any, factor: float = 1.0) -> Any:
            return factor * (y_pred.max(axis=-1) - y_pred.min(axis=-1))

        p = np.array([[1.0, 3.0], [0.0, 4.0]])
        metric = metrics.get(spread)
        assert isinstance(metric, metrics.MeanMetricWrapper)
        assert metric.name == "spread"
        assert metric(None, p) == 3
        double = metrics.MeanMetricWrapper(spread, name="double", factor=2.0)
        assert double(None, p, [1, 0]) == 4
        config = double.get_config()
        with minidl.saving.custom_object_scope({"spread": spread}):
            assert metrics.MeanMetricWrapper.from_config(config)(None, p) == 6
        assert config.pop("fn")["config"] == "spread"
        assert config == {"name": "double", "dtype": "float32", "factor": 2.0}

    def test_not_a_function(self) -> None:
        with pytest.raises(TypeError, match="fn='mse', expected a function"):
            metrics.MeanMetricWrapper("mse")  # type: ignore[arg-type]

    def test_a_subclass_of_a_mean_metric(self) -> None:
        class Mine(metrics.MeanMetricWrapper):
            def __init__(self, name: str | None = None) -> None:
                super().__init__(lambda y_true, y_pred: y_pred, name=name)

        assert Mine().name == "mine"


ALL = [cls for cls in metrics.registry.classes() if cls is not metrics.MeanMetricWrapper]
OF_VALUES = (metrics.Mean, metrics.Sum)
CORRELATIONS = (metrics.ConcordanceCorrelation, metrics.PearsonCorrelation)
RANK_2 = (metrics.F1Score, metrics.FBetaScore, metrics.R2Score)
REQUIRED: dict[type[Metric], tuple[Any, ...]] = {
    metrics.IoU: (2, [1]),
    metrics.MeanIoU: (2,),
    metrics.OneHotIoU: (2, [0]),
    metrics.OneHotMeanIoU: (2,),
    metrics.PrecisionAtRecall: (0.5,),
    metrics.RecallAtPrecision: (0.5,),
    metrics.SensitivityAtSpecificity: (0.5,),
    metrics.SpecificityAtSensitivity: (0.5,),
}


def make(cls: Any, **settings: Any) -> Metric:
    metric: Metric = cls(*REQUIRED.get(cls, ()), **settings)
    return metric


def batch_for(cls: type[Metric], rows: int = 4) -> tuple[Any, ...]:
    """Return the arguments of `update_state` for a metric of this kind."""
    shape = (rows, 2) if cls in RANK_2 else (rows, 3, 2)
    p = np.random.default_rng(0).random(shape)
    if cls in OF_VALUES:
        return (p,)
    if "IoU" in cls.__name__ and "OneHot" not in cls.__name__:
        return (p > 0.4).astype(int), (p > 0.6).astype(int)
    sparse = "Sparse" in cls.__name__
    return np.zeros(shape[:-1] if sparse else shape), p


@pytest.mark.parametrize("cls", ALL)
class TestEveryMetric:
    def test_config_makes_the_same_metric(self, cls: type[Metric]) -> None:
        metric = make(cls, name="mine")
        again = metrics.get(metrics.serialize(metric))
        assert type(again) is cls
        assert again.get_config() == metric.get_config()
        assert metric.get_config()["name"] == "mine"
        assert repr(metric) == f"<{cls.__name__} name=mine>"

    def test_copies_keep_their_own_state(self, cls: type[Metric]) -> None:
        metric = make(cls)
        metric.update_state(*batch_for(cls))
        for variable in metric.variables:
            variable.assign(np.full(variable.shape, 3))
        for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
            assert all((v.value == 3).all() for v in other.variables)
            assert len(other.variables) == len(metric.variables) > 0
            other.reset_state()
            assert not any(v.value.any() for v in other.variables)
            other.update_state(*batch_for(cls))
        assert all((v.value == 3).all() for v in metric.variables)

    def test_direction(self, cls: type[Metric]) -> None:
        counts = ("True", "False")
        expected = None if cls in OF_VALUES or cls.__name__.startswith(counts) else "down"
        if expected and not cls.__name__.endswith(("Error", "entropy", "Hinge", "nce", "Poisson")):
            expected = "up"
        assert cls.direction == expected

    def test_nothing_seen_is_zero(self, cls: type[Metric]) -> None:
        metric = make(cls)
        assert metric.result() == 0.0
        metric.update_state(*batch_for(cls))
        metric.reset_state()
        assert not np.any(metric.result())

    def test_stream_equals_whole(self, cls: type[Metric]) -> None:
        batch = batch_for(cls, rows=8)
        weights = np.arange(1.0, 9.0)
        if cls in CORRELATIONS:
            weights = np.ones(8)
        whole, stream = make(cls), make(cls)
        whole.update_state(*batch, sample_weight=weights)
        for rows in (slice(0, 3), slice(3, 4), slice(4, 8)):
            stream.update_state(*(part[rows] for part in batch), sample_weight=weights[rows])
        np.testing.assert_allclose(stream.result(), whole.result(), rtol=1e-12)

    def test_shapes_never_broadcast(self, cls: type[Metric]) -> None:
        if cls in OF_VALUES:
            return
        for true, pred in (((8, 4), (8, 1)), ((8, 4), (1, 4)), ((2, 3), (3, 2))):
            p = np.full(pred, 0.5)
            if cls in (metrics.OneHotIoU, metrics.OneHotMeanIoU):
                true, p = (*true, 2), np.full((*pred, 2), 0.5)
            shown = str(true[:2])[:-1]
            with pytest.raises(ValueError, match=re.escape(shown)):
                make(cls).update_state(np.zeros(true), p)

    def test_weights_of_another_shape(self, cls: type[Metric]) -> None:
        metric = make(cls)
        batch = batch_for(cls)
        for shape in ((3,), (3, 4), (1, 3)):
            with pytest.raises(ValueError, match=re.escape(f"sample_weight of shape {shape}")):
                metric.update_state(*batch, sample_weight=np.ones(shape))
        metric.update_state(*batch, sample_weight=np.ones(4))


class TestNames:
    @pytest.mark.parametrize(
        ("name", "cls"),
        [
            ("mse", metrics.MeanSquaredError),
            ("mae", metrics.MeanAbsoluteError),
            ("MAPE", metrics.MeanAbsolutePercentageError),
            ("msle", metrics.MeanSquaredLogarithmicError),
            ("root_mean_squared_error", metrics.RootMeanSquaredError),
            ("bce", metrics.BinaryCrossentropy),
            ("accuracy", metrics.Accuracy),
            ("binary_accuracy", metrics.BinaryAccuracy),
            ("categorical_accuracy", metrics.CategoricalAccuracy),
            ("sparse_categorical_accuracy", metrics.SparseCategoricalAccuracy),
            ("top_k_categorical_accuracy", metrics.TopKCategoricalAccuracy),
            ("sparse_top_k_categorical_accuracy", metrics.SparseTopKCategoricalAccuracy),
            ("kl_divergence", metrics.KLDivergence),
            ("CosineSimilarity", metrics.CosineSimilarity),
            ("auc", metrics.AUC),
            ("AUC", metrics.AUC),
            ("precision", metrics.Precision),
            ("Recall", metrics.Recall),
            ("f1_score", metrics.F1Score),
            ("r2_score", metrics.R2Score),
            ("true_positives", metrics.TruePositives),
            ("false_negatives", metrics.FalseNegatives),
            ("binary_io_u", metrics.BinaryIoU),
            ("pearson_correlation", metrics.PearsonCorrelation),
        ],
    )
    def test_get(self, name: str, cls: type[Metric]) -> None:
        assert type(metrics.get(name)) is cls

    def test_get_takes_other_forms(self) -> None:
        metric = metrics.Mean()
        assert metrics.get(None) is None
        assert metrics.get(metric) is metric
        assert type(metrics.get(metrics.Mean)) is metrics.Mean
        config = {"class_name": "TopKCategoricalAccuracy", "config": {"k": 3}}
        assert metrics.deserialize(config).k == 3  # type: ignore[union-attr]
        with pytest.raises(ValueError, match="Did you mean 'binary_accuracy'"):
            metrics.get("binary_acuracy")

    def test_all_is_sorted_and_there(self) -> None:
        assert metrics.__all__ == sorted(metrics.__all__)
        assert all(hasattr(metrics, name) for name in metrics.__all__)


class TestResolve:
    CASES = (
        ((8, 1), (8, 1), "Binary"),
        ((8,), (8, 1), "Binary"),
        ((8,), (8,), "Binary"),
        ((8, 5, 1), (8, 5, 1), "Binary"),
        ((8,), (8, 10), "SparseCategorical"),
        ((8, 1), (8, 10), "SparseCategorical"),
        ((None, 7), (None, 7, 10), "SparseCategorical"),
        ((8, 10), (8, 10), "Categorical"),
        ((8, 7, 10), (8, 7, 10), "Categorical"),
    )

    @pytest.mark.parametrize(("true", "pred", "kind"), CASES)
    def test_by_shapes(self, true: Any, pred: Any, kind: str) -> None:
        for loss in ("mse", losses.BinaryCrossentropy(), None):
            metric = metrics.resolve_accuracy(loss, true, pred)
            assert type(metric).__name__ == kind + "Accuracy"
            assert metric.name == "accuracy"
            metric = metrics.resolve_crossentropy(loss, true, pred)
            assert type(metric).__name__ == kind + "Crossentropy"

    def test_by_loss_where_targets_are_unknown(self) -> None:
        resolve = metrics.resolve_accuracy
        sparse = "sparse_categorical_crossentropy"
        assert type(resolve(sparse, None, (8, 3))) is metrics.SparseCategoricalAccuracy
        assert type(resolve("mse", None, (8, 3))) is metrics.CategoricalAccuracy
        assert type(resolve(None, None, (8, 1))) is metrics.BinaryAccuracy

    def test_crossentropy_on_logits(self) -> None:
        loss = losses.CategoricalCrossentropy(from_logits=True)
        metric = metrics.resolve_crossentropy(loss, (8, 3), (8, 3))
        assert metric.from_logits  # type: ignore[attr-defined]


class TestErrors:
    def test_hints(self) -> None:
        rows, ids, p = np.eye(3), np.zeros(3), np.full((3, 3), 0.5)
        with pytest.raises(ValueError, match="class numbers: use sparse_categorical_accuracy"):
            metrics.CategoricalAccuracy()(ids, p)
        with pytest.raises(ValueError, match="class numbers: use sparse_top_k"):
            metrics.TopKCategoricalAccuracy()(ids, p)
        with pytest.raises(ValueError, match="one-hot rows: use categorical_accuracy"):
            metrics.SparseCategoricalAccuracy()(rows, p)
        with pytest.raises(ValueError, match="from 0 to 2: there is a prediction for each class"):
            metrics.SparseTopKCategoricalAccuracy()([0, 1, 3], p)
        with pytest.raises(ValueError, match="from 0 to 2"):
            metrics.SparseTopKCategoricalAccuracy()([0, 1, -1], p)

    def test_arguments(self) -> None:
        for k in (0, 1.5, None, True):
            with pytest.raises(ValueError, match="positive integer"):
                metrics.TopKCategoricalAccuracy(k=k)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="threshold='high'"):
            metrics.BinaryAccuracy(threshold="high")  # type: ignore[arg-type]
