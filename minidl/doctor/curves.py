"""What the figures of the epochs say: a loss that stays, and a metric that the log tells wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.doctor.findings import Finding

EPOCHS = 3  # fewer say nothing
GAIN = 0.01  # of the first loss; less is none
GAP = 0.1  # between a share in the log and the exact one


def check_loss(losses: list[float]) -> Iterator[Finding]:
    """Look for a loss that does not go down.

    Arguments:
        losses: those of the epochs, in order.
    """
    if len(losses) < EPOCHS or not np.isfinite(losses).all():
        return
    first, best = losses[0], min(losses[1:])
    if best > first - GAIN * abs(first):
        yield Finding(
            "loss_stays",
            "loss",
            f"The loss does not go down: {first:.4g} in the first epoch and {best:.4g} in the best "
            f"of the {len(losses) - 1} after it. Try ten times the learning rate and a tenth of "
            "it, check that x and y belong together, and see the findings above.",
        )


def check_train_metrics(logged: dict[str, Any], exact: dict[str, Any]) -> Iterator[Finding]:
    """Compare the last epoch's shares, such as accuracies, with those of the finished model.

    Arguments:
        logged: running means over the epoch, while the weights changed and dropout was on.
        exact: the same figures on the same data, afterwards.
    """
    for name, running in logged.items():
        true = exact.get(name)
        if true is not None and np.ndim(running) == 0 and abs(running - true) > GAP:
            yield Finding(
                "train_metric_inexact",
                name,
                f"The log gives {name} {running:.3f} on the training data, and the finished model "
                f"has {true:.3f}: the log's is a mean over the epoch, with changing weights and "
                "dropout on. Compare val_ figures with model.evaluate on the training data.",
            )
