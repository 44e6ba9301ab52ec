"""What callbacks share that watch one number: which way is better, and whether it got better."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.registry import nearest
from minidl.validation import number

# What the name of a metric says where the metric itself does not.
_LESS_IS_BETTER = re.compile(
    r"(^|_)(loss|error|crossentropy|divergence|perplexity|mse|mae|mape|msle|rmse|hinge|poisson"
    r"|logcosh|log_cosh)$"
)
_MORE_IS_BETTER = re.compile(
    r"(^|_)(accuracy|acc|auc|precision|recall|f1_score|fbeta_score|r2_score|io_u|iou"
    r"|cosine_similarity)$"
)


class MonitorCallback(Callback):
    """The base of callbacks that act where a number in the logs gets better, or does not.

    Better means, beyond `min_delta`: less in mode `"min"`, more in mode `"max"`. NaN is never
    better, and any number is better than NaN.

    Arguments:
        monitor: the number's name in the logs, such as `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"` to tell from the metric.
        min_delta: the smallest change that counts.

    Raises:
        ValueError: if `mode` is another, or `min_delta` is not a number.
    """

    without_monitor = "it does nothing"

    def __init__(self, monitor: str, mode: str, min_delta: float = 0) -> None:
        owner = type(self).__name__
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{owner}: received mode={mode!r}, expected 'min' (less is better), 'max' (more "
                "is better) or 'auto'."
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(number("min_delta", min_delta, owner))
        self.best: float | None = None
        self._warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Warn anew in every run."""
        self._warned = False

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """Return the number, or None, after one warning a run, where the logs do not have it.

        Raises:
            ValueError: if it is an array.
        """
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            if not self._warned:
                self._warned = True
                warnings.warn(self._missing(list(logs)), stacklevel=2)
            return None
        if np.ndim(value) != 0:
            raise ValueError(
                f"{type(self).__name__}: {self.monitor!r} is an array of shape {np.shape(value)}, "
                "expected one number. Monitor another metric, or average this one."
            )
        return float(value)

    def _missing(self, known: list[str]) -> str:
        text = (
            f"{type(self).__name__} monitors {self.monitor!r}, which the logs of this epoch do not "
            f"have, so {self.without_monitor}. "
        )
        if self.monitor.startswith("val_") and not any(k.startswith("val_") for k in known):
            text += (
                "The epoch was not validated: pass validation_data or validation_split to fit, "
                "and mind validation_freq. "
            )
        return text + (nearest(self.monitor, known) if known else "The logs are empty.")

    def less_is_better(self) -> bool:
        """Return the direction that `mode`, the metric, or its name gives.

        Raises:
            ValueError: if none of them tells.
        """
        if self.mode != "auto":
            return self.mode == "min"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return True
        for metric in getattr(self.model, "metrics", None) or ():
            own = str(getattr(metric, "name", ""))
            direction = getattr(metric, "direction", None)
            if direction is not None and own and (name == own or name.endswith(f"_{own}")):
                return bool(direction == "down")
        bare = re.sub(r"_\d+$", "", name)  # a second AUC is called auc_1
        if _LESS_IS_BETTER.search(bare):
            return True
        if _MORE_IS_BETTER.search(bare):
            return False
        raise ValueError(
            f"{type(self).__name__}: whether more or less of {self.monitor!r} is better cannot be "
            "told from its name. Pass mode='min' or mode='max'."
        )

    def improves(self, value: float, reference: float | None) -> bool:
        """Return whether `value` is better than `reference`, by more than `min_delta`."""
        less = self.less_is_better()
        if np.isnan(value):
            return False
        if reference is None or np.isnan(reference):
            return True
        if less:
            return value + self.min_delta < reference
        return value - self.min_delta > reference


def whole_number(name: str, value: Any, owner: str) -> int:
    """Return `value` as an int.

    Raises:
        ValueError: if it is not an integer of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"{owner}: received {name}={value!r}, expected an integer of at least 0.")
    return int(value)
