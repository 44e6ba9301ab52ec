"""End training where the loss is no longer a number."""

from __future__ import annotations

import math

from minidl.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops `fit` after a batch whose loss is NaN or infinite.

    Without this callback `fit` raises an error that says where the first bad number appeared.
    With it, `fit` stops in good order: the history and the other callbacks' `on_train_end` stand.
    Either way the weights are those from before that batch.

    Arguments:
        raise_error: whether to raise a `RuntimeError` instead of stopping in good order.

    Raises:
        RuntimeError: at a bad loss, if `raise_error` is set.

    Example:
        >>> guard = TerminateOnNaN()
        >>> class Model: stop_training = False
        >>> guard.set_model(Model())
        >>> guard.on_batch_end(7, {"loss": float("nan")})
        Batch 7: the loss is nan, training stops
        >>> guard.model.stop_training
        True
    """

    handles_nan_loss = True

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss, which is the mean over the epoch so far."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"Batch {batch}: the loss is {loss}. Look for a learning rate that is too high and "
                "for NaN or very large numbers in the data. Without TerminateOnNaN, fit says in "
                "which layer the first bad number appeared."
            )
        print(f"Batch {batch}: the loss is {loss}, training stops")
        self.model.stop_training = True
