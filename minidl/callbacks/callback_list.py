"""A run's callbacks as one: it calls each hook of those that override it, in their order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from minidl.callbacks.callback import HOOKS, Callback, Logs, overrides
from minidl.callbacks.history import History
from minidl.callbacks.progress import ProgbarLogger


class CallbackList(Callback):
    """Several callbacks that are called together, for `fit` and for loops of one's own.

    Which callback overrides which hook is found out once, so a batch that no one listens to
    costs a look into an empty list. `wants_train_batches`, `wants_test_batches` and
    `wants_predict_batches` say whether the end of this batch has a listener: a callback with an
    `is_due` of its own, such as the progress bar, is one only when it is due, so the metrics need
    not be computed in between.

    Attributes:
        callbacks: the callbacks.
        place: while a hook of epochs or batches is called, its name and the number of the callback
            that it belongs to; else None.

    Arguments:
        callbacks: a callback, or a list (of lists) of them.
        add_history: whether to add a `History` where there is none.
        add_progbar: whether to add a `ProgbarLogger` where there is none.
        model: is handed to every callback; its `history` becomes the list's `History`.
        **params: are handed to every callback, above all `verbose`, `epochs` and `steps`.

    Raises:
        TypeError: if something in `callbacks` is not a `Callback`.

    Example:
        >>> run = CallbackList(add_history=True)
        >>> run.on_train_begin()
        >>> for epoch in range(2):
        ...     run.on_epoch_begin(epoch)
        ...     run.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1)})
        >>> run.on_train_end()
        >>> run.close()
        >>> run.callbacks[0].history
        {'loss': [1.0, 0.5]}
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = _flat(callbacks)
        self.place: tuple[str, int] | None = None
        if add_history and self._find(History) is None:
            self.callbacks.append(History())
        if add_progbar and self._find(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _find(self, cls: type[Callback]) -> Any:
        return next((c for c in self.callbacks if isinstance(c, cls)), None)

    def append(self, callback: Callback) -> None:
        """Add a callback behind the others."""
        self.callbacks += _flat(callback)
        if self.model is not None:
            self.set_model(self.model)
        self.set_params(self.params or {})

    def set_model(self, model: Any) -> None:
        """Hand the model to every callback."""
        self.model = model
        if (history := self._find(History)) is not None:
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand the parameters of the run to every callback, and see which hooks each one has."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)
        self.handles_nan_loss = any(c.handles_nan_loss for c in self.callbacks)
        self.reads_gradients: bool = any(c.may_read_gradients() for c in self.callbacks)
        self._hooks: dict[str, list[tuple[int, Callable[..., None]]]] = {}
        self._always: dict[str, bool] = {}
        self._sometimes: dict[str, list[Callable[[], bool]]] = {}
        numbers = range(len(self.callbacks))
        self._order = sorted(numbers, key=lambda number: self.callbacks[number].comes_last)
        for hook in HOOKS:
            numbered = [(n, self.callbacks[n]) for n in self._order]
            listeners = [(n, c) for n, c in numbered if c.listens_to(hook)]
            self._hooks[hook] = [(n, getattr(c, hook)) for n, c in listeners]
            sometimes = [c.is_due for _, c in listeners if overrides(c, "is_due")]
            self._always[hook] = len(sometimes) < len(listeners)
            self._sometimes[hook] = sometimes

    def know_steps(self, steps: int | None, validation_steps: int | None = None) -> None:
        """Let every callback's `params` say how many batches there will be, as far as is known.

        A source without a length has one once it has been gone through.
        """
        if self.params:
            self.params.update(steps=steps, validation_steps=validation_steps)

    def listens_to(self, hook: str) -> bool:
        """Return whether any callback in the list listens."""
        return bool(self._hooks[hook])

    def _wants(self, hook: str) -> bool:
        return self._always[hook] or any(is_due() for is_due in self._sometimes[hook])

    @property
    def wants_train_batches(self) -> bool:
        """Whether the end of this training batch, and so its logs, has a listener."""
        return self._wants("on_train_batch_end")

    @property
    def wants_test_batches(self) -> bool:
        """Whether the end of this evaluation batch, and so its logs, has a listener."""
        return self._wants("on_test_batch_end")

    @property
    def wants_predict_batches(self) -> bool:
        """Whether the end of this prediction batch, and so its outputs, has a listener."""
        return self._wants("on_predict_batch_end")

    def close(self) -> None:
        """Close every callback, the others also where one raises."""
        with ExitStack() as stack:
            for callback in reversed(self.callbacks):
                stack.callback(callback.close)

    # The hooks

    def _call(self, hook: str, logs: Logs | None) -> None:
        logs = {} if logs is None else logs
        for _, listener in self._hooks[hook]:
            listener(logs)

    def _call_at(self, hook: str, index: int, logs: Logs | None) -> None:
        if listeners := self._hooks[hook]:
            logs = {} if logs is None else logs
            for number, listener in listeners:
                self.place = hook, number
                listener(index, logs)
            self.place = None

    def call_behind(self, place: tuple[str, int], index: int, logs: Logs) -> None:
        """Call a hook of the callbacks behind a place, those up to it having been called before.

        Arguments:
            place: what `place` was.
            index: the epoch or the batch.
            logs: its logs.
        """
        for number, listener in self._behind(place):
            self.place = place[0], number
            listener(index, logs)
        self.place = None

    def has_behind(self, place: tuple[str, int]) -> bool:
        """Return whether callbacks behind a place listen to its hook."""
        return bool(self._behind(place))

    def _behind(self, place: tuple[str, int]) -> list[tuple[int, Callable[..., None]]]:
        hook, number = place
        later = self._order[self._order.index(number) + 1 :]
        return [(other, listener) for other, listener in self._hooks[hook] if other in later]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_begin` of every callback that has one."""
        self._call_at("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_end` of every callback that has one."""
        self._call_at("on_epoch_end", epoch, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call `on_train_begin` of every callback that has one."""
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call `on_train_end` of every callback that has one."""
        self._call("on_train_end", logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_begin`, or `on_batch_begin`, of every callback that has one."""
        self._call_at("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_end`, or `on_batch_end`, of every callback that has one."""
        self._call_at("on_train_batch_end", batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_begin`."""
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_end`."""
        self.on_train_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call `on_test_begin` of every callback that has one."""
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call `on_test_end` of every callback that has one."""
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_begin` of every callback that has one."""
        self._call_at("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_end` of every callback that has one."""
        self._call_at("on_test_batch_end", batch, logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call `on_predict_begin` of every callback that has one."""
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call `on_predict_end` of every callback that has one."""
        self._call("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_begin` of every callback that has one."""
        self._call_at("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_end` of every callback that has one."""
        self._call_at("on_predict_batch_end", batch, logs)


def _flat(callbacks: Any) -> list[Callback]:
    """Return a callback, or lists of them within lists, as one list."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if isinstance(callbacks, list | tuple):
        return [callback for item in callbacks for callback in _flat(item)]
    if isinstance(callbacks, type) and issubclass(callbacks, Callback):
        hint = f"Make one: {callbacks.__name__}(...)."
    else:
        hint = "Derive from minidl.callbacks.Callback, or use a LambdaCallback."
    raise TypeError(
        f"Received {callbacks!r} among the callbacks, expected callbacks.Callback objects. {hint}"
    )
