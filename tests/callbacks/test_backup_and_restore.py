"""A run that was interrupted, at any batch, ends with the bytes of one that was not."""

import os
import warnings

import numpy as np
import pytest

from minidl import Input, Sequential, layers, metrics, optimizers, random, utils
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
from minidl.saving.errors import ModelFileError
from minidl.saving.state_file import read_state
from minidl.utils.batched import BatchedDataset

X = np.random.default_rng(0).standard_normal((22, 3), dtype="float32")
Y = X @ np.array([[1.0], [-1.0], [0.5]], dtype="float32")


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Interruption(KeyboardInterrupt):
    """Is never caught on the way."""


class Interrupt(Callback):
    """Ends the process, as far as a test can, once so many batches are done."""

    comes_last = True  # and behind BackupAndRestore, if it stands there

    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Interruption


def make(optimizer="adam", wanted=("mae",), tail=list):
    utils.set_random_seed(5)
    model = Sequential([Input((3,)), layers.Dropout(0.3), layers.Dense(4, "tanh"), *tail()])
    model.add(layers.Dense(1))
    model.compile(optimizer, "mse", metrics=list(wanted))
    return model


def end_of(model, history):
    """Everything there is to compare, as bytes or text."""
    return {
        "weights": [w.tobytes() for w in model.get_weights()],
        "optimizer": [v.tobytes() for v in model.optimizer.get_state().values()],
        "streams": [s.get_state() for s in model.seed_generators()],
        "root": random.get_root_state(),
        "history": repr(history.history),
        "epochs": history.epoch,
        "next draw": random.SeedGenerator().generator.random(),
    }


def compare(tmp_path, fit, after, save_freq=1, build=make, **options):
    """Train in one go and with interruptions; `fit(model, callbacks)` trains."""
    model = build()
    expected = end_of(model, fit(model, []))
    for moment in after:
        with pytest.raises(Interruption):
            fit(
                build(), [BackupAndRestore(tmp_path / "b", save_freq, **options), Interrupt(moment)]
            )
        assert (tmp_path / "b").exists()
    model = build()
    resumed = fit(model, [BackupAndRestore(tmp_path / "b", save_freq, **options)])
    assert end_of(model, resumed) == expected
    assert not (tmp_path / "b").exists()


def arrays(model, callbacks, **options):
    options = {"epochs": 3, "batch_size": 5, "verbose": 0, "validation_split": 0.2} | options
    return model.fit(X, Y, callbacks=callbacks, **options)


# Where it is interrupted. An epoch has 4 batches.


@pytest.mark.parametrize("save_freq", [1, 2, 3, "epoch"])
@pytest.mark.parametrize("after", [[1], [4], [5], [12], [2, 2, 2, 2]])
def test_arrays(tmp_path, after, save_freq):
    compare(tmp_path, arrays, after, save_freq)


@pytest.mark.parametrize(
    "options",
    [{"shuffle": False}, {"steps_per_epoch": 3, "validation_split": 0}, {"batch_size": 40}],
)
def test_arrays_in_other_orders(tmp_path, options):
    def fit(model, callbacks):
        return arrays(model, callbacks, **{"epochs": 5} | options)

    compare(tmp_path, fit, [1, 1, 2] if "batch_size" in options else [2, 5, 4])


class Rows(utils.PyDataset):
    """Draws its samples anew after every epoch, by a stream that it can tell of."""

    def __init__(self):
        super().__init__()
        self.stream = random.SeedGenerator(3)
        self.order = np.arange(20)
        self.asked = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.asked.append(index)
        rows = self.order[index * 5 : index * 5 + 5]
        return X[rows], Y[rows]

    def on_epoch_begin(self):
        self.order = self.stream.generator.permutation(20)

    def get_state(self):
        return self.stream.get_state()

    def set_state(self, state):
        self.stream.set_state(state)


def batches():
    for i in range(100):
        rows = slice(i % 4 * 5, i % 4 * 5 + 5)
        yield X[rows] * (1 + i), Y[rows]


def shuffled():
    return BatchedDataset(lambda rows: (X[rows], Y[rows]), 22, 5, shuffle=True, seed=2)


SOURCES = {
    "a dataset": (Rows, None),
    "a dataset, cut": (Rows, 3),
    "a generator": (batches, 4),
    "a re-iterable": (lambda: [(X[:5], Y[:5]), (X[5:], Y[5:]), (X[3:6], Y[3:6])], None),
    "a re-iterable, cut": (lambda: [(X[:5], Y[:5]), (X[5:], Y[5:]), (X[3:6], Y[3:6])], 2),
    "one that shuffles": (shuffled, None),
    "one that shuffles, cut": (shuffled, 3),
}


