"""The table of differences from Keras: `pytest -m parity tests/parity --parity-table=FILE`.

Under `pytest -n` every process compares a part; their tables come together in the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .table import TABLE, layer_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity-table",
        metavar="FILE",
        help="write the worst differences from Keras, layer by layer, as JSON",
    )
    parser.addoption(
        "--compared",
        metavar="FILE",
        help="a table from --parity-table; test_coverage looks for what is missing in it",
    )


@pytest.fixture(autouse=True)
def compared_layer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell the table which layer the running test compares."""
    TABLE.layer = layer_of(request.node)
    yield
    if request.node.path.name != "test_onnx.py":  # which compares with ONNX Runtime, not Keras
        TABLE.count()
    TABLE.layer = None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist has compared."""
    TABLE.merge(getattr(node, "workeroutput", {}).get("parity", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["parity"] = TABLE.found()
    elif path := session.config.getoption("--parity-table"):
        TABLE.write(Path(path))
