"""What every contender of a workload is given: the same network, data, weights and settings.

A task is made once, by the runner, and travels to the workers' processes as one `.npz` file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_EVALUATED_ROWS = 1000  # enough for a loss; few, so that they do not show in the peak of memory


@dataclass(frozen=True)
class Task:
    """A network to train or to predict with.

    Shapes:
        x `(rows, features)`, images `(rows, height, width, channels)` or sequences
        `(rows, time, features)`; labels `(rows,)`, integers; a dense kernel `(inputs, units)`,
        others as in `networks.shapes`; a bias `(units,)`.

    Arguments:
        workload: the workload's name.
        sizes: features of the input, then units of every dense layer.
        hidden, output: the activations, `"relu"` or `"sigmoid"`, `"softmax"` or `"sigmoid"`. The
            loss is the output's cross-entropy, averaged over the batch.
        dtype: what a contender should compute in.
        optimizer: `"sgd"` without momentum, or `"adam"` with β₁ = 0.9, β₂ = 0.999, ε = 1e-7.
        learning_rate: on the averaged loss.
        batch_size: rows of a step. All numbers of rows to train on are multiples of it.
        epochs: how many passes over all rows are timed at once.
        warm_up: rows and epochs trained on before.
        repeats: how many times in succession the timed part is done; training goes on.
        tolerances: the relative differences from the reference's loss that count as equal work,
            at the workload's two moments.
        network: which one, of those in `networks`.
    """

    workload: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    dtype: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    warm_up: tuple[int, int]
    repeats: int
    tolerances: tuple[float, float]
    x: Array = field(repr=False)
    labels: Array = field(repr=False)
    kernels: list[Array] = field(repr=False)
    biases: list[Array] = field(repr=False)
    network: str = "dense"

    @property
    def rows(self) -> int:
        return len(self.x)

    @property
    def steps(self) -> int:
        """Steps of the timed part."""
        return self.rows // self.batch_size * self.epochs

    def targets(self) -> Array:
        """Return the labels as the output should be: one-hot rows, or a column of 0 and 1."""
        if self.output == "sigmoid":
            return self.labels.reshape(-1, 1).astype(self.dtype)
        return np.eye(self.sizes[-1], dtype=self.dtype)[self.labels]

    def sample(self) -> tuple[Array, Array]:
        """Return the rows and labels on which a contender's loss is compared."""
        return self.x[:_EVALUATED_ROWS], self.labels[:_EVALUATED_ROWS]

    def save(self, path: Path) -> None:
        settings = {key: value for key, value in asdict(self).items() if key not in _ARRAYS}
        arrays = {"x": self.x, "labels": self.labels, "settings": np.array(json.dumps(settings))}
        arrays |= {f"kernel_{i}": kernel for i, kernel in enumerate(self.kernels)}
        arrays |= {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        np.savez(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Task:
        with np.load(path, allow_pickle=False) as file:
            settings = json.loads(str(file["settings"]))
            for key in ("sizes", "warm_up", "tolerances"):
                settings[key] = tuple(settings[key])
            return cls(
                **settings,
                x=file["x"],
                labels=file["labels"],
                kernels=_numbered(file, "kernel"),
                biases=_numbered(file, "bias"),
            )


_ARRAYS = {"x", "labels", "kernels", "biases"}


def _numbered(file: Any, name: str) -> list[Array]:
    count = sum(key.startswith(f"{name}_") for key in file.files)
    return [file[f"{name}_{i}"] for i in range(count)]


def cross_entropy(probabilities: Array, labels: Array) -> float:
    """Return the mean cross-entropy of predicted probabilities, in float64.

    Every contender's predictions are judged by this one function, not by its own loss.

    Shapes:
        probabilities `(rows, classes)`, or `(rows, 1)` for a sigmoid's; labels `(rows,)`.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    p = p.reshape(len(labels), -1)
    chosen = (
        np.where(labels == 1, p[:, 0], 1 - p[:, 0])
        if p.shape[1] == 1
        else p[np.arange(len(labels)), labels]
    )
    return float(-np.log(np.maximum(chosen, 1e-300)).mean())
