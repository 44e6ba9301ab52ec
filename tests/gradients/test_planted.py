"""The suite against bugs planted in a copy of the package: all of them must be caught."""

import pytest

from .planted import main


@pytest.mark.slow
def test_every_planted_bug_is_caught():
    assert main() == 0
