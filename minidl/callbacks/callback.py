"""The hooks of a run. A callback overrides those it needs; the others cost nothing.

fit        train_begin ┬ epoch_begin ┬ train_batch_begin, train_batch_end ...
                       │             ├ test_begin, test_batch_..., test_end   (validation)
                       │             └ epoch_end
                       └ train_end
evaluate   test_begin, test_batch_begin, test_batch_end ..., test_end
predict    predict_begin, predict_batch_begin, predict_batch_end ..., predict_end
always     close
"""

from __future__ import annotations

from typing import Any, TypeAlias

from minidl.validation import positive_integer

Logs: TypeAlias = dict[str, Any]
"""Losses and metrics by name. A callback may add to it; those behind it in the list see that."""

HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_begin",
    "on_train_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
)
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """The base of all callbacks: every hook is there and does nothing.

    Attributes:
        model: the model of the run. `model.stop_training = True` ends `fit` after this batch.
        params: a dict with `"verbose"`, `"epochs"`, `"steps"` and, in `fit`, `"validation_steps"`
            (None where it is not known; a source without a length has one after the first epoch).
        handles_nan_loss: True tells `fit` to go on to the hooks where a loss is NaN or infinite,
            instead of raising an error; the weights are not updated from that batch.
        reads_gradients: False tells `fit` that this callback does not look at the gradients that a
            step leaves on the parameters. Plain gradient descent then makes none (it moves the
            weights as the products are computed), which saves a third of a step and changes no
            number. None, the default, means True for a callback of one's own.
        comes_last: True for a callback whose hooks are called behind those of all others.

    Example:
        >>> class Worst(Callback):
        ...     def on_train_begin(self, logs=None):
        ...         self.loss = 0.0
        ...
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         self.loss = max(self.loss, logs["loss"])
        >>> worst = Worst()
        >>> worst.on_train_begin()
        >>> worst.on_epoch_end(0, {"loss": 0.5})
        >>> worst.loss
        0.5
    """

    handles_nan_loss: bool = False
    reads_gradients: bool | None = None
    comes_last: bool = False
    model: Any = None
    params: dict[str, Any] | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model."""
        self.model = model

    def listens_to(self, hook: str) -> bool:
        """Return whether a hook has to be called; by default, whether it is overridden.

        A callback that needs a batch hook only under some of its options overrides this, because
        a batch hook that is listened to makes `fit` compute the metrics at every batch.
        """
        return any(overrides(self, name) for name in (hook, ALIASES.get(hook, hook)))

    def is_due(self) -> bool:
        """Return whether this callback needs the end of the batch that runs; by default, always.

        Where every listener overrides this and is not due, the batch's metrics are not computed and
        the hook is not called. Where another listener is due, it is called all the same.
        """
        return True

    def may_read_gradients(self) -> bool:
        """Return whether the gradients must be there when a batch hook is called."""
        if self.reads_gradients is None:
            return not type(self).__module__.startswith("minidl.")
        return self.reads_gradients

    def get_state(self) -> Any:
        """Return what must be known to go on in another process, where a run is interrupted.

        `BackupAndRestore` writes it down: None where there is nothing, or plain values, arrays,
        and lists and dicts of them.
        """
        return None

    def set_state(self, state: Any) -> None:
        """Go on from what `get_state` returned; called after `on_train_begin`."""

    def check_state(self, state: Any) -> None:
        """See that `set_state` can go on from a state; nothing is changed yet.

        An interrupted run calls it for all callbacks before it puts anything back, so that a
        damaged state costs nothing. A callback with a state of its own may override it.

        Raises:
            ValueError: if the state is not one that `get_state` returns.
        """

    def close(self) -> None:
        """Let go of files and displays. It is called last in every run, also after an error."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before the first batch of an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch and its validation; `logs` has the results of both (`val_...`)."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `fit` with the last epoch's logs, unless it ends in an error."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a training batch; batches count from 0 in every epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a training batch; `logs` has the means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `evaluate` or of a validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `evaluate` or of a validation, with the results."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of an evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of an evaluation or validation, with the means so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `predict`; `logs["outputs"]` is what the model gave."""


def overrides(callback: Callback, name: str) -> bool:
    """Return whether a callback, or its class, has a method `name` of its own."""
    return name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)


def save_frequency(value: Any, owner: str) -> Any:
    """Return how often a callback saves: `"epoch"`, or a number of batches.

    Raises:
        ValueError: if it is neither.
    """
    if value == "epoch":
        return value
    if isinstance(value, str):
        raise ValueError(
            f"{owner}: received save_freq={value!r}, expected 'epoch' or a number of batches."
        )
    return positive_integer("save_freq", value, owner)
