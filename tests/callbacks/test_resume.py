"""A run that goes on from a ModelCheckpoint's file ends with the bytes of one that was not cut."""

import json
import zipfile
import zlib

import numpy as np
import pytest

from minidl import Input, Sequential, layers, utils
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from minidl.optimizers import SGD, Adam
from minidl.saving import ModelFileError, load_model
from minidl.utils.batched import BatchedDataset
from tests.callbacks.test_backup_and_restore import (
    Interrupt,
    Interruption,
    Rows,
    arrays,
    end_of,
    make,
    without_waiting_for_the_disk,  # noqa: F401
)


def watched(path, save_freq, place=1, more=()):
    """Callbacks with states, the one that saves among them."""
    others = [
        LearningRateScheduler(lambda epoch, rate: rate * 0.9),  # twice would be seen
        ReduceLROnPlateau("loss", patience=1, min_delta=0.5),
        EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        *more,
    ]
    others.insert(place, ModelCheckpoint(path, save_freq=save_freq))
    return others


def compare(tmp_path, save_freq, after, build=make, place=1, more=list, fit=arrays, loaded=False):
    path = tmp_path / "m.keras"
    model = build()
    expected = end_of(
        model, fit(model, watched(tmp_path / "alone.keras", save_freq, place, more()))
    )
    for moment in after:
        saving = watched(path, save_freq, place, more())
        with pytest.raises(Interruption):
            fit(build(), [*saving, Interrupt(moment)], resume=path)
    model = build()
    if loaded:
        model = load_model(path)
    resumed = fit(model, watched(path, save_freq, place, more()), resume=path)
    assert end_of(model, resumed) == expected


# Where it is interrupted. An epoch has 4 batches.


@pytest.mark.parametrize("save_freq", [1, 3, "epoch"])
@pytest.mark.parametrize("after", [[1], [4, 2], [12]])
def test_moments(tmp_path, after, save_freq):
    compare(tmp_path, save_freq, after)


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("save_freq", [2, "epoch"])
def test_callbacks_behind_the_one_that_saves_lose_no_call(tmp_path, save_freq, place):
    class Calls(Callback):
        """Has a state that a call which is lost, or comes twice, would change."""

        def __init__(self):
            self.calls = []

        def get_state(self):
            return self.calls

        def set_state(self, state):
            self.calls = list(state)

        def on_train_batch_end(self, batch, logs=None):
            self.calls.append(["batch", batch, float(logs["loss"])])

        def on_epoch_end(self, epoch, logs=None):
            self.calls.append(["epoch", epoch, float(logs["loss"])])

        def on_train_end(self, logs=None):
            self.model.optimizer.learning_rate = zlib.crc32(str(self.calls).encode()) / 2**40

    compare(tmp_path, save_freq, [5, 2], place=place, more=lambda: [Calls()])


def test_the_model_may_be_the_file_s(tmp_path):
    compare(tmp_path, 3, [7], loaded=True)


@pytest.mark.parametrize("save_freq", [3, "epoch"])
def test_averages_of_weights(tmp_path, save_freq):
    def build():
        return make(Adam(0.01, use_ema=True, ema_momentum=0.8, gradient_accumulation_steps=2))

    compare(tmp_path, save_freq, [6], build, more=lambda: [SwapEMAWeights(swap_on_epoch=True)])


def test_a_dataset_with_an_order_of_its_own(tmp_path):
    def rows(model, callbacks, resume=None):
        return model.fit(
            Rows(), epochs=4, verbose=0, callbacks=callbacks, resume=resume,
            validation_data=(np.ones((3, 3)), np.ones((3, 1))),
        )  # fmt: skip

    compare(tmp_path, 3, [6, 2], fit=rows)


def test_the_states_of_a_stateful_layer_are_no_weights_and_go_on(tmp_path):
    def build():
        utils.set_random_seed(3)
        model = Sequential([Input((2, 3), batch_size=4), layers.LSTM(2, stateful=True)])
        model.compile(SGD(0.1, momentum=0.9), "mse")
        return model

    def fit(model, callbacks, resume=None):
        x = np.linspace(-1, 1, 96).reshape(16, 2, 3).astype("float32")
        data = BatchedDataset(lambda rows: (x[rows], x[rows, 0, :2]), 16, 4)
        return model.fit(
            data, epochs=3, verbose=0, callbacks=callbacks, resume=resume, validation_data=data
        )

    compare(tmp_path, 3, [7], build, fit=fit)


def test_the_progress_is_shown_of_the_epoch_whose_end_came_last(tmp_path, capsys):
    path = tmp_path / "m.keras"
    with pytest.raises(Interruption):
        arrays(make(), [ModelCheckpoint(path), Interrupt(5)])
    arrays(make(), [ModelCheckpoint(path)], resume=path, verbose=2, epochs=2)
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in shown] == ["Epoch 1/2", "Epoch 2/2"]


def test_a_row_of_the_csv_file_comes_once(tmp_path):
    path, log = tmp_path / "m.keras", tmp_path / "log.csv"
    with pytest.raises(Interruption):
        arrays(make(), [ModelCheckpoint(path), CSVLogger(log), Interrupt(5)])
    arrays(make(), [ModelCheckpoint(path), CSVLogger(log)], resume=path)
    assert [row.split(",")[0] for row in log.read_text().splitlines()] == ["epoch", "0", "1", "2"]


