"""What the base class promises: reductions, weights, types, extremes, logits."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from minidl import activations, losses
from tests.losses.loss_cases import CASES, IDS, Case

MSE = losses.MeanSquaredError

Y = np.zeros((2, 1))
P = np.array([[1.0], [3.0]])  # squared errors 1 and 9


class TestReductions:
    @pytest.mark.parametrize(
        ("reduction", "weights", "value", "dy"),
        [
            ("sum_over_batch_size", None, 5.0, [1, 3]),
            ("mean", None, 5.0, [1, 3]),
            ("sum", None, 10.0, [2, 6]),
            ("mean_with_sample_weight", None, 5.0, [1, 3]),
            ("sum_over_batch_size", [1, 3], 14.0, [1, 9]),
            ("mean", [1, 3], 14.0, [1, 9]),
            ("sum", [1, 3], 28.0, [2, 18]),
            ("mean_with_sample_weight", [1, 3], 7.0, [0.5, 4.5]),
            ("mean_with_sample_weight", [0, 0], 0.0, [0, 0]),
            ("sum_over_batch_size", [[1], [3]], 14.0, [1, 9]),
            ("sum_over_batch_size", 2.0, 10.0, [2, 6]),
        ],
    )
    def test_scalars(self, reduction: str, weights: Any, value: float, dy: Any) -> None:
        loss = MSE(reduction=reduction)
        result = loss(Y, P, weights)
        assert type(result) is float
        assert result == value
        np.testing.assert_allclose(loss.backward(Y, P, weights)[:, 0], dy, rtol=1e-15)
        assert loss.value_and_gradient(Y, P, weights)[0] == value

    @pytest.mark.parametrize("reduction", ["none", None])
    def test_none_leaves_the_values(self, reduction: str | None) -> None:
        loss = MSE(reduction=reduction)
        assert loss(Y, P).tolist() == [1, 9]
        assert loss(Y, P, [1, 3]).tolist() == [1, 27]
        assert loss.backward(Y, P, [1, 3])[:, 0].tolist() == [2, 18]
        assert loss.value_and_gradient(Y, P, [1, 3])[0] == 28

    def test_ignored_classes_are_not_in_the_divisor(self) -> None:
        z, k = np.zeros((4, 2)), [0, -1, 1, -1]
        for reduction, value in (
            ("sum_over_batch_size", 1),
            ("sum", 2),
            ("mean_with_sample_weight", 1),
        ):
            loss = losses.SparseCategoricalCrossentropy(True, ignore_class=-1, reduction=reduction)
            assert loss(k, z) == pytest.approx(value * np.log(2))
            assert loss([-1] * 4, z) == 0.0
            assert not loss.backward([-1] * 4, z).any()

    def test_empty_batch(self) -> None:
        value, dy = MSE().value_and_gradient(np.zeros((0, 3)), np.zeros((0, 3)))
        assert value == 0.0
        assert dy.shape == (0, 3)

    def test_time_steps_take_weights_by_sample_or_by_step(self) -> None:
        y, p = np.zeros((2, 3, 1)), np.ones((2, 3, 1))
        loss = MSE(reduction="sum")
        assert loss(y, p, [1, 2]) == 9
        assert loss(y, p, [[1], [2]]) == 9
        assert loss(y, p, [[1, 0, 0], [2, 1, 0]]) == 4
        assert loss(y, p, np.ones((2, 3, 1))) == 6


class TestShapes:
    @pytest.mark.parametrize(
        ("true", "pred", "values"),
        [
            ((4,), (4, 1), (4,)),
            ((4, 1), (4,), (4,)),
            ((4, 3), (4, 3, 1), (4,)),
            ((4, 3, 1), (4, 3), (4,)),
            ((4,), (4,), ()),
        ],
    )
    def test_a_trailing_axis_of_one_is_added_or_dropped(
        self, true: Any, pred: Any, values: Any
    ) -> None:
        rng = np.random.default_rng(0)
        loss = MSE()
        y, p = rng.normal(size=true), rng.normal(size=pred)
        assert loss.values(y, p).shape == values
        assert loss(y, p) == pytest.approx(((y.ravel() - p.ravel()) ** 2).mean())
        dy = loss.backward(y, p)
        assert dy.shape == pred
        np.testing.assert_allclose(dy.ravel(), 2 * (p.ravel() - y.ravel()) / y.size)

    @pytest.mark.parametrize("true", [(4,), (4, 1)])
    def test_sparse_takes_both_ranks(self, true: Any) -> None:
        loss = losses.SparseCategoricalCrossentropy(True)
        value, dy = loss.value_and_gradient(np.zeros(true, np.uint8), np.zeros((4, 3), np.float32))
        assert value == pytest.approx(np.log(3))
        assert dy.shape == (4, 3)


@pytest.mark.parametrize("case", CASES, ids=IDS)
class TestEveryLoss:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_float_type_of_predictions_is_kept(self, case: Case, dtype: Any) -> None:
        y, p = case.draw(np.random.default_rng(0), (4, 3, 2))
        p = p.astype(dtype)
        for targets in (y, y.astype(np.float64), y.astype(np.float32)):
            for weights in (None, np.ones(4), np.ones(len(p), np.float32)):
                assert case.make(reduction="none")(targets, p, weights).dtype == dtype
                assert case.make().backward(targets, p, weights).dtype == dtype

    def test_dtype_argument(self, case: Case) -> None:
        y, p = case.draw(np.random.default_rng(0), (4, 3, 2))
        loss = case.make(dtype="float64", reduction="none")
        assert loss(y, p.astype(np.float32)).dtype == np.float64
        assert loss.backward(y, p.astype(np.float32)).dtype == np.float32

    def test_config_makes_the_same_loss(self, case: Case) -> None:
        loss = case.make(name="mine", reduction="sum")
        again = losses.get(losses.serialize(loss))
        assert again is not None
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
        assert loss.get_config()["name"] == "mine"
        y, p = case.draw(np.random.default_rng(0), (4, 3, 2))
        for other in (again, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert other(y, p) == loss(y, p)

    def test_nothing_of_a_call_is_kept(self, case: Case) -> None:
        loss = case.make()
        before = dict(vars(loss))
        y, p = case.draw(np.random.default_rng(0), (4, 3, 2))
        loss.value_and_gradient(y, p, np.ones(4))
        assert vars(loss) == before

    def test_targets_pass_their_own_check(self, case: Case) -> None:
        loss = case.make()
        y, p = case.draw(np.random.default_rng(0), (4, 3, 2))
        loss.check_targets(y, p.shape)
        loss.check_targets(y, (None, *p.shape[1:]))

    def test_class_and_object_print(self, case: Case) -> None:
        assert type(case.make()).__name__ in repr(case.make())


class TestExtremes:
    """Large but finite inputs in float32, with NumPy set to raise."""

    @pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
    def test_logits(self, size: float) -> None:
        z = np.array([[size, -size], [-size, size], [0, size]], np.float32)
        k = np.array([1, 1, 0])
        for loss, y in (
            (losses.CategoricalCrossentropy(True), np.eye(2)[k]),
            (losses.SparseCategoricalCrossentropy(True), k),
        ):
            value, dy = loss.value_and_gradient(y, z)
            assert value == pytest.approx(size, rel=1e-6)
            np.testing.assert_allclose(dy * 3, [[1, -1], [0, 0], [-1, 1]], atol=1e-6)
        value, dy = losses.BinaryCrossentropy(True).value_and_gradient(np.eye(2)[k], z)
        assert value == pytest.approx((3 * size + np.log(2)) / 6, rel=1e-6)
        assert np.isfinite(dy).all()
        for focal in (losses.BinaryFocalCrossentropy, losses.CategoricalFocalCrossentropy):
            value, dy = focal(from_logits=True).value_and_gradient(np.eye(2)[k], z)
            assert np.isfinite(value)
            assert np.isfinite(dy).all()

    @pytest.mark.parametrize(
        "p", [[[0, 0]], [[1, 0]], [[0, 1]], [[1e-30, 0]], [[1e-45, 1e-45]], [[1e30, 1e30]]]
    )
    def test_probabilities(self, p: Any) -> None:
        p = np.array(p, np.float32)
        for loss, y in (
            (losses.CategoricalCrossentropy(), [[0, 1]]),
            (losses.SparseCategoricalCrossentropy(), [1]),
            (losses.BinaryCrossentropy(), [[0, 1]]),
            (losses.KLDivergence(), [[0, 1]]),
            (losses.Poisson(), [[0, 1]]),
            (losses.BinaryFocalCrossentropy(gamma=0.5), [[0, 1]]),
            (losses.CategoricalFocalCrossentropy(gamma=0.5), [[0, 1]]),
        ):
            if p.max() > 1 and "Focal" in type(loss).__name__:
                continue  # the root of a negative number
            value, dy = loss.value_and_gradient(y, p)
            assert np.isfinite(value)
            assert np.isfinite(dy).all()

    @pytest.mark.parametrize("size", [0.0, 1e-40, 1e4, 1e30])
    def test_numbers(self, size: float) -> None:
        y, p = np.array([[1, -1]], np.float32), np.array([[size, -size]], np.float32)
        for cls in (
            losses.Huber,
            losses.LogCosh,
            losses.MeanAbsoluteError,
            losses.CosineSimilarity,
            losses.Hinge,
            losses.CategoricalHinge,
        ):
            value, dy = cls().value_and_gradient(y, p)
            assert np.isfinite(value)
            assert np.isfinite(dy).all()


class TestOnLogits:
    def test_cross_entropy_after_its_activation(self) -> None:
        softmax, sigmoid = activations.Softmax(), activations.Sigmoid()
        for cls, activation in (
            (losses.CategoricalCrossentropy, softmax),
            (losses.SparseCategoricalCrossentropy, softmax),
            (losses.BinaryCrossentropy, sigmoid),
        ):
            loss = cls(name="mine", reduction="sum")
            logits_loss = loss.on_logits(activation)
            assert type(logits_loss) is cls
            assert logits_loss.get_config() == {**loss.get_config(), "from_logits": True}
            assert (loss.expects, logits_loss.expects) == ("probabilities", "logits")
            assert cls(from_logits=True).on_logits(activation) is None

    def test_settings_are_kept(self) -> None:
        loss = losses.CategoricalCrossentropy(label_smoothing=0.1, axis=1).on_logits(
            activations.Softmax(axis=1)
        )
        assert loss is not None
        assert (loss.label_smoothing, loss.axis) == (0.1, 1)

    def test_pairs_that_do_not_belong_together(self) -> None:
        softmax, sigmoid = activations.Softmax(), activations.Sigmoid()
        assert losses.CategoricalCrossentropy().on_logits(sigmoid) is None
        assert losses.BinaryCrossentropy().on_logits(softmax) is None
        assert losses.CategoricalCrossentropy(axis=1).on_logits(softmax) is None
        assert losses.CategoricalCrossentropy().on_logits(activations.get("relu")) is None
        assert losses.CategoricalCrossentropy().on_logits(None) is None
        assert losses.MeanSquaredError().on_logits(sigmoid) is None
        assert losses.MeanSquaredError().expects is None
        assert losses.BinaryFocalCrossentropy().on_logits(sigmoid) is None

        class Mine(losses.CategoricalCrossentropy):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return y_pred.sum(axis=-1)

        assert Mine().on_logits(softmax) is None

    def test_value_and_gradient_are_those_through_the_activation(self) -> None:
        rng = np.random.default_rng(0)
        z, k = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
        for loss, activation, y in (
            (
                losses.CategoricalCrossentropy(label_smoothing=0.1),
                activations.Softmax(),
                np.eye(4)[k],
            ),
            (losses.SparseCategoricalCrossentropy(), activations.Softmax(), k),
            (losses.BinaryCrossentropy(label_smoothing=0.1), activations.Sigmoid(), np.eye(4)[k]),
        ):
            logits_loss = loss.on_logits(activation)
            assert logits_loss is not None
            p, residuals = activation.forward(z)
            value, dp = loss.value_and_gradient(y, p, np.arange(5))
            fused, dz = logits_loss.value_and_gradient(y, z, np.arange(5))
            assert fused == pytest.approx(value, rel=1e-12)
            np.testing.assert_allclose(
                dz, activation.backward(residuals, dp), rtol=1e-9, atol=1e-12
            )
