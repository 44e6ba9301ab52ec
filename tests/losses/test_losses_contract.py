"""What the base class promises: reductions, weights, types, subclasses, names, configurations."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

from minidl import activations, losses
from minidl.losses import Loss
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


class TestSubclasses:
    def test_call_and_gradient(self) -> None:
        class Cubed(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return (np.abs(y_pred - y_true) ** 3).mean(axis=-1)

            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                e = y_pred - y_true
                return 3 * e * np.abs(e) / y_pred.shape[-1]

        loss = Cubed()
        assert loss.name == "cubed"
        assert loss([0, 0], [[1], [3]], [1, 2]) == (1 + 2 * 27) / 2
        assert loss.backward([0, 0], [[1.0], [3.0]], [1, 2]).tolist() == [[1.5], [27]]
        assert Cubed(reduction="sum").value_and_gradient([0, 0], np.array([[1.0], [3.0]]))[0] == 28

    def test_own_backward_without_weights(self) -> None:
        class Mine(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return ((y_pred - y_true) ** 2).mean(axis=-1)

            def backward(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
                return 2 * (y_pred - y_true) / y_pred.size

        # Integer targets of shape (n,) beside (n, 1) would broadcast to (n, n) in the user's code.
        value, dy = Mine().value_and_gradient(np.array([0, 0]), P.astype(np.float32))
        assert value == 5
        assert dy.dtype == np.float32
        assert dy.tolist() == [[1], [3]]
        with pytest.raises(TypeError, match="received sample weights, but its backward takes none"):
            Mine().value_and_gradient(Y, P, [1, 2])

    def test_own_backward_with_weights(self) -> None:
        class Mine(MSE):
            def backward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
                return 10 * super().backward(y_true, y_pred, sample_weight)

        assert Mine().value_and_gradient(Y, P)[1].tolist() == [[10], [30]]
        assert Mine().value_and_gradient(Y, P, [1, 3])[1].tolist() == [[10], [90]]

    def test_own_call_operator(self) -> None:
        class Twice(MSE):
            def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
                return 2 * super().__call__(y_true, y_pred, sample_weight)

        assert Twice().value_and_gradient(Y, P)[0] == 10

    def test_targets_of_another_shape(self) -> None:
        class Triple(Loss):
            same_shape = False

            def call(self, y_true: Any, y_pred: Any) -> Any:
                return y_pred[np.arange(len(y_pred)), y_true]

            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                return np.eye(y_pred.shape[-1], dtype=y_pred.dtype)[y_true]

        assert Triple()(np.array([0, 1]), [[1.0, 2.0], [3.0, 4.0]]) == 2.5
        Triple().check_targets([0, 1], (2, 2))
        with pytest.raises(ValueError, match="expected the same shape"):
            type("Same", (Triple,), {"same_shape": True})()([0, 1], [[1.0, 2.0], [3.0, 4.0]])

    def test_values_of_another_shape(self) -> None:
        class PerImage(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return ((y_pred - y_true) ** 2).sum(axis=(1, 2))

            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                return 2 * (y_pred - y_true)

        y, p = np.zeros((2, 2, 2)), np.ones((2, 2, 2))
        assert PerImage()(y, p, [1, 3]) == 8
        np.testing.assert_array_equal(PerImage().backward(y, p, [1, 3])[:, 0, 0], [1, 3])

        class PerEntry(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return (y_pred - y_true) ** 2

            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                return 2 * (y_pred - y_true)

        assert PerEntry()(y, p, [1, 3]) == 2
        np.testing.assert_array_equal(PerEntry().backward(y, p, [1, 3])[:, 0, 0], [2 / 8, 6 / 8])

        class Whole(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return float(((y_pred - y_true) ** 2).sum())

            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                return 2 * (y_pred - y_true)

        value, dy = Whole().value_and_gradient(y, p)
        assert value == 8
        assert dy[0, 0, 0] == 2

    def test_what_is_missing_is_named(self) -> None:
        class Nothing(Loss):
            pass

        class NoGradient(Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return (y_pred - y_true).mean(axis=-1)

        class NoInit(MSE):
            def __init__(self) -> None:
                pass

        class BadShape(NoGradient):
            def gradient(self, y_true: Any, y_pred: Any) -> Any:
                return np.ones(len(y_pred))

        with pytest.raises(NotImplementedError, match=r"Loss 'nothing' has no call\. Write call"):
            Nothing()(Y, P)
        assert NoGradient()(Y, P) == 2
        value, gradient = NoGradient().value_and_gradient(Y, P)  # found by autodiff
        assert value == 2
        np.testing.assert_allclose(gradient, np.full(P.shape, 1 / P.size))
        with pytest.raises(AttributeError, match=r"Call super\(\)\.__init__\(\) first"):
            NoInit()(Y, P)
        with pytest.raises(AttributeError, match="MeanSquaredError has no attribute 'delta'"):
            MSE().delta  # noqa: B018
        for bad in (BadShape(), type("B", (BadShape,), {"backward": lambda s, y, p: np.ones(2)})()):
            with pytest.raises(
                ValueError, match=r"gradient of shape \(2,\) for y_pred of shape \(2, 1\)"
            ):
                bad.value_and_gradient(Y, P)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "cls"),
        [
            ("mse", losses.MeanSquaredError),
            ("MSE", losses.MeanSquaredError),
            ("mean_squared_error", losses.MeanSquaredError),
            ("MeanSquaredError", losses.MeanSquaredError),
            ("mae", losses.MeanAbsoluteError),
            ("mape", losses.MeanAbsolutePercentageError),
            ("msle", losses.MeanSquaredLogarithmicError),
            ("bce", losses.BinaryCrossentropy),
            ("binary_crossentropy", losses.BinaryCrossentropy),
            ("categorical_crossentropy", losses.CategoricalCrossentropy),
            ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
            ("kld", losses.KLDivergence),
            ("kl_divergence", losses.KLDivergence),
            ("huber", losses.Huber),
            ("log_cosh", losses.LogCosh),
            ("cosine_similarity", losses.CosineSimilarity),
            ("hinge", losses.Hinge),
            ("squared_hinge", losses.SquaredHinge),
            ("categorical_hinge", losses.CategoricalHinge),
            ("poisson", losses.Poisson),
        ],
    )
    def test_get(self, name: str, cls: type[Loss]) -> None:
        assert type(losses.get(name)) is cls

    def test_get_takes_other_forms(self) -> None:
        loss = MSE()
        assert losses.get(None) is None
        assert losses.get(loss) is loss
        assert type(losses.get(MSE)) is MSE
        assert type(losses.get(losses.mean_squared_error)) is MSE
        config = {"class_name": "Huber", "config": {"delta": 2.0}}
        assert losses.deserialize(config).delta == 2.0  # type: ignore[union-attr]

    def test_unknown(self) -> None:
        with pytest.raises(ValueError, match="Did you mean 'categorical_crossentropy'"):
            losses.get("categorical_crossentropie")

        def mine(y_true: Any, y_pred: Any) -> Any: ...

        assert isinstance(losses.get(mine), losses.FunctionLoss)
        assert losses.get(mine).name == "mine"

    def test_all_is_sorted_and_there(self) -> None:
        assert losses.__all__ == sorted(losses.__all__)
        assert all(hasattr(losses, name) for name in losses.__all__)

    def test_resolve_crossentropy(self) -> None:
        cases = {
            ((8, 1), (8, 1)): losses.BinaryCrossentropy,
            ((8,), (8, 1)): losses.BinaryCrossentropy,
            ((8,), (8, 5)): losses.SparseCategoricalCrossentropy,
            ((None, 1), (None, 5)): losses.SparseCategoricalCrossentropy,
            ((8, 5), (8, 5)): losses.CategoricalCrossentropy,
        }
        for (true, pred), cls in cases.items():
            assert type(losses.resolve_crossentropy(true, pred)) is cls

    def test_every_public_loss_documents_its_derivative(self) -> None:
        for cls in losses.registry.classes():
            doc = inspect.getdoc(cls) or ""
            for part in (
                "Forward",
                "Backward",
                "Shapes:",
                "Arguments:",
                "Raises:",
                "Example:",
                "Source:",
            ):
                assert part in doc, (cls, part)
