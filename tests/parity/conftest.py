"""The table of differences from Keras: `pytest -m parity tests/parity --parity-table=FILE`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .table import TABLE, layer_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity-table",
        metavar="FILE",
        help="write the worst differences from Keras, layer by layer, as JSON",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the test that looks at what was compared come last."""
    items.sort(key=lambda item: "test_every_layer_is_compared" in item.nodeid)


@pytest.fixture(autouse=True)
def compared_layer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell the table which layer the running test compares."""
    TABLE.layer = layer_of(request.node)
    yield
    TABLE.count()
    TABLE.layer = None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if path := session.config.getoption("--parity-table"):
        TABLE.write(Path(path))
