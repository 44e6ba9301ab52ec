"""Every public layer, found by introspection, is compared with Keras."""

from __future__ import annotations

from pathlib import Path

import pytest

from .table import TABLE, public_layers

pytestmark = pytest.mark.parity

NOT_COMPARED = {
    **dict.fromkeys(
        ("IntegerLookup", "StringLookup", "TextVectorization"), "Keras's need TensorFlow to run"
    ),
    "InputLayer": "it computes nothing; its configuration is compared",
    "Lambda": "it computes what its user says",
    "StackedRNNCells": "it is compared as the cells of an RNN",
}
"""Public layers without a comparison, and why."""


def test_every_layer_is_compared(request):
    """Comes last in a run of the whole folder, and looks at what has been compared."""
    files = {Path(item.fspath).name for item in request.session.items}
    everything = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    if files != everything or request.config.getoption("-k"):
        pytest.skip("looks at a run of the whole folder")
    missing = sorted(public_layers() - set(TABLE.tests) - set(NOT_COMPARED))
    assert not missing, (
        f"not compared with Keras: {missing}. Add a case to a table in tests/parity, or, if there "
        "is nothing to compare, a reason to NOT_COMPARED."
    )
    assert not sorted(set(NOT_COMPARED) & set(TABLE.tests)), "reasons that hold no longer"
    assert set(NOT_COMPARED) <= public_layers()
