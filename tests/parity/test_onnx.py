"""ONNX Runtime on what `export` writes, against the models themselves."""

from __future__ import annotations

import numpy as np
import pytest

from tests.export.building import RUNS, arrays_for, outputs_of, randomized
from tests.export.onnx_models import ALL

from .table import TABLE

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5


@pytest.mark.parametrize("name", ALL)
def test_onnx_runtime(name, tmp_path):
    """With weights that differ, for several sizes of the batch and of every axis that varies."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model = randomized(ALL[name]())
    model.export(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [value.name for value in session.get_inputs()]
    for batch, size in RUNS:
        arrays = arrays_for(model, batch, size, name)
        ours = outputs_of(model, arrays)
        theirs = session.run(None, dict(zip(names, map(as_exported, arrays), strict=True)))
        for expected, found in zip(ours, theirs, strict=True):
            TABLE.observe("onnx", "float32", found, expected)
            assert found.dtype == as_exported(expected).dtype
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


def as_exported(array):
    return array.astype("float32") if array.dtype == "float64" else array
