"""Seeds, names, and datasets made by Python code."""

import gc
import random as python_random
import subprocess
import sys
import weakref

import numpy as np
import pytest

from minidl import random, utils
from minidl.layers import naming


def draws(n=3):
    return [random.SeedGenerator().generator.random() for _ in range(n)]


def test_the_same_seed_gives_the_same_numbers():
    utils.set_random_seed(5)
    first = draws()
    utils.set_random_seed(5)
    assert draws() == first
    utils.set_random_seed(6)
    assert draws() != first
    assert len(set(first)) == 3


def test_other_generators_are_left_alone():
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    python_state = python_random.getstate()
    utils.set_random_seed(5)
    draws()
    assert np.random.get_state()[1].tolist() == numpy_state  # noqa: NPY002
    assert python_random.getstate() == python_state


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, True])
def test_wrong_seeds(seed):
    with pytest.raises(ValueError, match="expected a non-negative integer"):
        utils.set_random_seed(seed)


def test_clear_session_starts_names_anew():
    naming.reset()
    assert [naming.unique_name("dense") for _ in range(2)] == ["dense", "dense_1"]
    utils.clear_session()
    assert naming.unique_name("dense") == "dense"


def test_clear_session_frees_what_is_in_a_cycle():
    class Cycle:
        def __init__(self):
            self.me = self

    gc.disable()
    try:
        gone = weakref.ref(Cycle())
        utils.clear_session(free_memory=False)
        assert gone() is not None
        utils.clear_session()
        assert gone() is None
    finally:
        gc.enable()


def test_utils_and_callbacks_import_little_that_numpy_does_not():
    program = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import minidl.utils, minidl.callbacks\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert {name.split(".")[0] for name in run.stdout.split()} <= {"minidl", "__future__"}
    rooms = {name.split(".")[1] for name in run.stdout.split() if "." in name}
    assert rooms == {
        *("_typing", "callbacks", "config", "random", "registered", "registry", "states", "utils"),
        "validation",
    }


# PyDataset


class Rows(utils.PyDataset):
    def __init__(self, batches, **kwargs):
        super().__init__(**kwargs)
        self.batches = batches

    def __len__(self):
        return self.batches

    def __getitem__(self, index):
        return index, -index


def test_a_dataset_is_its_batches():
    rows = Rows(3, workers=4, use_multiprocessing=True, max_queue_size=2)
    assert rows.num_batches == 3
    assert list(rows) == [(0, 0), (1, -1), (2, -2)]
    assert (rows.workers, rows.use_multiprocessing, rows.max_queue_size) == (4, True, 2)
    rows.on_epoch_begin()
    rows.on_epoch_end()


def test_sequence_is_another_name():
    assert utils.Sequence is utils.PyDataset


def test_a_dataset_that_does_not_call_super():
    class Own(utils.PyDataset):
        def __init__(self):
            pass

    assert (Own().workers, Own().use_multiprocessing, Own().max_queue_size) == (1, False, 10)


def test_a_dataset_without_end():
    class Endless(utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return index

    stream = iter(Endless())
    assert [next(stream) for _ in range(4)] == [0, 1, 2, 3]


def test_what_a_subclass_forgot():
    class Nothing(utils.PyDataset):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing has no __getitem__"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match=r"Nothing has no __len__"):
        next(iter(Nothing()))
