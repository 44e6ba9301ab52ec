"""When a checkpoint is saved, and under which name."""

import errno
import os

import numpy as np
import pytest

from minidl import Input, Sequential, layers, utils
from minidl.callbacks import ModelCheckpoint
from minidl.saving import NotSavableError, load_model
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


def trained(folder, *callbacks):
    utils.set_random_seed(3)
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dropout(0.2), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    x = np.linspace(-1, 1, 30, dtype="float32").reshape(10, 3)
    y = x.sum(axis=1, keepdims=True)
    model.fit(x, y, 4, 3, verbose=0, callbacks=callbacks, validation_split=0.2)
    return model, x


def test_a_model_comes_back_with_its_optimizer(tmp_path):
    path = tmp_path / "runs" / "{epoch:02d}-{val_loss:.3f}-{val_mae:.3f}.keras"
    model, x = trained(tmp_path, ModelCheckpoint(path))
    files = sorted((tmp_path / "runs").iterdir())
    assert [file.name[:3] for file in files] == ["01-", "02-", "03-"]
    again = load_model(files[-1])
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    own, other = model.optimizer.get_state().values(), again.optimizer.get_state().values()
    assert all(map(np.array_equal, own, other))


def test_weights_come_back(tmp_path):
    path = tmp_path / "m.weights.h5"
    model, x = trained(tmp_path, ModelCheckpoint(path, save_weights_only=True, save_freq=2))
    after_six = model.get_weights()
    again, _ = trained(tmp_path)
    again.set_weights([np.zeros_like(w) for w in after_six])
    again.load_weights(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_an_error_while_it_is_written_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    _, x = trained(tmp_path, ModelCheckpoint(path, save_best_only=True))
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        trained(tmp_path, ModelCheckpoint(path))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.keras"]
    load_model(path).predict(x, verbose=0)


def test_what_could_not_be_loaded_is_refused_before_training(tmp_path):
    model = Sequential([Input((3,)), layers.Lambda(lambda x: x), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotSavableError, match="lambda"):
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=ModelCheckpoint("m.keras"))
    assert model.optimizer.iterations == 0
    weights = ModelCheckpoint(tmp_path / "m.weights.h5", save_weights_only=True)
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=weights)


def test_a_folder_that_cannot_be_written_to_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "m.keras", tmp_path / "file" / "in" / "m-{epoch}.keras"):
        model = FakeModel()
        with pytest.raises(OSError, match="ModelCheckpoint cannot write to the folder"):
            run(ModelCheckpoint(path), losses(1), model)
        assert model.saved == []


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
        (("model.h5",), r"expected a name that ends in \.keras\."),
        (("model.txt",), r"expected a name that ends in \.keras\."),
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
