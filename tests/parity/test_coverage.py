"""Every public class that Keras has too, found by introspection, is compared with Keras's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .table import public_layers, public_members

pytestmark = pytest.mark.parity

NOT_COMPARED = {
    **dict.fromkeys(
        ("IntegerLookup", "StringLookup", "TextVectorization"), "Keras's need TensorFlow to run"
    ),
    "Lambda": "it computes what its user says",
    **dict.fromkeys(
        (
            *("activations.FunctionActivation", "losses.FunctionLoss"),
            *("regularizers.FunctionRegularizer", "constraints.FunctionConstraint"),
            "initializers.FunctionInitializer",
        ),
        "it computes what its user's function says",
    ),
    "initializers.ArrayInitializer": "it gives the array that it got",
    "initializers.RandomInitializer": "the base of those that draw",
    "callbacks.BackupAndRestore": "Keras's loses the place in an epoch; killed runs test ours",
    "callbacks.ProgbarLogger": "it draws a bar of its own",
    "callbacks.TensorBoard": "Keras's needs TensorFlow; TensorBoard itself reads what ours writes",
}
"""Public classes without a comparison, and why."""


def test_every_class_is_compared(request):
    """Run on its own, after the rest has written its table."""
    path = request.config.getoption("--compared")
    if not path:
        pytest.skip("looks at the table of a run of the whole folder: --compared=FILE")
    table = json.loads(Path(path).read_text(encoding="utf-8"))
    compared = {name for name, found in table.items() if found["tests"]}
    public = public_layers() | set(public_members())
    missing = sorted(public - compared - set(NOT_COMPARED))
    assert not missing, (
        f"not compared with Keras: {missing}. Add a case to a table in tests/parity, or, if there "
        "is nothing to compare, a reason to NOT_COMPARED."
    )
    assert not sorted(set(NOT_COMPARED) & compared), "reasons that hold no longer"
    assert set(NOT_COMPARED) <= public
