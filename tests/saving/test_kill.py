"""Trainings and savings that are killed: a few here, hundreds by `python -m tests.saving.kill`."""

import os

import pytest

from tests.saving import kill

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="has no SIGKILL"),
]


@pytest.mark.parametrize("way", kill.WAYS)
@pytest.mark.parametrize("network", kill.NETWORKS)
def test_a_killed_training_ends_with_the_bytes_of_one_left_alone(network, way):
    counts = kill.kill_trainings(
        10, networks=[network], save_freqs=["epoch", 1], say=str, ways=[way]
    )
    assert counts["kills"] >= 10
    assert counts["resumed"] > 0
    assert counts["equal"] == counts["runs"]
    assert counts["left"] == 0


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_a_killed_saving_leaves_the_old_model_or_the_new_one(ending):
    counts = kill.kill_savings(10, ending)
    assert counts["kills"] >= 10
    assert counts["whole"] == counts["kills"]
