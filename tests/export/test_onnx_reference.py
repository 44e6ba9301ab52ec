"""What is exported, run by ONNX's own reference in Python, against the models themselves.

`-m parity` does the same with ONNX Runtime, and with more sizes.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from minidl.export.onnx import attention, cells, convolution, normalization, recurrent

from .building import arrays_for, outputs_of, randomized
from .onnx_models import ALL

NOT_IN_REFERENCE = ("LSTM-relu", "GRU-relu", "SimpleRNN-relu")
"""ONNX's reference knows no other activations than the usual ones, and says so of one alone."""

SUBJECTS = sorted({re.match(r"[\w-]+?(?=-|\b)", name).group() for name in ALL})


def difference(name, path):
    model = randomized(ALL[name]())
    model.export(path)
    reference = ReferenceEvaluator(str(path))
    arrays = arrays_for(model, 2, 4, name)
    feeds = [array.astype("float32") if array.dtype == "float64" else array for array in arrays]
    found = reference.run(None, dict(zip(reference.input_names, feeds, strict=True)))
    worst = 0.0
    for ours, theirs in zip(outputs_of(model, arrays), found, strict=True):
        assert ours.shape == theirs.shape
        scale = max(1.0, float(np.abs(ours).max()))
        worst = max(worst, float(np.abs(np.asarray(ours, "float64") - theirs).max()) / scale)
    return worst


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_reference_agrees(subject, path):
    names = [name for name in ALL if re.match(rf"{subject}\b", name)]
    assert names
    for name in names:
        if name not in NOT_IN_REFERENCE:
            assert difference(name, path) <= 1e-5, name


# Bugs planted on purpose: the comparison above must see each of them


def one_bias_twice(kind, bias):
    return np.stack([bias[0], bias[0]]).reshape(1, -1)


def all_pads_behind(layer, kernel, dilation, sizes, right=convolution.window_attributes):
    attributes = right(layer, kernel, dilation, sizes)
    if pads := attributes.get("pads"):
        half = len(pads) // 2
        totals = [before + after for before, after in zip(pads[:half], pads[half:], strict=True)]
        attributes["pads"] = [0] * half + totals
    return attributes


def the_other_way(graph, sizes, names, causal, window=None, right=attention._band):
    return graph.transpose(right(graph, sizes, names, causal, window), (1, 0))


def other_axis_order(kernel):
    return np.moveaxis(kernel, (-1, -2), (0, 1)).swapaxes(-1, -2)


def a_larger_epsilon(graph, x, axes, epsilon, right=normalization._over_root_mean_square):
    return right(graph, x, axes, 0.01)


PLANTED = {
    "gates in Keras's order": (recurrent, "_in_onnx_order", lambda kind, c: c, "LSTM"),
    "the same bias twice": (recurrent, "_biases", one_bias_twice, "GRU"),
    "states of masked steps not held": (cells, "_held", lambda g, new, *_: new, "LSTM-masked"),
    "channels not turned back": (
        convolution,
        "channels_back",
        lambda graph, y, *_: y,
        "Flatten-after-convolution",
    ),
    "zeros on one side alone": (
        convolution,
        "window_attributes",
        all_pads_behind,
        "Conv2D-many of the table",
    ),
    "height for width": (convolution, "_output_first", other_axis_order, "convnet"),
    "a causal mask the other way": (attention, "_band", the_other_way, "transformer"),
    "an epsilon of its own": (
        normalization,
        "_over_root_mean_square",
        a_larger_epsilon,
        "RMSNormalization of the table",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_seen(bug, path, monkeypatch):
    where, name, wrong, model = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong)
    assert difference(model, path) > 1e-3