@pytest.mark.parametrize("name", SOURCES)
def test_other_sources(tmp_path, name):
    source, steps = SOURCES[name]

    def fit(model, callbacks):
        return model.fit(
            source(), steps_per_epoch=steps, epochs=4, verbose=0, callbacks=callbacks,
            validation_data=batches(), validation_steps=2,
        )  # fmt: skip

    compare(tmp_path, fit, [1, 1, 3, 2])


def test_batches_of_a_dataset_that_were_trained_on_are_not_asked_for(tmp_path):
    backup = BackupAndRestore(tmp_path / "b", save_freq=1)
    with pytest.raises(Interruption):
        make().fit(Rows(), epochs=1, verbose=0, shuffle=False, callbacks=[backup, Interrupt(3)])
    rows = Rows()
    make().fit(rows, epochs=1, verbose=0, shuffle=False, callbacks=backup)
    assert rows.asked == [3]


# What has a state


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        optimizers.Adam(0.01, amsgrad=True),
        optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
        optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        optimizers.Nadam(0.01, gradient_accumulation_steps=3),
        optimizers.Adagrad(0.01, clipnorm=0.1),
        optimizers.Adadelta(1.0),
        optimizers.Adamax(0.01),
        optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10, warmup_steps=3)),
    ],
    ids=lambda o: type(o).__name__,
)
def test_optimizers(tmp_path, optimizer):
    config = optimizer.get_config()

    def build():
        return make(type(optimizer).from_config(config))

    compare(tmp_path, arrays, [6], build=build)


@pytest.mark.parametrize("after", [3, 4])
def test_metrics_in_the_middle_of_an_epoch_and_behind_its_last_batch(tmp_path, after):
    def build():
        return make(
            wanted=["mse", metrics.R2Score(), metrics.RootMeanSquaredError(), metrics.AUC()],
            tail=lambda: [layers.Dense(2, "sigmoid")],
        )

    def fit(model, callbacks):
        return model.fit(X, Y > 0, 5, 2, verbose=0, callbacks=callbacks)

    compare(tmp_path, fit, [after + 1], build=build)


def test_moving_statistics_and_layers_with_streams_of_their_own(tmp_path):
    def tail():
        nested = Sequential([Input((4,)), layers.GaussianDropout(0.1)])
        noise = [layers.GaussianNoise(0.1), layers.AlphaDropout(0.1)]
        return [layers.BatchNormalization(), *noise, nested]

    compare(tmp_path, arrays, [3, 4], build=lambda: make(tail=tail))


def test_the_states_of_a_stateful_layer(tmp_path):
    def build():
        utils.set_random_seed(5)
        model = Sequential([Input((None, 3), batch_size=2), layers.GRU(4, stateful=True)])
        model.compile("adam", "mse")
        return model

    def fit(model, callbacks):
        batches = [(x, np.zeros((2, 4))) for x in X[:20].reshape(5, 2, 2, 3)]
        return model.fit(batches, epochs=3, verbose=0, callbacks=callbacks)

    compare(tmp_path, fit, [3, 4], build=build)


class Twice(Sequential):
    """Has a second optimizer, and a metric of its own."""

    def __init__(self, *args):
        super().__init__(*args)
        self.second = optimizers.Adam(0.01)
        self.share = metrics.Mean(name="share")

    @property
    def metrics(self):
        return [self.share]

    def train_step(self, data):
        y = data[1]
        super().train_step(data)
        self.second.apply(
            [np.ones(p.shape) for p in self.layers[-1].weights], self.layers[-1].weights
        )
        self.share.update_state(y > 0)
        return {"share": self.share.result()}


