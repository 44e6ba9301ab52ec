"""The table of what was checked: `pytest tests/gradients --gradient-table=FILE`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .table import Table


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--gradient-table",
        metavar="FILE",
        help="write a table of all gradients that were checked: Markdown, or JSON for *.json",
    )


@pytest.fixture(scope="session")
def gradient_table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """What the checks reported, written at the end if that was asked for."""
    table = Table()
    yield table
    if path := request.config.getoption("--gradient-table"):
        text = table.json() if path.endswith(".json") else table.markdown()
        Path(path).write_text(text, encoding="utf-8")
