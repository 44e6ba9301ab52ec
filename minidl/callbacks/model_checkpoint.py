"""Save the model as it trains: after every epoch, every few batches, or at every new best."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from minidl.callbacks.callback import Logs, save_frequency
from minidl.callbacks.folders import make_folder
from minidl.callbacks.monitor import MonitorCallback
from minidl.states import COUNT, NUMBER, entries, optional
from minidl.validation import number

_STATE = {
    "best": optional(NUMBER),
    "_epoch": COUNT,
    "_batches": COUNT,
    "_last_batch": optional(COUNT),
}


class ModelCheckpoint(MonitorCallback):
    """Writes the model, or its weights, to a file at the end of epochs or every few batches.

    A file is replaced whole: one that is there survives a kill, a full disk or an error while the
    next is written. A `.keras` file has the model with its weights and its optimizer's slots, and
    besides what `BackupAndRestore` keeps of a run: streams of random numbers, epoch and batch, the
    place in the data, the states of all callbacks. So the same program, started again with
    `fit(..., resume=filepath)`, goes on from it and ends with the same bytes as a run that was
    never interrupted; Keras and `load_model` take it as any other model. A `.weights.h5` file, as
    in Keras, has weights and slots alone.

    When to save and under which name is decided here; the writing itself is `save_model`, which a
    subclass may override, and then any file name will do.

    Arguments:
        filepath: the file's path. `{epoch}`, from 1, `{batch}`, from 1, and the names in the logs
            are filled in, with a format where one is given: `"{epoch:02d}-{val_loss:.2f}.keras"`.
        monitor: for `save_best_only`, the number's name in the logs.
        verbose: 1 prints what is saved and why.
        save_best_only: whether to save only where the number is better than at every save before;
            where the logs do not have it, after a warning, the model is saved.
        save_weights_only: whether to call `model.save_weights` rather than `model.save`.
        mode: `"min"`, `"max"`, or `"auto"` to tell from the metric.
        save_freq: `"epoch"`, or a number of batches, counted on across epochs.
        initial_value_threshold: what the first save has to be better than.

    Raises:
        ValueError: if an argument is outside its range, the file's ending is not `.keras` (for
            weights `.weights.h5`), or the direction cannot be told.
        NotSavableError: at the start of training, if the model could not be loaded again.
        ImportError: at the start of training, if h5py is not installed.
        OSError: at the start of training, if the folder cannot be written to.
        KeyError: if `filepath` has a name that is not in the logs.
        IsADirectoryError: if the path is a folder.

    Example:
        >>> class Shown(ModelCheckpoint):
        ...     def save_model(self, filepath):
        ...         print("saved", filepath)
        >>> checkpoint = Shown("{epoch:02d}-{loss:.2f}.npz", monitor="loss", save_best_only=True)
        >>> for epoch, loss in enumerate([1.0, 0.5, 0.75]):
        ...     checkpoint.on_epoch_begin(epoch)
        ...     checkpoint.on_epoch_end(epoch, {"loss": loss})
        saved 01-1.00.npz
        saved 02-0.50.npz
    """

    without_monitor = "it saves every time"

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        owner = type(self).__name__
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_frequency(save_freq, owner)
        if initial_value_threshold is not None:
            self.best = number("initial_value_threshold", initial_value_threshold, owner)
        self._epoch = 0
        self._batches = 0  # since the last save
        self._last_batch: int | None = None
        if not self._writes_itself():
            self._check_ending()

    def _writes_itself(self) -> bool:
        return type(self).save_model is not ModelCheckpoint.save_model

    def _check_ending(self) -> None:
        ending = ".weights.h5" if self.save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ValueError(
                f"{type(self).__name__}: received filepath={self.filepath!r} with "
                f"save_weights_only={self.save_weights_only}, expected a name that ends in "
                f"{ending}."
            )

    def save_model(self, filepath: str) -> None:
        """Write the model to `filepath`. Override this to write another format.

        Example:
            >>> class Arrays(ModelCheckpoint):
            ...     def save_model(self, filepath):
            ...         np.savez(filepath, *self.model.get_weights())
        """
        if self.save_weights_only:
            self.model.save_weights(filepath, overwrite=True)
        else:
            self.model.save(filepath, overwrite=True)

    def get_state(self) -> dict[str, Any]:
        """Return the best number so far, and how many batches are counted."""
        return {name: getattr(self, name) for name in _STATE}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        entries(**_STATE)(state, f"{type(self).__name__}'s state")

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.check_state(state)
        for name in _STATE:
            setattr(self, name, state[name])

    def listens_to(self, hook: str) -> bool:
        """Listen to batches only where they decide about a save."""
        unused = hook == "on_train_batch_end" and self.save_freq == "epoch"
        plain = type(self).on_train_batch_end is ModelCheckpoint.on_train_batch_end
        return super().listens_to(hook) and not (unused and plain)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """See that the model can be saved at all, before hours are spent on it."""
        super().on_train_begin(logs)
        folder = os.path.dirname(self.filepath)
        if "{" not in folder:
            make_folder(folder, self)
        if not self._writes_itself():
            self._check_model()

    def _check_model(self) -> None:
        from minidl.saving import hdf5

        method = "save_weights" if self.save_weights_only else "save"
        if not callable(getattr(self.model, method, None)):
            raise NotImplementedError(
                f"{type(self).__name__}: {type(self.model).__name__} has no method {method}(), so "
                f"{self.filepath!r} cannot be written. Give it one, or override "
                "save_model(self, filepath) in a subclass, for example with "
                "np.savez(filepath, *self.model.get_weights())."
            )
        hdf5.require_h5py()
        if not self.save_weights_only and callable(getattr(self.model, "to_json", None)):
            self.model.to_json()  # whatever could not be loaded again is refused by this

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch for saves between its batches."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Count the batches, and save where the count is full."""
        if self.save_freq == "epoch":
            return
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._batches += batch + 1 if new_epoch else batch - (self._last_batch or 0)
        self._last_batch = batch
        if self._batches >= self.save_freq:
            self._batches = 0
            self._consider(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save where epochs are saved."""
        if self.save_freq == "epoch":
            self._consider(epoch, None, logs or {})

    def _consider(self, epoch: int, batch: int | None, logs: Logs) -> None:
        filepath = self._filled_in(epoch, batch, logs)
        if not self._is_due(epoch, filepath, logs):
            return
        if folder := os.path.dirname(filepath):
            os.makedirs(folder, exist_ok=True)
        if os.path.isdir(filepath):
            raise IsADirectoryError(
                f"{type(self).__name__}: {filepath!r} is a folder, expected the path of a file."
            )
        self.save_model(filepath)

    def _is_due(self, epoch: int, filepath: str, logs: Logs) -> bool:
        """Return whether to save, and print why; a new best is remembered."""
        where = f"Epoch {epoch + 1}: "
        current = self.get_monitor_value(logs) if self.save_best_only else None
        if current is None:
            self._say(f"{where}saving to {filepath}")
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(current, self.best):
            self._say(f"{where}{self.monitor} {current:.5f} is no better than {before}")
            return False
        self._say(
            f"{where}{self.monitor} improved from {before} to {current:.5f}, saving to {filepath}"
        )
        self.best = current
        return True

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text)

    def _filled_in(self, epoch: int, batch: int | None, logs: Logs) -> str:
        values = {"epoch": epoch + 1, **logs}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(
                f"{type(self).__name__}: filepath={self.filepath!r} asks for {error}, which the "
                f"logs do not have. They have {', '.join(values)}."
            ) from None
        except TypeError as error:
            shapes = {name: np.shape(value) for name, value in values.items() if np.ndim(value)}
            raise TypeError(
                f"{type(self).__name__}: filepath={self.filepath!r} cannot be filled in: {error}. "
                f"Arrays in the logs: {shapes or 'none'}."
            ) from None