def test_a_run_that_was_at_its_end_has_nothing_left_to_do_and_more_epochs_go_on(tmp_path):
    path = tmp_path / "m.keras"
    first = arrays(make(), [ModelCheckpoint(path)]).history
    again = arrays(make(), [ModelCheckpoint(path)], resume=path).history
    longer = arrays(make(), [ModelCheckpoint(path)], resume=path, epochs=5).history
    assert again == first
    assert longer == arrays(make(), [ModelCheckpoint(tmp_path / "2.keras")], epochs=5).history


def test_a_callback_of_one_s_own_that_saves(tmp_path):
    class Saves(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(tmp_path / "m.keras")

    alone = arrays(make(), [Saves()])
    arrays(make(), [Saves()], epochs=1)
    assert arrays(make(), [Saves()], resume=tmp_path / "m.keras").history == alone.history


# The file


def test_each_weight_and_slot_is_in_the_file_once(tmp_path):
    model = Sequential([Input((3,)), layers.Dense(5000), layers.Dense(1)])
    model.compile("adam", "mse")
    model.save(tmp_path / "plain.keras")
    arrays(model, [ModelCheckpoint(tmp_path / "m.keras")], epochs=1)
    model.save(tmp_path / "after.keras")
    with zipfile.ZipFile(tmp_path / "after.keras") as archive:
        assert "training_run" not in json.loads(archive.read("metadata.json"))
    size = (tmp_path / "m.keras").stat().st_size - (tmp_path / "after.keras").stat().st_size
    assert size < 20_000  # and the slots have 240,000 bytes


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_train_batch_begin", "on_test_begin"])
def test_a_moment_at_which_no_run_can_go_on(tmp_path, hook):
    class Saves(Callback):
        pass

    path = tmp_path / "m.keras"
    setattr(Saves, hook, lambda self, *args: self.model.save(path))
    arrays(make(), [Saves()], epochs=1)
    with pytest.raises(ModelFileError, match="holds no training run that can go on"):
        arrays(make(), [], resume=path)


def test_a_state_that_a_file_cannot_hold(tmp_path):
    class Words(Callback):
        def get_state(self):
            return np.array(["a", "b"])

    with pytest.raises(TypeError, match="state of a callback has an array of dtype <U1"):
        arrays(make(), [Words(), ModelCheckpoint(tmp_path / "m.keras")])


def test_a_file_that_is_not_there_yet_or_of_another_kind(tmp_path):
    assert len(arrays(make(), [], resume=tmp_path / "none.keras").epoch) == 3
    (tmp_path / "m.weights.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        arrays(make(), [], resume=tmp_path / "m.weights.h5")


def test_a_run_of_another_program(tmp_path):
    path = tmp_path / "m.keras"
    arrays(make(), [ModelCheckpoint(path)], epochs=1)
    with pytest.raises(ValueError, match="this run has the callbacks"):
        arrays(make(), [EarlyStopping("loss")], resume=path)
    with pytest.raises(ValueError, match="this model has the layers"):
        arrays(make(tail=lambda: [layers.ReLU()]), [ModelCheckpoint(path)], resume=path)


def test_a_backup_that_has_a_state_counts_more(tmp_path):
    path = tmp_path / "m.keras"

    def both(after=0):
        saving = [ModelCheckpoint(path), BackupAndRestore(tmp_path / "backup", 1)]
        return [*saving, Interrupt(after)] if after else saving

    model = make()
    expected = end_of(model, arrays(model, [ModelCheckpoint(tmp_path / "alone.keras")]))
    with pytest.raises(Interruption):
        arrays(make(), both(7), resume=path)
    batches = []

    class Batches(Callback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)

    model = make()
    assert end_of(model, arrays(model, [*both(), Batches()], resume=path)) == expected
    assert batches[0] == 3  # not 0, where the checkpoint's epoch began


def rewritten(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    change(metadata["training_run"])
    members["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.pop("state"),
        lambda run: run["arrays"].__setitem__(0, run["arrays"][1]),  # one for many: a bomb
        lambda run: run["arrays"].__setitem__(0, ["training_run", "9999"]),
        lambda run: run["arrays"].__setitem__(0, ["/etc/passwd", "0"]),
        lambda run: run["arrays"].pop(),
        lambda run: run["state"]["dict"].update(more=[{"array": 0}] * 1000),
        lambda run: run["state"]["dict"].update(more={"pickle": "x"}),
    ],
)
def test_a_damaged_run(tmp_path, change):
    path = tmp_path / "m.keras"
    arrays(make(), [ModelCheckpoint(path)], epochs=1)
    rewritten(path, change)
    with pytest.raises(ModelFileError, match="training run that cannot be read"):
        arrays(make(), [ModelCheckpoint(path)], resume=path)
    load_model(path)  # the model itself is whole


@pytest.mark.parametrize("place", [["on_train_begin", 0], ["on_epoch_end", 99], [1], "os.system"])
def test_a_place_that_is_none(tmp_path, place):
    path = tmp_path / "m.keras"
    arrays(make(), [ModelCheckpoint(path)], epochs=1)
    rewritten(path, lambda run: run["state"]["dict"].update(place=place))
    with pytest.raises(ValueError, match="cannot go on from this state"):
        arrays(make(), [ModelCheckpoint(path)], resume=path)
