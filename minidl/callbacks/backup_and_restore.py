"""Go on where a run was interrupted, with the same bytes as if it never had been."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import Any

from minidl.callbacks.callback import Callback, Logs, save_frequency
from minidl.callbacks.folders import make_folder


class BackupAndRestore(Callback):
    """Writes down the whole state of a run as it trains, and goes on from there at the next start.

    Start the same program again after a kill, a crash or Ctrl-C: `fit` then begins in the epoch
    and at the batch that was written down last, and ends with the same weights, optimizer slots
    and `History`, to the last bit, as a run that was never interrupted.

    The state is the weights, everything that the optimizer keeps, the streams of random numbers
    (dropout, augmentation, shuffling), the running means of loss and metrics, the order of the
    epoch's samples and the place in it, and the states of the other callbacks. The hooks of this
    callback come behind those of all others, wherever it stands in the list. Its file is replaced
    whole, so that a kill while it is written costs the steps since the last one and no more.

    Of data, arrays and a `PyDataset` go on by themselves. From a generator as many batches are
    drawn as were taken before, and thrown away: it must give the same ones again. A dataset whose
    order is drawn by itself has `get_state()` and `set_state(state)` for that; a callback of one's
    own has the same two (`Callback.get_state`).

    Arguments:
        backup_dir: a folder for the state, of this run alone; made where it does not exist.
        save_freq: `"epoch"`, or a number of batches, counted on across epochs.
        double_checkpoint: whether to keep the state before the last one too, and to go on from
            that where the file of the last one is damaged.
        delete_checkpoint: whether to remove the state when `fit` has ended. If not, calling `fit`
            again goes on behind the last epoch.

    Raises:
        ValueError: if an argument is outside its range; at the start of training, if what is in
            the folder is the state of another model, other data or other callbacks, or damaged.
        OSError: at the start of training, if the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from minidl import layers, models, utils
        >>> x, y = np.eye(4), np.arange(4.0).reshape(4, 1)
        >>> def run(epochs, *callbacks):
        ...     utils.set_random_seed(1)
        ...     model = models.Sequential([layers.Dropout(0.5), layers.Dense(1)])
        ...     model.compile("adam", "mse")
        ...     return model.fit(x, y, 2, epochs, verbose=0, callbacks=callbacks).history["loss"]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     half = run(3, BackupAndRestore(folder, delete_checkpoint=False))
        ...     whole = run(6, BackupAndRestore(folder))
        >>> len(half), whole == run(6)
        (3, True)
    """

    comes_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        owner = type(self).__name__
        if not backup_dir:
            raise ValueError(f"{owner}: received backup_dir={backup_dir!r}, expected a folder.")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_frequency(save_freq, owner)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest = os.path.join(self.backup_dir, "training_state.npz")
        self._previous = os.path.join(self.backup_dir, "training_state.previous.npz")
        self._saved_at = 0  # batches of this process

    def listens_to(self, hook: str) -> bool:
        """Listen to batches only where they are counted."""
        unused = hook == "on_train_batch_end" and self.save_freq == "epoch"
        plain = type(self).on_train_batch_end is BackupAndRestore.on_train_batch_end
        return super().listens_to(hook) and not (unused and plain)

    def is_due(self) -> bool:
        """Return whether the state is to be written down after this batch."""
        if self.save_freq == "epoch":
            return False
        return bool(self.model.training_run.trained - self._saved_at >= self.save_freq)

    # Going on

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Put the state back where there is one; `fit` then begins at its epoch and batch."""
        make_folder(self.backup_dir, self)
        self._saved_at = 0
        state = self._read()
        if state is None:
            return
        try:
            self.model.training_run.go_on(state)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__}: {error} To begin anew, remove the folder "
                f"{self.backup_dir!r} or choose another."
            ) from error

    def _read(self) -> Any:
        """Return the last state that was written down, or None where there is none."""
        from minidl.saving.errors import ModelFileError
        from minidl.saving.state_file import read_state

        try:
            return read_state(self._latest)
        except FileNotFoundError:  # killed between the two steps of `save_state`, perhaps
            return read_state(self._previous) if os.path.exists(self._previous) else None
        except ModelFileError as error:
            if not os.path.exists(self._previous):
                raise
            warnings.warn(f"{error} Going on from the state before it.", stacklevel=2)
            return read_state(self._previous)

    # Writing down

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the state down after every so many batches."""
        if self.is_due():
            self._saved_at = self.model.training_run.trained
            self.save_state()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the state down where epochs are counted."""
        if self.save_freq == "epoch":
            self.save_state()

    def save_state(self, ended: bool = False) -> None:
        """Write the state of the run down now.

        Arguments:
            ended: whether the run is over, so that another one is to go on behind it.
        """
        from minidl.saving.state_file import write_state

        state = self.model.training_run.get_state()
        if ended:
            state["stopped"] = False
        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        write_state(self._latest, state)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the state, or write down how the run ended."""
        if not self.delete_checkpoint:
            self.save_state(ended=True)
            return
        for path in (self._previous, self._latest):
            with suppress(FileNotFoundError):
                os.remove(path)
        with suppress(OSError):  # something else is in it
            os.rmdir(self.backup_dir)
