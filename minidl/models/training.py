"""`fit`: one visible loop over epochs and batches.

Data is checked and cut into batches in `feeding.py`, `preparation.py` readies the model, a batch's
step is in `steps.py`, losses and metrics live in `objective.py`, and the layers run in `plan.py`.
`run.py` knows where a run stands, and `callbacks.BackupAndRestore` writes that down and goes on
from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.kernels import threads
from minidl.models.batches import ArrayBatches, Batch
from minidl.models.evaluation import Evaluator
from minidl.models.feeding import Feeder
from minidl.models.run import Run
from minidl.models.steps import NonFiniteError
from minidl.models.streams import Batches
from minidl.random import SeedGenerator
from minidl.validation import positive_integer

if TYPE_CHECKING:
    from minidl.callbacks import CallbackList, History


class Trainer(Evaluator):
    """What makes a model trainable; `Model` derives from it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stop_training = False
        self.history: History | None = None
        self.training_run: Run | None = None  # while `fit` runs
        self._shuffler: SeedGenerator | None = None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        diagnose: bool = False,
        resume: Any = None,
    ) -> History:
        """Train for a number of epochs and return the history of losses and metrics.

        Arguments:
            x: inputs: an array, anything with `__array__`, a list or dict of them, a `PyDataset`,
                a generator, or an object that yields batches `(x, y[, sample_weight])`.
            y: targets, in the form of `x`; a dataset or generator brings them itself.
            batch_size: samples in a batch, 32 by default.
            epochs: the number of the last epoch, counted from `initial_epoch`.
            verbose: 0 silent, 1 a live bar, 2 a line an epoch, "auto" a bar in a terminal.
            callbacks: a list of `Callback`s.
            validation_split: the last fraction of the arrays that is kept for validation.
            validation_data: `(x, y[, sample_weight])`, a tuple or list, or a dataset or generator.
            shuffle: whether each epoch goes through the samples in a new order.
            class_weight: weights by class number; 1 for a class that is not there.
            sample_weight: a weight for each sample.
            initial_epoch: the number of the first epoch, to resume a run.
            steps_per_epoch: batches in an epoch, for generators that do not end.
            validation_steps: batches in a validation.
            validation_batch_size: samples in a validation batch; `batch_size` by default.
            validation_freq: every how many epochs to validate, or a list of epochs from 1.
            diagnose: whether a `minidl.doctor.Doctor` watches the run and reports at its end.
            resume: a `.keras` file that a `ModelCheckpoint` wrote in an interrupted run of the same
                program: this one begins at its epoch and batch, with its weights, optimizer,
                streams of random numbers and callbacks, and ends with the same bytes as a run
                that was never interrupted. Where there is no such file yet, it begins anew.

        Returns:
            A `History`; its `history` is a dict of lists, a number an epoch.

        Raises:
            RuntimeError: if the model is not compiled.
            ValueError, TypeError: if the data does not fit the model, or the file of `resume`
                is of a run of another program.
            ModelFileError: if the file of `resume` is damaged, or has no run to go on with.
            NonFiniteError: if the loss becomes NaN or infinite. The weights are those from
                before that batch, and `model.history` has the epochs that ended.
        """
        self._require_compiled("fit")
        interrupted = None if resume is None else self._interrupted(resume)
        first_epoch = _epoch_number("initial_epoch", initial_epoch)
        last_epoch = positive_integer("epochs", epochs, "fit")
        feeder = self._feeder(x, class_weight)
        data, validation = self._training_data(
            feeder, x, y, sample_weight, batch_size, steps_per_epoch,
            validation_split, validation_data, validation_batch_size, validation_steps,
        )  # fmt: skip
        run = self._callbacks(callbacks, verbose, last_epoch, data.expected, history=True)
        watchers = _watchers(run, diagnose)
        self._prepare_training(data, keep_gradients=run.reads_gradients)
        shuffler = self._shuffle_generator() if shuffle else None
        for watcher in watchers:
            watcher.see_data(data, validation, validation_data is None and validation_split > 0)
        self.stop_training = False
        here = Run(self, data, validation, shuffler, run, first_epoch)
        try:
            self.training_run = here
            run.on_train_begin()  # may move `here` to where an interrupted run stood
            if interrupted is not None and not here.went_on:
                here.go_on(interrupted)
            for epoch in range(here.epoch, last_epoch):
                if here.stopped and here.batch == 0:
                    break
                self.reset_metrics()
                run.know_steps(data.expected, None if validation is None else validation.expected)
                run.on_epoch_begin(epoch)
                here.begin_epoch()
                done_before = here.batch
                for step, batch in enumerate(here.batches(), start=done_before):
                    run.on_train_batch_begin(step)
                    for watcher in watchers:
                        watcher.see_batch(step, batch)
                    self._train_on(batch, epoch, step, run)
                    here.end_batch()
                    if run.wants_train_batches:
                        run.on_train_batch_end(step, self.get_metrics_result())
                    if self.stop_training:
                        break
                if here.batch == 0:
                    break
                logs = self.get_metrics_result() if here.batch > done_before else here.logs
                if validation is not None and _is_due(validation_freq, epoch + 1):
                    results = self._evaluate(validation, run)
                    logs.update({f"val_{key}": value for key, value in results.items()})
                here.end_epoch(logs)
                run.on_epoch_end(epoch, logs)
                if self.stop_training or data.exhausted:
                    break
            if self.optimizer is not None and self.optimizer.use_ema:
                self.optimizer.finalize_variable_values(self._trained_now)
            run.on_train_end(here.logs)
        finally:
            self.training_run = None
            self._lend_steps(None)  # where Ctrl-C came while a step ended that itself
            threads.governor().rest()
            run.close()
            data.close()
            if validation is not None:
                validation.close()
        assert self.history is not None
        return self.history

    def _interrupted(self, path: Any) -> dict[str, Any] | None:
        """Return the state of the run that a file holds, or None where there is no such file."""
        from minidl.saving.training_run import read_run

        return read_run(path)

    def _training_data(
        self, feeder: Feeder, x: Any, y: Any, sample_weight: Any, batch_size: int | None,
        steps: int | None, split: float, validation: Any, validation_batch_size: int | None,
        validation_steps: int | None,
    ) -> tuple[Batches, Batches | None]:  # fmt: skip
        """Return the batches to train on and those to validate on."""
        data = feeder.batches(x, y, sample_weight, batch_size, steps)
        validation_size = validation_batch_size or batch_size
        if validation is not None:
            plain = Feeder(feeder.owner, feeder.inputs, feeder.outputs)
            if isinstance(validation, list) and not all(isinstance(v, tuple) for v in validation):
                validation = tuple(validation)  # [x, y], and no list of batches
            if isinstance(validation, tuple):
                if not 2 <= len(validation) <= 3:
                    raise ValueError(
                        f"Received validation_data as a tuple of {len(validation)} parts, expected "
                        "(x, y) or (x, y, sample_weight)."
                    )
                vx, vy, vw = (*validation, None)[:3]
            else:
                vx, vy, vw = validation, None, None
            return data, plain.batches(vx, vy, vw, validation_size, validation_steps)
        if not split:
            return data, None
        if not isinstance(data, ArrayBatches):
            raise ValueError(
                f"Received validation_split={split} with a {type(x).__name__}, whose end cannot be "
                "cut off. Pass validation_data."
            )
        return data.split(split, validation_size or data.batch_size, validation_steps)

    def _train_on(self, batch: Batch, epoch: int, step: int, run: CallbackList) -> None:
        """Train on one batch; a loss that is not finite is explained, and not learned from."""
        try:
            self._run_governed("train_step", batch)
        except NonFiniteError as error:
            message = f"Epoch {epoch + 1}, batch {step}: {error}"
            for watcher in _watchers(run):
                watcher.see_error(message)
            if not run.handles_nan_loss:
                raise NonFiniteError(message) from None

    def _shuffle_generator(self) -> np.random.Generator:
        if self._shuffler is None:
            self._shuffler = SeedGenerator()
        return self._shuffler.generator


def _watchers(run: CallbackList, diagnose: bool = False) -> list[Any]:
    """Return the callbacks that want to see the data and the batches themselves."""
    if diagnose and not any(hasattr(callback, "see_batch") for callback in run.callbacks):
        from minidl.doctor import Doctor

        run.append(Doctor())
    return [callback for callback in run.callbacks if hasattr(callback, "see_batch")]


def _epoch_number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"fit: received {name}={value!r}, expected an integer of at least 0.")
    return int(value)


def _is_due(frequency: Any, epoch: int) -> bool:
    """Return whether validation is due after this epoch, counted from 1."""
    if isinstance(frequency, list | tuple | set | range):
        return epoch in frequency
    return epoch % positive_integer("validation_freq", frequency, "fit") == 0
