"""What a user may make of the base class, and what losses are called."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from minidl import losses
from minidl.losses import Loss

MSE = losses.MeanSquaredError

Y = np.zeros((2, 1))
P = np.array([[1.0], [3.0]])  # squared errors 1 and 9


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
