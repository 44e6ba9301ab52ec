"""Pictures of training: learning curves, a confusion matrix, images with their predictions.

Each function returns a matplotlib figure, which knows how to save itself. Nothing is shown on a
screen, and no global state of matplotlib is touched. Needs `pip install "minidl[plot]"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def is_available() -> bool:
    """Return whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib, which is not installed: pip install "minidl[plot]".'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def plot_history(history: Any) -> Figure:
    """Draw each measure of a training run against the epoch, beside its validation.

    Arguments:
        history: what `fit` returned, or its `history` dict.

    Returns:
        A figure with one panel a measure.

    Raises:
        ValueError: if no epoch was recorded.

    Example:
        >>> figure = plot_history({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
        >>> len(figure.axes)
        1
    """
    measures: dict[str, list[float]] = dict(getattr(history, "history", history))
    names = [name for name in measures if not name.startswith("val_")]
    epochs = len(measures[names[0]]) if names else 0
    if not epochs:
        raise ValueError("Received a history without epochs, expected what fit returned.")
    figure = _figure(4.8 * len(names), 3.6)
    for panel, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), panel)
        axes.plot(range(1, epochs + 1), measures[name], label="training", marker=_marker(epochs))
        validation = measures.get(f"val_{name}")
        if validation:
            # Validation may have run every few epochs only.
            at = np.linspace(epochs / len(validation), epochs, len(validation))
            axes.plot(at, validation, label="validation", marker=_marker(epochs))
            axes.legend()
        axes.set_xlabel("epoch")
        axes.set_ylabel(name.replace("_", " "))
        axes.grid(alpha=0.3)
    return figure


def _marker(epochs: int) -> str:
    return "o" if epochs <= 10 else ""


def confusion_matrix(y_true: Array, y_pred: Array, class_names: list[str] | None = None) -> Figure:
    """Draw how often each class was taken for each other.

    Arguments:
        y_true: labels (samples,), or one-hot rows (samples, classes).
        y_pred: predicted labels (samples,), or probabilities (samples, classes).
        class_names: what to write on the axes; the class numbers by default.

    Returns:
        A figure; rows are the true classes, columns the predicted ones.

    Raises:
        ValueError: if the two differ in length.
    """
    true, predicted = _labels(y_true), _labels(y_pred)
    if len(true) != len(predicted):
        raise ValueError(
            f"Received {len(true)} labels and {len(predicted)} predictions, expected as many of "
            "one as of the other."
        )
    classes = int(max(true.max(), predicted.max())) + 1
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    names = class_names or [str(i) for i in range(classes)]
    size = max(4.0, 0.55 * classes + 1)
    figure = _figure(size + 0.8, size)
    axes = figure.add_subplot()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(
                column, row, str(counts[row, column]), ha="center", va="center", color=color, size=8
            )
    axes.set_xticks(range(classes), names)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def predictions(
    images: Array, y_true: Array, y_pred: Array, class_names: list[str] | None = None
) -> Figure:
    """Draw images with their true and predicted classes; wrong ones are red.

    Arguments:
        images: (samples, height, width) or (samples, height, width, channels).
        y_true: labels (samples,), or one-hot rows (samples, classes).
        y_pred: predicted labels, or probabilities, whose greatest is then shown too.
        class_names: names of the classes; their numbers by default.

    Returns:
        A figure with up to 25 images.
    """
    true, predicted = _labels(y_true), _labels(y_pred)
    count = min(len(images), 25)
    columns = min(count, 5)
    rows = -(-count // columns)
    figure = _figure(1.6 * columns, 1.9 * rows)
    for i in range(count):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.imshow(
            np.squeeze(images[i]), cmap="gray_r" if np.squeeze(images[i]).ndim == 2 else None
        )
        names = [class_names[k] if class_names else str(k) for k in (true[i], predicted[i])]
        sure = f" ({np.max(y_pred[i]):.0%})" if np.ndim(y_pred) == 2 else ""
        right = true[i] == predicted[i]
        axes.set_title(
            f"{names[0]} as {names[1]}{sure}", size=8, color="black" if right else "tab:red"
        )
        axes.set_axis_off()
    return figure


def _labels(values: Array) -> Array:
    """Return class numbers from labels, one-hot rows or probabilities."""
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] > 1:
        return values.argmax(axis=1)
    flat = values.reshape(-1)
    return (flat >= 0.5).astype(int) if flat.dtype.kind == "f" else flat.astype(int)
