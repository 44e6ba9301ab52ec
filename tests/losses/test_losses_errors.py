"""Bad input: what was received, what was expected, and how to fix it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from minidl import config, losses
from minidl.losses import targets

BCE, CCE = losses.BinaryCrossentropy, losses.CategoricalCrossentropy
SCCE = losses.SparseCategoricalCrossentropy


def refused(call: Any, *parts: str, error: type[Exception] = ValueError) -> None:
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize("cls", losses.registry.classes())
@pytest.mark.parametrize(
    ("true", "pred"),
    [
        ((8, 4), (8, 1)),
        ((8, 1), (8, 4)),
        ((8, 4), (1, 4)),
        ((8,), (8, 2, 3)),
        ((2, 3), (3, 2)),
        ((1,), (8, 1)),
    ],
)
def test_shapes_never_broadcast(cls: type[losses.Loss], true: Any, pred: Any) -> None:
    if cls is SCCE and true == (8, 1):
        return  # class numbers
    y, p = np.zeros(true), np.full(pred, 0.5)
    for call in (cls(), cls().backward, cls().value_and_gradient, cls().values):
        refused(lambda call=call: call(y, p), str(true), str(pred), cls().name)
    refused(lambda: cls().check_targets(y, pred), str(true), str(pred))


class TestShapeHints:
    def test_plain(self) -> None:
        message = (
            "Loss 'mean_squared_error' received y_true of shape (8, 4) and y_pred of shape (8, 1), "
            "expected the same shape. They are never broadcast. Give the last layer 4 units, or "
            "reshape y_true."
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            losses.MeanSquaredError()(np.zeros((8, 4)), np.zeros((8, 1)))

    @pytest.mark.parametrize("shape", [(8,), (8, 1)])
    @pytest.mark.parametrize("cls", [CCE, losses.CategoricalFocalCrossentropy])
    def test_class_numbers_for_rows(self, cls: Any, shape: Any) -> None:
        y = np.zeros(shape, int)
        fix = ("sparse_categorical_crossentropy", "utils.to_categorical(y_true, 10)")
        refused(lambda: cls()(y, np.zeros((8, 10))), *fix)
        refused(lambda: cls().check_targets(y, (None, 10)), *fix, "(None, 10)")

    def test_class_numbers_along_another_axis(self) -> None:
        y = np.zeros((8, 4), int)
        refused(
            lambda: CCE(axis=1)(y, np.zeros((8, 10, 4))), "sparse_", "to_categorical(y_true, 10)"
        )

    def test_class_numbers_for_bits(self) -> None:
        y = np.zeros(8, int)
        refused(lambda: BCE()(y, np.zeros((8, 10))), "sparse_categorical_crossentropy", "1 unit")

    def test_rows_for_class_numbers(self) -> None:
        y = np.eye(10)[:8]
        fix = ("one-hot rows: use categorical_crossentropy", "y_true.argmax(axis=-1)")
        refused(lambda: SCCE()(y, np.zeros((8, 10))), *fix)
        refused(
            lambda: SCCE().check_targets(y, (None, 10)), *fix, "expected y_true of shape (None,)"
        )


class TestClassNumbers:
    @pytest.mark.parametrize(
        ("y", "parts"),
        [
            ([0, 1, 3, 9], ("3 in row 2", "integers from 0 to 2", "There are 3 outputs")),
            ([1, 2, 3, 1], ("3 in row 2", "counted from 1: subtract 1")),
            ([0, -1, 3], ("-1 in row 1", "ignore_class=-1 leaves such samples out")),
            ([0.0, 0.5], ("0.5 in row 1", "categorical_crossentropy", "mean_squared_error")),
            ([0.0, 1e30], ("1e+30 in row 1", "integers from 0 to 2")),
            ([[0, 1], [2, 5]], ("5 in row 1, position (1,)",)),
            (np.array([0, 2**64 - 1], np.uint64), ("18446744073709551615 in row 1",)),
        ],
    )
    @pytest.mark.parametrize("from_logits", [False, True])
    def test_out_of_range(self, y: Any, parts: Any, from_logits: bool) -> None:
        y = np.asarray(y)
        p = np.full((*y.shape, 3), 0.5)
        loss = SCCE(from_logits)
        refused(lambda: loss(y, p), "Loss 'sparse_categorical_crossentropy'", *parts)
        refused(lambda: loss.value_and_gradient(y, p), *parts)
        refused(lambda: loss.check_targets(y, p.shape), *parts)
        assert loss.check_targets(np.zeros_like(y), p.shape) is None

    def test_unknown_number_of_classes(self) -> None:
        SCCE().check_targets([0, 99], (None, None))
        refused(lambda: SCCE().check_targets([0, -2], (None, None)), "to the number of classes")

    def test_whole_floats_and_bools_are_class_numbers(self) -> None:
        p = np.array([[0.5, 0.25, 0.25]] * 2)
        assert SCCE()([0.0, 1.0], p) == SCCE()([0, 1], p) == SCCE()(np.array([False, True]), p)

    def test_nan(self) -> None:
        y = np.array([0.0, np.nan])
        refused(lambda: SCCE()(y, np.full((2, 3), 0.5)), "nan in row 1")

    def test_ignored_number_may_be_out_of_range(self) -> None:
        loss = SCCE(ignore_class=255)
        p = np.full((3, 2), 0.5)
        assert loss(np.array([0, 255, 1], np.uint8), p) == pytest.approx(np.log(2))
        loss.check_targets(np.array([0, 255, 1], np.uint8), p.shape)
        refused(lambda: loss([0, 255, 2], p), "2 in row 2")


class TestBits:
    @pytest.mark.parametrize(
        ("y", "parts"),
        [
            ([[0], [3], [4]], ("3 in row 1", "targets from 0 to 1", "sparse_categorical")),
            ([[1], [-1]], ("-1 in row 1", "(y + 1) / 2")),
            (np.array([[0], [255]], np.uint8), ("255 in row 1", "y / 255")),
            ([[0.0], [1.5]], ("1.5 in row 1",)),
        ],
    )
    @pytest.mark.parametrize("cls", [BCE, losses.BinaryFocalCrossentropy])
    def test_outside(self, cls: Any, y: Any, parts: Any) -> None:
        refused(lambda: cls().check_targets(y, (len(y), 1)), cls().name, *parts)

    def test_inside(self) -> None:
        BCE().check_targets([[0.0], [0.3], [1.0]], (3, 1))
        BCE().check_targets(np.array([True, False]), (2, 1))


class TestAnyTargets:
    @pytest.mark.parametrize("cls", losses.registry.classes())
    def test_text(self, cls: Any) -> None:
        y = np.array(["cat", "dog"])
        shape = (2, 3) if cls is SCCE else (2, 1)
        for call in (lambda: cls()(y, np.zeros(shape)), lambda: cls().check_targets(y, shape)):
            refused(call, "y_true of dtype <U3", "expected numbers", "np.unique")
        refused(lambda: cls()(np.zeros(2), np.full(shape, "a")), "y_pred of dtype <U1")

    def test_nan_and_infinity(self) -> None:
        y = np.zeros((5, 2))
        y[3, 1] = np.nan
        loss = losses.MeanSquaredError()
        refused(lambda: loss.check_targets(y, (5, 2)), "nan in row 3, position (1,)", "finite")
        y[1, 0] = np.inf
        refused(lambda: loss.check_targets(y, (5, 2)), "inf in row 1")
        config.set_check_finite(False)
        try:
            loss.check_targets(y, (5, 2))
        finally:
            config.set_check_finite(True)

    def test_large_targets_are_read_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(targets, "_CHUNK", 10)
        y = np.zeros((1000, 3))
        y[777, 2] = 2
        seen = []

        def offends(part: Any) -> Any:
            seen.append(part.size)
            return part > 1

        assert targets.first_offence(y, offends) == ("row 777, position (2,)", 2.0)
        assert max(seen) <= 10
        refused(lambda: BCE().check_targets(y, y.shape), "2.0 in row 777, position (2,)")


class TestWeights:
    @pytest.mark.parametrize(
        "shape", [(2,), (1,), (4, 1), (1, 3), (4, 2), (3, 1, 1, 1), (3, 4, 2), (4, 3)]
    )
    def test_shapes(self, shape: Any) -> None:
        loss = losses.MeanSquaredError()
        y = np.zeros((3, 4, 2))
        for call in (loss, loss.backward, loss.value_and_gradient):
            refused(
                lambda call=call: call(y, y, np.ones(shape)),
                f"sample_weight of shape {shape}",
                "(3, 4)",
                "or (3,)",
            )

    def test_no_batch_axis_beside_samples(self) -> None:
        loss = losses.MeanSquaredError()
        refused(
            lambda: loss(np.zeros(3), np.zeros(3), np.ones(3)), "(3,)", "reshape them to (batch, 1)"
        )


class TestArguments:
    def test_reduction(self) -> None:
        for bad in ("average", 3, True, ["sum"]):
            refused(
                lambda bad=bad: losses.Huber(reduction=bad), f"reduction={bad!r}", "'huber_loss'"
            )

    @pytest.mark.parametrize("value", [-0.1, 1.1, "a", None, float("nan"), True])
    def test_label_smoothing(self, value: Any) -> None:
        for cls in (BCE, CCE, losses.BinaryFocalCrossentropy, losses.CategoricalFocalCrossentropy):
            refused(lambda cls=cls: cls(label_smoothing=value), "label_smoothing=", "at least 0")

    @pytest.mark.parametrize("axis", [1.0, True, None, "last"])
    def test_axis(self, axis: Any) -> None:
        for cls in (BCE, CCE, SCCE, losses.CosineSimilarity):
            refused(lambda cls=cls: cls(axis=axis), f"axis={axis!r}", "integer such as -1")

    def test_others(self) -> None:
        refused(lambda: losses.Huber(delta=0), "delta=0", "above 0")
        refused(lambda: SCCE(ignore_class=1.5), "ignore_class=1.5")
        refused(lambda: losses.BinaryFocalCrossentropy(gamma=-1), "gamma=-1")
        refused(lambda: losses.BinaryFocalCrossentropy(alpha=2), "alpha=2")
        refused(lambda: losses.MeanSquaredError(dtype="float16"), "float16")
        focal = losses.CategoricalFocalCrossentropy(alpha=[0.5, 0.5])
        refused(lambda: focal(np.eye(3), np.eye(3)), "2 numbers in alpha", "3 classes")
