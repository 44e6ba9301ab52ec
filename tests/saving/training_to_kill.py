"""A training to be killed: `python -m tests.saving.training_to_kill NETWORK FOLDER FREQ CALL WAY`.

It writes its end into FOLDER/end.npz: weights, optimizer, streams of random numbers, History. WAY
says what a run goes on from: "backup" of BackupAndRestore, or "checkpoint" of ModelCheckpoint.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from minidl import callbacks, layers, models, optimizers, random, utils
from minidl.saving.state_file import write_state

NETWORKS = ("dense", "convnet", "lstm")
WAYS = {"backup": "backup/training_state.npz", "checkpoint": "model.keras"}
"""What an interrupted run goes on from, and the file that it leaves."""


def network(name):
    if name == "dense":
        return [
            layers.Input((300,)),  # longer than what the BLAS adds up in one go
            layers.GaussianNoise(0.1),
            layers.Dense(32, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    if name == "convnet":
        return [
            layers.Input((300,)),
            layers.Reshape((10, 10, 3)),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    return [
        layers.Input((300,)),
        layers.Reshape((10, 30)),
        layers.LSTM(12, dropout=0.2, recurrent_dropout=0.1),
        layers.Dense(3, activation="softmax"),
    ]


def optimizer(name):
    if name == "dense":
        return optimizers.Adam(0.003, clipnorm=1.0, use_ema=True, ema_momentum=0.9)
    if name == "convnet":
        return optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    return optimizers.Nadam(0.003, gradient_accumulation_steps=2)


def train(name, folder, save_freq, way):
    """Train to the end, from wherever an earlier process was killed; write the end down."""
    utils.set_random_seed(7)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 300), dtype="float32")
    y = rng.integers(0, 3, 150)
    model = models.Sequential(network(name))
    model.compile(optimizer(name), "sparse_categorical_crossentropy", metrics=["accuracy"])
    path = folder / WAYS[way]
    if way == "backup":
        saver = callbacks.BackupAndRestore(path.parent, save_freq, double_checkpoint=name == "lstm")
    else:
        saver = callbacks.ModelCheckpoint(path, save_freq=save_freq)
    watched = [
        # In front, and it depends on the rate that is there: nothing may happen twice.
        saver,
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1),
        callbacks.CSVLogger(folder / "log.csv"),
    ]
    if name == "dense":
        watched.append(callbacks.SwapEMAWeights(swap_on_epoch=True))
    history = model.fit(
        x, y, batch_size=16, epochs=8, verbose=0, callbacks=watched, validation_split=0.2,
        steps_per_epoch=5 if name == "lstm" else None,
        resume=path if way == "checkpoint" else None,
    )  # fmt: skip
    end = {
        "weights": model.get_weights(),
        "optimizer": model.optimizer.get_state(),
        "streams": [stream.get_state() for stream in model.seed_generators()],
        "root": random.get_root_state(),
        "history": history.history,
        "epochs": history.epoch,
        "csv": (folder / "log.csv").read_text(),
        "predictions": model.predict(x, verbose=0),
    }
    write_state(folder / "end.npz", end)


def saved_models():
    """Two models of one kind with different weights."""
    models_ = []
    for seed in (1, 2):
        utils.set_random_seed(seed)
        model = models.Sequential(network("dense"))
        model.compile(optimizer("dense"), "sparse_categorical_crossentropy")
        models_.append(model)
    return models_


def save_for_ever(path):
    """Save two models in turn to one path, until the process is killed."""
    pair = saved_models()
    while True:
        for model in pair:
            model.save(path) if path.endswith(".keras") else model.save_weights(path)


def die_at(count):
    """Let the process kill itself at the so many-th call that has to do with files."""
    left = count

    def wrapped(function):
        def counted(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return counted

    os.fsync, os.replace, os.listdir = map(wrapped, (os.fsync, os.replace, os.listdir))
    np.lib.format.write_array = wrapped(np.lib.format.write_array)


if __name__ == "__main__":
    name, folder, save_freq, call, way = sys.argv[1:]
    if int(call):
        die_at(int(call))
    if name == "saving":
        save_for_ever(folder)
    train(name, Path(folder), save_freq if save_freq == "epoch" else int(save_freq), way)
