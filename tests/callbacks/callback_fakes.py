"""A model as callbacks know one, and a run over a list of logs, without any training."""

import numpy as np

from minidl.callbacks import CallbackList


class FakeOptimizer:
    learning_rate = 0.5


class FakeModel:
    """Its only weight is the number of the last epoch that was trained."""

    def __init__(self, metrics=()):
        self.optimizer = FakeOptimizer()
        self.metrics = list(metrics)
        self.stop_training = False
        self.history = None
        self.epoch = np.array([-1.0])
        self.saved = []

    def get_weights(self):
        return [self.epoch.copy()]

    def set_weights(self, weights):
        self.epoch = weights[0].copy()

    def save(self, filepath, overwrite=True):
        self.saved.append(filepath)

    def save_weights(self, filepath, overwrite=True):
        self.saved.append(("weights", filepath))


def run(callbacks, logs, model=None, steps=1, end=True, **params):
    """Go through epochs as `fit` does; returns the model."""
    model = model or FakeModel()
    params = {"verbose": 0, "epochs": len(logs), "steps": steps, **params}
    together = CallbackList(callbacks, model=model, add_history=True, **params)
    try:
        together.on_train_begin()
        epoch_logs = {}
        for epoch, given in enumerate(logs):
            together.on_epoch_begin(epoch)
            for step in range(steps):
                together.on_train_batch_begin(step)
                model.epoch = np.array([float(epoch)])
                if together.wants_train_batches:
                    together.on_train_batch_end(step, dict(given))
            epoch_logs = dict(given)
            together.on_epoch_end(epoch, epoch_logs)
            if model.stop_training:
                break
        if end:
            together.on_train_end(epoch_logs)
    finally:
        together.close()
    return model


def losses(*values, name="val_loss"):
    return [{name: value} for value in values]
