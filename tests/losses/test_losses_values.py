"""Values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minidl import losses

BCE, CCE = losses.BinaryCrossentropy, losses.CategoricalCrossentropy
SCCE = losses.SparseCategoricalCrossentropy
log = math.log
EPSILON = math.log1p(1e-7)  # of predictions and targets below 1e-7


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "values"),
    [
        (losses.MeanSquaredError(), [[1, 2], [3, 4]], [[1, 4], [0, 0]], [2, 12.5]),
        (losses.MeanAbsoluteError(), [[1, 2], [3, 4]], [[1, 4], [0, 0]], [1, 3.5]),
        (losses.MeanAbsolutePercentageError(), [[1, 2], [4, 5]], [[2, 2], [2, 5]], [50, 25]),
        (losses.MeanAbsolutePercentageError(), [[0.0]], [[1.0]], [1e9]),
        (losses.MeanSquaredLogarithmicError(), [[0, 1]], [[1, 1]], [(log(2) - EPSILON) ** 2 / 2]),
        (losses.MeanSquaredLogarithmicError(), [[1.0]], [[-5.0]], [(log(2) - EPSILON) ** 2]),
        (losses.Huber(), [[0, 0, 0, 0]], [[0.5, -0.5, 2, -3]], [(0.125 * 2 + 1.5 + 2.5) / 4]),
        (losses.Huber(delta=2), [[0, 0]], [[1, -3]], [(0.5 + 4) / 2]),
        (losses.LogCosh(), [[0, 0]], [[1, -2]], [(log(math.cosh(1)) + log(math.cosh(2))) / 2]),
        (
            losses.CosineSimilarity(),
            [[0, 1], [1, 1], [1, 0]],
            [[0, 3], [-2, -2], [0, 0]],
            [-1, 1, 0],
        ),
        (losses.CosineSimilarity(axis=0), [[0, 1], [1, 1]], [[0, 3], [2, 3]], [-1, -1]),
        (losses.Hinge(), [[1, -1]], [[0.5, 2]], [(0.5 + 3) / 2]),
        (losses.Hinge(), [[1, 0]], [[0.5, 2]], [(0.5 + 3) / 2]),
        (losses.Hinge(), [[1, -1, 0]], [[0.5, 2, 9]], [(0.5 + 3 + 1) / 3]),
        (losses.SquaredHinge(), [[1, 0]], [[0.5, 2]], [(0.25 + 9) / 2]),
        (losses.CategoricalHinge(), [[0, 1, 0], [1, 0, 0]], [[1, 2, 4], [3, 1, 0]], [3, 0]),
        (losses.KLDivergence(), [[1, 0]], [[0.5, 0.5]], [log(2) + 1e-7 * log(1e-7 / 0.5)]),
        (losses.Poisson(), [[2, 0]], [[1, 3]], [(1 - 2 * log(1 + 1e-7) + 3) / 2]),
        (BCE(), [[1, 0]], [[0.25, 0.25]], [(log(4) - log(0.75)) / 2]),
        (BCE(), [[1, 0]], [[0, 0]], [(-log(1e-7) - log(1 - 1e-7)) / 2]),
        (BCE(label_smoothing=0.5), [[1.0]], [[0.2]], [-0.75 * log(0.2) - 0.25 * log(0.8)]),
        (BCE(True), [[1, 0]], [[log(3), log(3)]], [(-log(0.75) - log(0.25)) / 2]),
        (CCE(), [[0, 1]], [[0.75, 0.25]], [log(4)]),
        (CCE(), [[0, 1]], [[3, 1]], [log(4)]),
        (CCE(), [[1, 0]], [[0, 0]], [-log(1e-7)]),
        (CCE(True), [[0, 1]], [[log(3), 0]], [log(4)]),
        (CCE(True), [[2, 1]], [[log(3), 0]], [log(4) - 2 * log(0.75)]),
        (
            CCE(label_smoothing=0.5),
            [[1, 0]],
            [[0.75, 0.25]],
            [-0.75 * log(0.75) - 0.25 * log(0.25)],
        ),
        (SCCE(), [1, 0], [[0.75, 0.25], [3, 1]], [log(4), -log(0.75)]),
        (SCCE(True), [[1], [0]], [[log(3), 0]] * 2, [log(4), -log(0.75)]),
        (SCCE(ignore_class=0), [1, 0], [[0.75, 0.25]] * 2, [log(4), 0]),
        (
            losses.BinaryFocalCrossentropy(),
            [[1, 0]],
            [[0.9, 0.9]],
            [(-0.01 * log(0.9) - 0.81 * log(0.1)) / 2],
        ),
        (
            losses.BinaryFocalCrossentropy(True),
            [[1, 0]],
            [[0.5, 0.5]],
            [log(2) * 0.25 * (0.25 + 0.75) / 2],
        ),
        (losses.CategoricalFocalCrossentropy(), [[0, 1]], [[0.1, 0.9]], [-0.25 * 0.01 * log(0.9)]),
        (
            losses.CategoricalFocalCrossentropy(alpha=[1, 2]),
            [[0, 1]],
            [[0.1, 0.9]],
            [-2 * 0.01 * log(0.9)],
        ),
    ],
)
def test_values(loss: losses.Loss, y_true: object, y_pred: object, values: object) -> None:
    y_pred = np.asarray(y_pred, dtype=np.float64)
    np.testing.assert_allclose(loss.values(y_true, y_pred), values, rtol=1e-12, atol=1e-15)


def test_dense_and_sparse_agree() -> None:
    rng = np.random.default_rng(0)
    k, z = rng.integers(0, 5, (6, 3)), rng.normal(size=(6, 3, 5))
    for y_pred, from_logits in ((z, True), (np.exp(z), False)):
        dense = losses.CategoricalCrossentropy(from_logits)
        sparse = losses.SparseCategoricalCrossentropy(from_logits)
        v, d = dense.value_and_gradient(np.eye(5)[k], y_pred)
        v2, d2 = sparse.value_and_gradient(k, y_pred)
        assert v == pytest.approx(v2, rel=1e-14)
        np.testing.assert_allclose(d, d2, rtol=1e-12, atol=1e-15)


def test_logits_and_probabilities_agree() -> None:
    rng = np.random.default_rng(0)
    z, bits = rng.normal(size=(6, 5)), rng.integers(0, 2, (6, 5))
    y, p = np.eye(5)[rng.integers(0, 5, 6)], np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    cce = losses.CategoricalCrossentropy
    assert cce(True)(y, z) == pytest.approx(cce()(y, p), rel=1e-12)
    bce = losses.BinaryCrossentropy
    assert bce(True)(bits, z) == pytest.approx(bce()(bits, 1 / (1 + np.exp(-z))), rel=1e-12)


def test_gradient_from_logits_is_p_minus_y() -> None:
    z = np.array([[0.0, log(3)]])
    for loss, y in (
        (losses.CategoricalCrossentropy(True), [[1, 0]]),
        (losses.SparseCategoricalCrossentropy(True), [0]),
    ):
        np.testing.assert_allclose(loss.backward(y, z), [[0.25 - 1, 0.75]], rtol=1e-15)
    np.testing.assert_allclose(
        losses.BinaryCrossentropy(True).backward([[1, 0]], z), [[-0.25, 0.375]], rtol=1e-15
    )


def test_gradients_beyond_clip_and_kinks() -> None:
    assert losses.MeanAbsoluteError().backward([[1.0]], [[1.0]]).tolist() == [[0.0]]
    assert losses.Hinge().backward([[1.0]], [[2.0]]).tolist() == [[0.0]]
    assert losses.BinaryCrossentropy().backward([[1.0, 1.0]], [[-0.5, 1.5]]).tolist() == [[0, 0]]
    assert losses.KLDivergence().backward([[0.5, 0.5]], [[-0.5, 1.5]]).tolist() == [[0, 0]]
    assert losses.MeanSquaredLogarithmicError().backward([[1.0]], [[-1.0]]).tolist() == [[0.0]]
    assert losses.SparseCategoricalCrossentropy().backward([0], [[0.0, 1.0]]).tolist() == [[0, 0]]
    zeros = losses.CosineSimilarity().backward([[3.0, 4.0]], np.zeros((1, 2)))
    np.testing.assert_allclose(zeros, [[-0.6e7, -0.8e7]])
    short = losses.CosineSimilarity().backward([[3.0, 4.0]], np.array([[6e-9, 8e-9]]))
    np.testing.assert_allclose(short, [[-0.6e7, -0.8e7]])  # shorter than ε: linear in y_pred


@pytest.mark.parametrize("from_logits", [False, True])
def test_ignored_samples_have_no_gradient_of_their_own(from_logits: bool) -> None:
    loss, p = SCCE(from_logits, ignore_class=-1), np.full((2, 2), 0.5)
    assert loss.call(np.array([0, -1]), p)[1] == 0
    assert loss.gradient(np.array([0, -1]), p)[1].tolist() == [0, 0]
    assert loss.gradient(np.array([0, -1]), p)[0].all()


def test_function_forms_give_one_value_a_sample() -> None:
    y, p = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.8, 0.2], [0.6, 0.4]])
    for function, cls in losses._BY_FUNCTION.items():
        if cls is losses.SparseCategoricalCrossentropy:
            continue
        np.testing.assert_array_equal(function(y, p), cls(reduction="none")(y, p))
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy([0, -1], p, ignore_class=-1), [-log(0.8), 0]
    )
    assert losses.huber([[0.0]], [[3.0]], delta=2.0).tolist() == [4.0]
    z = np.log(p)
    np.testing.assert_allclose(
        losses.categorical_crossentropy(y, z, from_logits=True, label_smoothing=0.1),
        losses.categorical_crossentropy(y, p, label_smoothing=0.1),
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy(y, p, axis=0), losses.binary_crossentropy(y.T, p.T)
    )
    assert losses.mean_squared_error([1, 2], [2.0, 4.0]) == 2.5
