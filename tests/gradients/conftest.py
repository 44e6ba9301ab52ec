"""The tables of what was checked, for `pytest tests/gradients`.

--gradient-table=FILE    gradients against central differences
--witness-table=FILE     hand-derived against autodiff's against differences
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .table import Table
from .witness_table import WitnessTable


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--gradient-table",
        metavar="FILE",
        help="write a table of all gradients that were checked: Markdown, or JSON for *.json",
    )
    parser.addoption(
        "--witness-table",
        metavar="FILE",
        help="write the three-witness table over all built-ins: Markdown, or JSON for *.json",
    )


@pytest.fixture(scope="session")
def gradient_table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """What the checks reported, written at the end if that was asked for."""
    table = Table()
    yield table
    if path := request.config.getoption("--gradient-table"):
        text = table.json() if path.endswith(".json") else table.markdown()
        Path(path).write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def witness_table(request: pytest.FixtureRequest) -> Iterator[WitnessTable]:
    """What the three witnesses said, written at the end if that was asked for."""
    table = WitnessTable()
    yield table
    if path := request.config.getoption("--witness-table"):
        text = table.json() if path.endswith(".json") else table.markdown()
        Path(path).write_text(text, encoding="utf-8")
