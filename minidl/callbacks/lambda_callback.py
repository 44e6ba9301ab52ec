"""A callback made of plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.callbacks.callback import HOOKS, Callback
from minidl.registry import nearest


class LambdaCallback(Callback):
    """Calls a function at a hook: `(epoch, logs)`, `(batch, logs)`, or `(logs)` at begin and end.

    Arguments:
        on_epoch_begin, on_epoch_end: take the epoch, from 0, and its logs.
        on_train_begin, on_train_end: take the logs.
        on_train_batch_begin, on_train_batch_end: take the batch, from 0, and the logs.
        **kwargs: a function for any other hook, such as `on_test_batch_end`.

    Raises:
        TypeError: if there is no hook of a name, or a value cannot be called.

    Example:
        >>> shown = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> shown.on_epoch_end(0, {"loss": 0.5})
        0 0.5
    """

    reads_gradients = True  # its functions are the user's

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any] | None,
    ) -> None:
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        known = [*HOOKS, "on_batch_begin", "on_batch_end"]
        for name, function in functions.items():
            if name not in known:
                raise TypeError(
                    f"LambdaCallback received an unknown hook {name!r}. {nearest(name, known)}"
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"LambdaCallback received {name}={function!r}, expected a function such as "
                    "lambda epoch, logs: ..."
                )
            setattr(self, name, function)
