"""Evaluate with the moving averages of the weights, and train on with the weights themselves."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array
from minidl.callbacks.callback import Callback, Logs
from minidl.states import array_for, each, entries, optional


class SwapEMAWeights(Callback):
    """Puts the averages that the optimizer keeps in place of the weights, while they are judged.

    Validation, `evaluate` and `predict` see the averages; the next training step finds the weights
    as they were. At the end of `fit` the model keeps the averages, as it does without this
    callback.

    Arguments:
        swap_on_epoch: whether the averages also stand in the model from the end of an epoch to the
            start of the next, so that a `ModelCheckpoint` behind this in the list saves them.

    Raises:
        ValueError: if the optimizer keeps no averages.

    Example:
        >>> import numpy as np
        >>> from minidl import layers, models, optimizers
        >>> model = models.Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> model.compile(optimizers.SGD(use_ema=True), "mse")
        >>> x, y = np.ones((4, 2)), np.ones((4, 1))
        >>> history = model.fit(x, y, verbose=0, callbacks=[SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._weights: list[tuple[Any, Array]] | None = None  # while the averages stand in

    def _put_averages(self) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights: the model's optimizer keeps no averages of the weights. Make it "
                "with use_ema=True, such as optimizers.Adam(use_ema=True)."
            )
        if self._weights is None and optimizer is not None and optimizer.iterations > 0:
            self._weights = [(p, p.numpy()) for p in self.model.trainable_weights]
            optimizer.finalize_variable_values([p for p, _ in self._weights])

    def _put_back(self) -> None:
        for parameter, value in self._weights or ():
            parameter.assign(value)
        self._weights = None

    def get_state(self) -> dict[str, Any]:
        """Return the weights, while the averages stand in their place."""
        kept = None if self._weights is None else [value for _, value in self._weights]
        return {"weights": kept}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        weights = each(array_for(p) for p in self.model.trainable_weights)
        entries(weights=optional(weights))(state, f"{type(self).__name__}'s state")

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.check_state(state)
        values = state["weights"]
        self._weights = None
        if values is not None:
            self._weights = list(zip(self.model.trainable_weights, values, strict=True))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the weights back."""
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the averages in, where `swap_on_epoch` asks for it."""
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave the averages: `fit` ends with them."""
        self._weights = None

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Put the averages in."""
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Put the weights back."""
        self._put_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Put the averages in."""
        self._put_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Put the weights back."""
        self._put_back()

    def close(self) -> None:
        """Put the weights back where a run ended in an error."""
        self._put_back()