def test_a_train_step_of_ones_own(tmp_path):
    def build():
        utils.set_random_seed(5)
        model = Twice([Input((3,)), layers.Dropout(0.3), layers.Dense(4), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    model = build()
    arrays(model, [])
    second = model.second.get_state()
    compare(tmp_path, arrays, [3, 1, 5], build=build)
    with pytest.raises(Interruption):
        arrays(build(), [BackupAndRestore(tmp_path, 1), Interrupt(6)])
    model = build()
    arrays(model, [BackupAndRestore(tmp_path)])
    assert list(map(repr, model.second.get_state().values())) == list(map(repr, second.values()))


def test_a_run_without_a_seed(tmp_path):
    """The root of all streams comes from the system, and goes on from the interrupted run's."""
    random.set_root_seed(None)
    with pytest.raises(Interruption):
        arrays(make_unseeded(), [BackupAndRestore(tmp_path, 1), Interrupt(6)])
    weights, roots = [], []
    for _ in range(2):
        random.set_root_seed(None)
        model = make_unseeded()
        state = read_state(tmp_path / "training_state.npz")
        arrays(model, [BackupAndRestore(tmp_path, delete_checkpoint=False, save_freq=10**6)])
        weights.append(model.get_weights())
        roots.append(random.get_root_state())
        from minidl.saving.state_file import write_state

        write_state(tmp_path / "training_state.npz", state)
    assert [a.tobytes() for a in weights[0]] == [b.tobytes() for b in weights[1]]
    assert roots[0] == roots[1]


def make_unseeded():
    model = Sequential([Input((3,)), layers.Dropout(0.3), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


# Callbacks


class Losses(Callback):
    """A callback of one's own, with a state."""

    def __init__(self, path):
        self.path, self.losses = path, []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])
        self.path.write_text(repr(self.losses))

    def get_state(self):
        return {"losses": self.losses}

    def set_state(self, state):
        self.losses = state["losses"]


CALLBACKS = {
    "stopping": lambda folder: [EarlyStopping("loss", patience=1, min_delta=0.3)],
    "the best": lambda folder: [
        EarlyStopping("val_loss", patience=9, restore_best_weights=True, mode="max")
    ],
    "plateau": lambda folder: [ReduceLROnPlateau("loss", 0.5, 1, min_delta=9, cooldown=2)],
    "rates": lambda folder: [LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    "averages": lambda folder: [SwapEMAWeights(swap_on_epoch=True)],
    "a file": lambda folder: [CSVLogger(folder / "log.csv")],
    "a file, on": lambda folder: [CSVLogger(folder / "log.csv", append=True)],
    "one's own": lambda folder: [Losses(folder / "losses.txt")],
}  # fmt: skip


@pytest.mark.parametrize("save_freq", [1, "epoch"])
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks(tmp_path, name, save_freq):
    def fit(model, more):
        folder = tmp_path / ("killed" if more else "whole")
        folder.mkdir(exist_ok=True)
        return arrays(model, [*more, *CALLBACKS[name](folder)], epochs=6)

    def build():
        return make(optimizers.Adam(0.1, use_ema=True))

    compare(tmp_path, fit, [3, 5, 6, 2], save_freq, build)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_text() == (tmp_path / "killed" / path.name).read_text()


def test_a_file_loses_the_rows_that_come_again(tmp_path):
    """The row was written, and the state that follows was not."""

    class Fails(Callback):
        comes_last = True

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise Interruption

    def fit(*more):
        return arrays(make(), [CSVLogger(tmp_path / "a.csv"), *more])

    with pytest.raises(Interruption):
        fit(Fails(), BackupAndRestore(tmp_path / "b"))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3
    fit(BackupAndRestore(tmp_path / "b"))
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


def test_the_best_is_remembered(tmp_path):
    names = []

    class Names(ModelCheckpoint):
        def save_model(self, filepath):
            names.append(filepath)

    def fit(callbacks):
        checkpoint = Names("{epoch}", monitor="loss", mode="max", save_best_only=True)
        return arrays(make(), [checkpoint, *callbacks])

    fit([])
    expected = names[:]
    names.clear()
    with pytest.raises(Interruption):
        fit([BackupAndRestore(tmp_path, 1), Interrupt(5)])
    fit([BackupAndRestore(tmp_path, 1)])
    assert names == expected


def test_its_hooks_come_behind_all_others():
    seen = []

    class Notes(Callback):
        def __init__(self, name, last):
            self.name, self.comes_last = name, last

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.name)

    make().fit(
        X, Y, verbose=0, callbacks=[Notes("last", True), Notes("a", False), Notes("b", False)]
    )
    assert seen == ["a", "b", "last"]
    assert BackupAndRestore.comes_last


# The folder


def test_names_of_the_files(tmp_path):
    arrays(make(), BackupAndRestore(tmp_path, 1, double_checkpoint=True, delete_checkpoint=False))
    assert sorted(os.listdir(tmp_path)) == ["training_state.npz", "training_state.previous.npz"]


def test_only_its_own_files_are_removed(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    arrays(make(), BackupAndRestore(tmp_path, 1, double_checkpoint=True))
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_kept_state_goes_on_behind_the_last_epoch(tmp_path):
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    model = make()
    first = arrays(model, [backup, CSVLogger(tmp_path / "a.csv")])
    weights = model.get_weights()
    model = make()
    again = arrays(model, [backup, CSVLogger(tmp_path / "a.csv")])
    assert again.history == first.history
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4
    assert arrays(make(), [backup, CSVLogger(tmp_path / "a.csv")], epochs=5).epoch == [*range(5)]


def test_a_kept_state_of_a_run_that_stopped_early_goes_on(tmp_path):
    callbacks = [
        EarlyStopping("loss", mode="max"),
        BackupAndRestore(tmp_path, delete_checkpoint=False),
    ]
    model = make()
    assert len(arrays(model, callbacks).epoch) == 2
    assert model.stop_training
    assert len(arrays(make(), callbacks).epoch) == 3


def interrupted(folder, **options):
    with pytest.raises(Interruption):
        arrays(make(), [BackupAndRestore(folder, 1, **options), Interrupt(6)])
    return folder / "training_state.npz"


def test_a_damaged_state_is_refused(tmp_path):
    path = interrupted(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="damaged"):
        arrays(make(), BackupAndRestore(tmp_path))


def test_a_damaged_state_is_replaced_by_the_one_before(tmp_path):
    model = make()
    expected = end_of(model, arrays(model, []))
    path = interrupted(tmp_path, double_checkpoint=True)
    path.write_bytes(path.read_bytes()[:-100])
    model = make()
    with pytest.warns(UserWarning, match="damaged.*Going on from the state before it"):
        history = arrays(model, BackupAndRestore(tmp_path, double_checkpoint=True))
    assert end_of(model, history) == expected


def test_a_kill_between_the_two_renames(tmp_path):
    path = interrupted(tmp_path, double_checkpoint=True)
    os.replace(path, tmp_path / "training_state.previous.npz")
    model = make()
    seen = []

    class First(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(batch)

    arrays(model, [BackupAndRestore(tmp_path), First()])
    assert seen[0] == 2


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda b: arrays(make(tail=lambda: [layers.Dense(2)]), b), "layers .*that one had"),
        (lambda b: arrays(make(tail=lambda: [layers.Rescaling(2)]), b), "layers .*'Rescaling'"),
        (lambda b: arrays(make("sgd"), b), "SGD keeps 2 arrays, that one's kept 10"),
        (lambda b: arrays(make(), b, batch_size=4), "batch_size=4, that one had 5"),
        (lambda b: arrays(make(), b, shuffle=False), "not shuffled, that one was shuffled"),
        (lambda b: make().fit(X[:9], Y[:9], 5, callbacks=b, verbose=0), "samples=9, that one had"),
        (lambda b: arrays(make(), [*b, EarlyStopping("loss")]), "'EarlyStopping'.*that one had"),
    ],
)
def test_the_state_of_another_program(tmp_path, fit, words):
    path = interrupted(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=words) as caught:
        fit([BackupAndRestore(tmp_path)])
    assert "remove the folder" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "backup_dir=''"),
        ([None], "backup_dir=None"),
        (["a", "batch"], "save_freq='batch', expected 'epoch' or a number"),
        (["a", 0], "save_freq"),
        (["a", False], "save_freq"),
        (["a", 1.5], "save_freq"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        BackupAndRestore(*arguments)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "b").write_text("")
    with pytest.raises(OSError, match="BackupAndRestore cannot write to the folder"):
        arrays(make(), BackupAndRestore(tmp_path / "b"))


def test_a_state_that_cannot_be_written_down(tmp_path):
    class Odd(Callback):
        def get_state(self):
            return {"model": self.model}

    with pytest.raises(TypeError, match=r"callbacks.*'model'\] is a Sequential"):
        arrays(make(), [Odd(), BackupAndRestore(tmp_path)])


def test_nothing_is_computed_for_batches_that_are_not_written_down(tmp_path):
    model = make()
    asked = []
    plain = model.get_metrics_result

    def counted():
        asked.append(model.training_run.batch)
        return plain()

    model.get_metrics_result = counted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arrays(model, BackupAndRestore(tmp_path, save_freq=3), epochs=1, validation_split=0)
    assert asked == [3, 3, 5]
    assert model.training_run is None
