"""Curves, histograms, pictures and the graph of a run, for TensorBoard to show in a browser."""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.callbacks.callback import Callback, Logs
from minidl.callbacks.event_files import EventFile, require_tensorboard
from minidl.states import COUNT, entries


class TensorBoard(Callback):
    """Writes event files that `tensorboard --logdir LOG_DIR` shows, also while `fit` runs.

    What it writes, and where, is Keras's:

        LOG_DIR/train         epoch_loss, epoch_accuracy, ..., epoch_learning_rate   by epoch
                              batch_loss, batch_accuracy, ...                        by batch
                              PATH/histogram and PATH/image of every weight          by epoch
        LOG_DIR/validation    epoch_loss, ...                                        by epoch
                              evaluation_loss_vs_iterations, ...                     by update

    Needs the package `tensorboard` (`pip install "minidl[tensorboard]"`), not TensorFlow. A `fit`
    that goes on from an earlier one goes on with the count of batches.

    Arguments:
        log_dir: the folder to write to.
        histogram_freq: every how many epochs to write the histograms of the weights; 0 for never.
        write_graph: whether to write the model's layers and their connections. A model that
            computes by itself, without a graph of layers, has none.
        write_images: whether the weights are written as pictures too, where histograms are.
        write_steps_per_second: whether to write how many batches a second are trained.
        update_freq: `"epoch"`; or `"batch"` or a number n, to write the losses and metrics after
            every batch or every n batches too. These are means over the epoch so far.
        profile_batch: has to be 0. NumPy has no profiler to ask; Python's own is
            `python -m cProfile -s cumulative train.py`.
        embeddings_freq: every how many epochs to write the tables of the `Embedding` layers for
            the projector page; 0 for never. Each time replaces the one before.
        embeddings_metadata: a file with a label a line for the rows of all tables, or a dict of
            such files by the layers' names. Paths are relative to `log_dir`.

    Raises:
        ImportError: if `tensorboard` is not installed.
        ValueError: if an argument is outside its range, or `embeddings_metadata` names a layer
            that is no `Embedding` of the model.
        OSError: at the start of training, if nothing can be written to `log_dir`.

    Example:
        >>> import tempfile
        >>> from minidl import layers, models
        >>> model = models.Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = TensorBoard(folder, histogram_freq=1)
        ...     _ = model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[board])
        ...     os.listdir(folder)
        ['train']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | dict[str, str] | None = None,
    ) -> None:
        require_tensorboard()
        if profile_batch not in (0, None):
            raise ValueError(
                f"TensorBoard: received profile_batch={profile_batch!r}, expected 0. NumPy has no "
                "profiler to ask; run the script with python -m cProfile -s cumulative instead."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = _frequency("histogram_freq", histogram_freq)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and _frequency("update_freq", self.update_freq) == 0:
            raise ValueError(
                f"TensorBoard: received update_freq={update_freq!r}, expected 'epoch', 'batch' or "
                "a number of batches."
            )
        self.embeddings_freq = _frequency("embeddings_freq", embeddings_freq)
        self.embeddings_metadata = embeddings_metadata
        self._files: dict[str, EventFile] = {}
        self._batch = 0  # trained so far, in all epochs
        self._batches_before = 0
        self._epoch_began = self._batch_began = 0.0

    def listens_to(self, hook: str) -> bool:
        """Listen to batches only where something is written about them."""
        if hook.startswith("on_train_batch"):
            by_batch = self.update_freq != "epoch"
            return by_batch or (self.write_steps_per_second and hook.endswith("begin"))
        return super().listens_to(hook)

    def is_due(self) -> bool:
        """Return whether this batch's losses and metrics are to be written."""
        return self.update_freq != "epoch" and self._batch % int(self.update_freq) == 0

    def _file(self, part: str) -> EventFile:
        """Return the event file of `"train"` or `"validation"`, which is made at its first use."""
        if part not in self._files:
            self._files[part] = EventFile(os.path.join(self.log_dir, part))
        return self._files[part]

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    # Training

    def get_state(self) -> dict[str, int]:
        """Return the number of the last batch."""
        return {"batch": self._batch}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        entries(batch=COUNT)(state, f"{type(self).__name__}'s state")

    def set_state(self, state: dict[str, int]) -> None:
        """Go on counting from there; what was written of later batches is written again."""
        self.check_state(state)
        self._batch = int(state["batch"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file, so that a folder that cannot be written to is known now."""
        optimizer = self.model.optimizer
        accumulated = getattr(optimizer, "gradient_accumulation_steps", None) or 1
        self._batch = getattr(optimizer, "iterations", 0) * accumulated
        train = self._file("train")
        if self.write_graph and getattr(self.model, "graph", None) is not None:
            train.graph(self.model)
        if self.embeddings_freq:
            self._describe_embeddings()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self.close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the epoch's clock."""
        self._batches_before = self._batch
        self._epoch_began = perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Count the batch and start its clock."""
        self._batch += 1
        self._batch_began = perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the batch's numbers, if it is one of those that are written."""
        if not self.is_due():
            return
        train = self._file("train")
        if self.write_steps_per_second:
            seconds = max(perf_counter() - self._batch_began, 1e-9)
            train.scalar("batch_steps_per_second", 1 / seconds, self._batch)
        for name, value in (logs or {}).items():
            train.scalar(f"batch_{name}", value, self._batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's numbers, and weights and embeddings where it is their turn."""
        logs = logs or {}
        train = self._file("train")
        measured = {name: value for name, value in logs.items() if not name.startswith("val_")}
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            measured["learning_rate"] = float(rate)
        if self.write_steps_per_second:
            seconds = max(perf_counter() - self._epoch_began, 1e-9)
            measured["steps_per_second"] = (self._batch - self._batches_before) / seconds
        for name, value in measured.items():
            train.scalar(f"epoch_{name}", value, epoch)
        for name, value in logs.items():
            if name.startswith("val_"):
                self._file("validation").scalar(f"epoch_{name[4:]}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for file in self._files.values():
            file.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the results of an evaluation or validation against the number of updates."""
        iterations = getattr(self.model.optimizer, "iterations", None)
        if iterations is None:
            return
        for name, value in (logs or {}).items():
            tag = f"evaluation_{name}_vs_iterations"
            self._file("validation").scalar(tag, value, int(iterations))

    # Weights

    def _write_weights(self, epoch: int) -> None:
        train = self._file("train")
        for weight in self.model.weights:
            value = weight.numpy()
            train.histogram(f"{weight.path}/histogram", value, epoch)
            if self.write_images:
                images = as_images(value)
                if images is not None:
                    train.images(f"{weight.path}/image", images, epoch)

    def _embeddings(self) -> list[Any]:
        from minidl.layers import Embedding

        return [layer for layer in self.model.layers if isinstance(layer, Embedding)]

    def _describe_embeddings(self) -> None:
        """Write the file that tells the projector page which tables there are."""
        from google.protobuf import text_format
        from tensorboard.plugins.projector import ProjectorConfig

        config = ProjectorConfig()
        names = [layer.name for layer in self._embeddings()]
        metadata = self.embeddings_metadata
        by_name = metadata if isinstance(metadata, dict) else dict.fromkeys(names, metadata or "")
        unknown = sorted(set(by_name) - set(names))
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_metadata names {', '.join(map(repr, unknown))}, expected "
                f"names of the model's Embedding layers: {', '.join(names) or 'it has none'}."
            )
        for name in names:
            entry = config.embeddings.add(tensor_name=name, tensor_path=_table_path(name))
            entry.metadata_path = by_name.get(name, "")
        path = os.path.join(self.log_dir, "projector_config.pbtxt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text_format.MessageToString(config))

    def _write_embeddings(self) -> None:
        for layer in self._embeddings():
            path = os.path.join(self.log_dir, _table_path(layer.name))
            np.savetxt(path, layer.embeddings.numpy(), fmt="%.8g", delimiter="\t")


def as_images(weight: Array) -> Array | None:
    """Return a weight as gray images (images, height, width), or None where it cannot be one.

    A vector is a line, a matrix lies on its longer side, and three axes are a stack of images along
    the last; axes of size 1 do not count.

    >>> as_images(np.zeros((5, 2))).shape, as_images(np.zeros((3, 3, 1, 8))).shape
    ((1, 2, 5), (8, 3, 3))
    >>> as_images(np.zeros((3, 3, 2, 8))) is None
    True
    """
    weight = np.squeeze(weight)
    if weight.ndim == 1 and weight.size:
        return weight.reshape(1, -1, 1)
    if weight.ndim == 2:
        return (weight if weight.shape[0] <= weight.shape[1] else weight.T)[None]
    if weight.ndim == 3:
        return np.moveaxis(weight, -1, 0)
    return None


def _table_path(name: str) -> str:
    """Return where a layer's table is, relative to the log folder, with / on every system."""
    return f"train/{name.replace('/', '_')}.tsv"


def _frequency(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(
            f"TensorBoard: received {name}={value!r}, expected how many there are between two "
            "times, an integer from 0."
        )
    return int(value)
