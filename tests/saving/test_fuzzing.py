"""Mutated files: a few in every run, thousands in the slow one."""

import pytest

from .fuzzing import report, run


def test_some_mutated_files():
    outcomes = run(50, seed=1)
    assert {outcome.kind for outcome in outcomes} == {"keras", "run.keras", "weights.h5", "idx"}


@pytest.mark.slow
def test_thousands_of_mutated_files():
    outcomes = run(3000)
    print(report(outcomes))
    for kind in ("keras", "run.keras", "weights.h5", "idx"):  # neither all good nor all bad
        assert len({o.what for o in outcomes if o.kind == kind}) > 1
