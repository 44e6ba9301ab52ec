"""When a checkpoint is saved, and under which name."""

import numpy as np
import pytest

from minidl.callbacks import ModelCheckpoint
from tests.callbacks.callback_fakes import FakeModel, losses, run


class Names(ModelCheckpoint):
    """Writes nothing; remembers the names."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.names = []

    def save_model(self, filepath):
        self.names.append(filepath)


def names(*args, values=(3, 1, 2, 0), steps=1, **kwargs):
    checkpoint = Names(*args, **kwargs)
    run(checkpoint, losses(*values), steps=steps)
    return checkpoint.names


def test_every_epoch_by_default():
    assert names("{epoch:02d}-{val_loss:.2f}") == ["01-3.00", "02-1.00", "03-2.00", "04-0.00"]


def test_only_the_best():
    assert names("{epoch}", save_best_only=True) == ["1", "2", "4"]
    assert names("{epoch}", save_best_only=True, mode="max") == ["1"]
    assert names("{epoch}", save_best_only=True, initial_value_threshold=1.5) == ["2", "4"]
    assert names("{epoch}", save_best_only=True, initial_value_threshold=-1) == []
    assert names("{epoch}", save_best_only=True, values=[2, 2, 2]) == ["1"]


def test_nan_is_not_the_best():
    assert names("{epoch}", save_best_only=True, values=[float("nan"), 2, float("nan")]) == ["2"]


def test_the_best_is_remembered_across_runs():
    checkpoint = Names("{epoch}", save_best_only=True)
    run(checkpoint, losses(1))
    run(checkpoint, losses(2, 0.5))
    assert checkpoint.names == ["1", "2"]


def test_every_few_batches_counted_on_across_epochs():
    saved = names("{epoch}-{batch}", save_freq=3, steps=4)
    assert saved == ["1-3", "2-2", "3-1", "3-4", "4-3"]
    assert names("{epoch}-{batch}", save_freq=5, steps=5, values=[1, 1]) == ["1-5", "2-5"]


def test_batches_and_only_the_best():
    saved = names("{epoch}-{batch}", save_freq=1, steps=2, save_best_only=True, values=[2, 3, 1])
    assert saved == ["1-1", "3-1"]


def test_a_missing_monitor_warns_once_and_saves_every_time():
    checkpoint = Names("{epoch}", monitor="val_los", save_best_only=True)
    with pytest.warns(UserWarning, match="so it saves every time") as caught:
        run(checkpoint, losses(3, 4))
    assert len(caught) == 1
    assert checkpoint.names == ["1", "2"]


def test_the_monitor_does_not_matter_where_everything_is_saved():
    checkpoint = Names("{epoch}", monitor="nothing")
    run(checkpoint, losses(3, 4))
    assert checkpoint.names == ["1", "2"]


def test_model_and_weights_are_saved_by_the_model(tmp_path):
    path = str(tmp_path / "runs" / "today" / "m-{epoch}.keras")
    assert run(ModelCheckpoint(path), losses(1)).saved == [path.format(epoch=1)]
    assert (tmp_path / "runs" / "today").is_dir()
    path = tmp_path / "m.weights.h5"
    model = run(ModelCheckpoint(path, save_weights_only=True), losses(1))
    assert model.saved == [("weights", str(path))]


def test_a_subclass_writes_what_it_likes(tmp_path):
    class Arrays(ModelCheckpoint):
        def save_model(self, filepath):
            np.savez(filepath, *self.model.get_weights())

    run(Arrays(tmp_path / "best.npz", save_best_only=True), losses(2, 1, 3))
    with np.load(tmp_path / "best.npz") as stored:
        assert stored["arr_0"] == 1


@pytest.mark.parametrize("weights_only", [False, True])
def test_a_model_that_cannot_be_saved_is_refused_before_training(weights_only):
    class Plain:
        stop_training, metrics = False, ()

    path = "m.weights.h5" if weights_only else "m.keras"
    method = "save_weights" if weights_only else "save"
    with pytest.raises(NotImplementedError, match=rf"no method {method}\(\).*override save_model"):
        run(ModelCheckpoint(path, save_weights_only=weights_only), [], Plain())
    run(Names(path, save_weights_only=weights_only), [], Plain())


def test_a_folder_is_not_overwritten(tmp_path):
    folder = tmp_path / "m.keras"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="expected the path of a file"):
        run(ModelCheckpoint(folder), losses(1))


def test_a_name_that_cannot_be_filled_in():
    with pytest.raises(KeyError, match=r"asks for 'val_acc'.*They have epoch, val_loss"):
        names("{val_acc}")
    with pytest.raises(TypeError, match=r"Arrays in the logs: \{'f1': \(2,\)\}"):
        run(Names("{f1:.2f}"), [{"f1": np.ones(2)}])


def test_it_says_what_it_does_if_asked(capsys):
    names("{epoch}.x", verbose=1, save_best_only=True, values=[2, 3, 1])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: val_loss improved from None to 2.00000, saving to 1.x",
        "Epoch 2: val_loss 3.00000 is no better than 2.00000",
        "Epoch 3: val_loss improved from 2.00000 to 1.00000, saving to 3.x",
    ]
    names("{epoch}.x", verbose=1, values=[2])
    assert capsys.readouterr().out == "Epoch 1: saving to 1.x\n"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("model.txt",), r"expected a name that ends in \.keras or \.h5"),
        (("model.keras", "loss", 0, False, True), r"ends in \.weights\.h5"),
        (("m.keras", "loss", 0, False, False, "auto", "batch"), "save_freq='batch'"),
        (("m.keras", "loss", 0, False, False, "auto", 0), "save_freq=0"),
        (("m.keras", "loss", 0, False, False, "auto", 2.5), "save_freq=2.5"),
        (("m.keras", "loss", 0, False, False, "up"), "mode='up'"),
        (("m.keras", "loss", 0, True, False, "auto", "epoch", "x"), "initial_value_threshold='x'"),
    ],
)
def test_wrong_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        ModelCheckpoint(*arguments)


def test_without_a_model_method_nothing_is_asked_of_it():
    model = FakeModel()
    run(Names("x"), losses(1), model)
    assert model.saved == []
