"""A callback's state that comes damaged from a file is refused before anything is put back."""

import numpy as np
import pytest

from minidl import random
from minidl.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    History,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from minidl.optimizers import Adam
from minidl.saving.state_file import read_state, write_state
from tests.callbacks.test_backup_and_restore import (
    arrays,
    interrupted,
    make,
    without_waiting_for_the_disk,  # noqa: F401
)

STATES = {
    EarlyStopping: ["wait", "stopped_epoch", "best", "best_epoch", "best_weights"],
    ReduceLROnPlateau: ["best", "wait", "cooldown_counter"],
    ModelCheckpoint: ["best", "_epoch", "_batches", "_last_batch"],
    SwapEMAWeights: ["weights"],
    CSVLogger: ["size", "columns"],
    History: ["epoch", "history"],
}


def callback_of(cls, folder):
    path = {CSVLogger: "log.csv", ModelCheckpoint: "m.keras"}.get(cls)
    callback = cls() if path is None else cls(folder / path)
    callback.set_model(make())
    return callback


@pytest.mark.parametrize("wrong", ["relu", -1, [None], {"a": 1}, True, np.ones((2, 9))], ids=repr)
@pytest.mark.parametrize(("cls", "entry"), [(c, e) for c, names in STATES.items() for e in names])
def test_each_entry_of_a_wrong_type_is_named(tmp_path, cls, entry, wrong):
    callback = callback_of(cls, tmp_path)
    good = callback.get_state()
    assert sorted(good) == sorted(STATES[cls])
    if entry == "best" and isinstance(wrong, int) and wrong is not True:
        wrong = "a number may be negative"
    before = repr(vars(callback))
    with pytest.raises(ValueError, match=rf"{cls.__name__}'s state\['{entry}'\].*, expected"):
        callback.set_state({**good, entry: wrong})
    assert repr(vars(callback)) == before
    callback.set_state(good)


@pytest.mark.parametrize("cls", STATES)
@pytest.mark.parametrize("state", [None, [], {}, "relu"])
def test_a_state_that_is_none(tmp_path, cls, state):
    with pytest.raises(ValueError, match=f"{cls.__name__}'s state (is|lacks)"):
        callback_of(cls, tmp_path).set_state(state)


def test_a_refused_state_of_a_callback_leaves_the_model_and_the_streams(tmp_path):
    path = interrupted(tmp_path)
    state = read_state(path)
    (history,) = state["callbacks"]
    history["state"]["epoch"] = "relu"
    write_state(path, state)
    model = make(Adam())
    arrays(model, [], epochs=1)

    def everything():
        own = [*model.get_weights(), *model.optimizer.get_state().values()]
        streams = [stream.get_state() for stream in model.seed_generators()]
        return [a.tobytes() for a in own], streams, random.get_root_state()

    before = everything()
    with pytest.raises(ValueError, match=r"callbacks\[0\]: History's state\['epoch'\] is 'relu'"):
        arrays(model, [BackupAndRestore(tmp_path)])
    assert everything() == before
