"""Metrics of thresholds, classes and outputs against real Keras, over streams of batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minidl import metrics

from .table import TABLE

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64"),  # Keras's own, on JAX
]


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def column(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, (n, 1)), rng.random((n, 1))


def flat(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, n), rng.random((n, 1))


def several(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, (n, 4)), rng.random((n, 4))


def steps(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, (n, 3, 4)), rng.random((n, 3, 4))


def rounded(rng: Any, n: int) -> Any:
    """Scores that lie on thresholds, and outside [0, 1]."""
    return rng.integers(0, 2, (n, 4)), rng.integers(-2, 13, (n, 4)) / 10


def one_hot(rng: Any, n: int) -> Any:
    return np.eye(4)[rng.integers(0, 4, n)], rng.random((n, 4))


def logits(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, (n, 4)), rng.normal(size=(n, 4))


def ids(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, n), rng.integers(0, 4, n)


def id_maps(rng: Any, n: int) -> Any:
    return rng.integers(-1, 5, (n, 2, 3)), rng.integers(-1, 5, (n, 2, 3))


def score_maps(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, (n, 2, 3)), rng.random((n, 2, 3, 4))


def score_maps_first(rng: Any, n: int) -> Any:
    return rng.integers(0, 4, (n, 2, 3)), rng.random((n, 4, 2, 3))


def one_hot_maps(rng: Any, n: int) -> Any:
    return np.eye(4)[rng.integers(0, 4, (n, 2, 3))], rng.random((n, 2, 3, 4))


def numbers(rng: Any, n: int) -> Any:
    y = rng.normal(size=(n, 4)) * [1, 2, 3, 4] + 1
    return y, y + rng.normal(size=(n, 4))


EVEN, UNEVEN = [0.0, 0.25, 0.5, 0.75, 1.0], [0.9, 0.1, 0.35]
TENTHS = [i / 10 for i in range(11)]
COUNTS = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
AT_LEVEL = (
    "SensitivityAtSpecificity", "SpecificityAtSensitivity", "PrecisionAtRecall",
    "RecallAtPrecision",
)  # fmt: skip

CASES: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    *((name, {}, (column, flat, several, steps)) for name in COUNTS),
    *((name, {"thresholds": EVEN}, (several, rounded)) for name in COUNTS),
    *((name, {"thresholds": UNEVEN}, (several, rounded)) for name in COUNTS),
    *(
        (name, settings, draws)
        for name in ("Precision", "Recall")
        for settings, draws in (
            ({}, (column, flat, several, steps)),
            ({"thresholds": 0.3}, (several,)),
            ({"thresholds": TENTHS}, (several, rounded)),
            ({"thresholds": UNEVEN}, (several, rounded)),
            ({"top_k": 2}, (one_hot, several, rounded)),
            ({"top_k": 2, "thresholds": 0.8}, (one_hot, rounded)),
            ({"class_id": 2}, (one_hot, several)),
            ({"class_id": 1, "top_k": 2}, (one_hot,)),
            ({"class_id": 1, "thresholds": EVEN}, (one_hot,)),
        )
    ),
    *((name, {"_": level}, (column, several)) for name in AT_LEVEL for level in (0.0, 0.6, 1.0)),
    *((name, {"_": 0.5, "num_thresholds": 1}, (several,)) for name in AT_LEVEL),
    *((name, {"_": 0.5, "num_thresholds": 7, "class_id": 3}, (several,)) for name in AT_LEVEL),
    *(
        ("AUC", {"curve": curve, "summation_method": method, **more}, draws)
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
        for more, draws in (
            ({}, (column, several)),
            ({"num_thresholds": 5}, (rounded,)),
            ({"thresholds": UNEVEN}, (several,)),
            ({"multi_label": True}, (several,)),
            ({"multi_label": True, "thresholds": UNEVEN}, (several,)),
            ({"multi_label": True, "num_labels": 4, "label_weights": [0.5, 1, 0, 2]}, (several,)),
            ({"label_weights": [0.5, 1, 0.2, 2]}, (several,)),
        )
    ),
    ("AUC", {"from_logits": True}, (logits,)),
    ("AUC", {"thresholds": EVEN[1:-1]}, (rounded,)),
    *(
        (name, {"average": average, "threshold": threshold}, (one_hot, several))
        for name in ("F1Score", "FBetaScore")
        for average in (None, "micro", "macro", "weighted")
        for threshold in (None, 0.4)
    ),
    ("FBetaScore", {"beta": 2.0, "average": "macro"}, (one_hot,)),
    *(
        (name, {"num_classes": 4, **ids_, **more}, draws)
        for name, ids_ in (("IoU", {"target_class_ids": (0, 2)}), ("MeanIoU", {}))
        for more, draws in (
            ({}, (ids, id_maps)),
            ({"ignore_class": 1}, (ids, id_maps)),
            ({"sparse_y_pred": False}, (score_maps,)),
            ({"sparse_y_true": False, "sparse_y_pred": False}, (one_hot, one_hot_maps)),
        )
    ),
    ("MeanIoU", {"num_classes": 6}, (ids,)),
    ("BinaryIoU", {}, (flat, several)),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, (several, rounded)),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3]}, (one_hot, one_hot_maps)),
    ("OneHotMeanIoU", {"num_classes": 4}, (one_hot, one_hot_maps)),
    *(
        ("R2Score", {"class_aggregation": how, "num_regressors": p}, (numbers,))
        for how in (None, "uniform_average", "variance_weighted_average")
        for p in (0, 3)
    ),
    *((name, {}, (numbers,)) for name in ("PearsonCorrelation", "ConcordanceCorrelation")),
    *((name, {"axis": 0}, (numbers,)) for name in ("PearsonCorrelation", "ConcordanceCorrelation")),
]  # fmt: skip


def make(module: Any, name: str, settings: dict[str, Any]) -> Any:
    settings = dict(settings)
    level = (settings.pop("_"),) if "_" in settings else ()
    if "IoU" in name:
        settings["dtype"] = "float32"  # by default Keras rounds weights to integers
    return getattr(module, name)(*level, **settings)


def weights_for(rng: Any, weighting: str | None, p: Any, name: str, settings: Any) -> Any:
    if weighting is None:
        return None
    if weighting == "sample" or p.ndim == 1 or "class_id" in settings:
        shape: tuple[int, ...] = p.shape[:1]
    else:
        shape = p.shape[:-1] if "IoU" in name and p.ndim == 4 else p.shape
    if settings.get("axis") == 0:
        shape = p.shape[1:]
    if name == "F1Score" or name == "FBetaScore" or "Correlation" in name:
        shape = shape[:1]
    # Eighths add up without round-off, so that a level of 1 is reached or not, in both alike.
    return (rng.integers(0 if weighting == "zeros" else 1, 16, shape) / 8).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "settings", "draw"),
    [(name, settings, draw) for name, settings, draws in CASES for draw in draws],
    ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", str(v)),
)
@pytest.mark.parametrize("weighting", [None, "sample", "value", "zeros"])
def test_metric(keras: Any, name: str, settings: Any, draw: Any, weighting: str | None) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = make(metrics, name, settings), make(keras.metrics, name, settings)
    for n in (5, 2, 9):
        y, p = draw(rng, n)
        if p.dtype.kind == "f":
            y, p = y.astype(np.float32), p.astype(np.float32)
        w = weights_for(rng, weighting, p, name, settings)
        theirs_w = w
        if w is not None and "IoU" in name and p.ndim > 1:
            # Keras's IoU takes a weight for each entry, and no weight of a sample.
            entries = p[..., 0] if y.ndim < p.ndim or "OneHot" in name else p
            if not settings.get("sparse_y_true", True):
                entries = p[..., 0]
            if w.ndim > entries.ndim:
                w = theirs_w = w[..., 0]
            theirs_w = np.broadcast_to(
                w.reshape(w.shape + (1,) * (entries.ndim - w.ndim)), entries.shape
            )
        ours.update_state(y, p, sample_weight=w)
        if w is not None and draw is steps and w.ndim == 1:
            theirs_w = np.broadcast_to(w[:, None, None], p.shape)  # Keras fails on (batch,)
        theirs.update_state(y, p, sample_weight=theirs_w)
        found, expected = ours.result(), np.asarray(theirs.result())
        TABLE.compare(f"metrics.{name}", "value", found, expected, "float32")
        np.testing.assert_allclose(found, expected, rtol=3e-5, atol=3e-6)
    again = make(metrics, name, settings)
    ours.reset_state()
    ours.update_state(y, p)
    again.update_state(y, p)
    np.testing.assert_array_equal(ours.result(), again.result())


def test_iou_along_another_axis(keras: Any) -> None:
    y, p = score_maps_first(np.random.default_rng(0), 5)
    ours = metrics.MeanIoU(4, sparse_y_pred=False, axis=1)
    theirs = keras.metrics.MeanIoU(4, sparse_y_pred=False)
    theirs.update_state(y, np.moveaxis(p, 1, -1))
    assert ours(y, p) == pytest.approx(float(theirs.result()), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("AUC", {}), ("AUC", {"thresholds": [0.5, 0.2]}), ("AUC", {"multi_label": True}),
        ("Precision", {}), ("Recall", {"thresholds": [0.1], "top_k": 3}), ("F1Score", {}),
        ("FBetaScore", {"beta": 2.0}), ("R2Score", {}), ("TruePositives", {}),
        ("PrecisionAtRecall", {"_": 0.5}), ("IoU", {"num_classes": 3, "target_class_ids": [1]}),
        ("MeanIoU", {"num_classes": 3}), ("BinaryIoU", {}), ("OneHotMeanIoU", {"num_classes": 3}),
        ("PearsonCorrelation", {}),
    ],
)  # fmt: skip
def test_configurations_are_keras_s(keras: Any, name: str, settings: Any) -> None:
    theirs = make(keras.metrics, name, settings).get_config()
    ours = make(metrics, name, settings).get_config()
    assert ours.keys() == theirs.keys()
    for key in ours.keys() - {"dtype", "name"}:
        assert np.array_equal(ours[key], theirs[key]), key
    assert metrics.get({"class_name": name, "config": theirs}).get_config().keys() == theirs.keys()
    assert getattr(keras.metrics, name).from_config(ours).name == ours["name"]
