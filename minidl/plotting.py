"""Pictures of training: learning curves, confusions, predictions, weights, activations.

Each function returns a matplotlib figure, which knows how to save itself. Nothing is shown on a
screen, and no global state of matplotlib is touched. Needs `pip install "minidl[plot]"`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Array
from minidl.utils.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def is_available() -> bool:
    """Return whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


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
    figure, panels = _panels(len(names), columns=3, width=4.4, height=3.2)
    for axes, name in zip(panels, names, strict=True):
        axes.plot(range(1, epochs + 1), measures[name], label="training", marker=_marker(epochs))
        validation = measures.get(f"val_{name}")
        if validation:
            # Validation may have run every few epochs only.
            at = np.linspace(epochs / len(validation), epochs, len(validation))
            axes.plot(at, validation, label="validation", marker=_marker(epochs))
            axes.legend(frameon=False)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name.replace("_", " "))
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)
    return figure


def _panels(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in rows, and the panels."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = new_figure(width * columns, height * rows)
    panels = [figure.add_subplot(rows, columns, at + 1) for at in range(count)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


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
    figure = new_figure(size + 0.8, size)
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
    if max(map(len, names)) > 4:
        axes.tick_params(axis="x", labelrotation=45)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
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
    figure = new_figure(1.6 * columns, 1.9 * rows)
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


def weights(model: Any, layers: Iterable[str] | None = None, bins: int = 50) -> Figure:
    """Draw the distribution of each weight of a model.

    A weight that has stayed where it began, or that has run away, is seen at a glance: each panel
    has its own axis, its mean and its standard deviation.

    Arguments:
        model: a model that is built.
        layers: the names of the layers to show, in any order; all of them by default.
        bins: bars in a histogram at most.

    Returns:
        A figure with a panel a weight, layer by layer. Weights that are not trained are gray.

    Raises:
        ValueError: if there are no weights, or no layer has such a name.

    Example:
        >>> from minidl import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(2, name="d")])
        >>> [axes.get_title() for axes in weights(model).axes]
        ['d/kernel', 'd/bias']
    """
    chosen = _chosen(model, layers)
    shown = [p for layer in chosen for p in layer.weights]
    if not shown:
        raise ValueError(
            f"Model {model.name!r} has no weights to draw in {[la.name for la in chosen]}. A model "
            "gets its weights when it is built: give it an Input, or call it on data."
        )
    figure, panels = _panels(len(shown), columns=4, width=2.9, height=2.1)
    for axes, parameter in zip(panels, shown, strict=True):
        color = "tab:blue" if parameter.trainable else "tab:gray"
        _histogram(axes, parameter.numpy(), bins, color)
        axes.set_title(parameter.path, size=9)
    return figure


def activations(model: Any, x: Any, layers: Iterable[str] | None = None, bins: int = 50) -> Figure:
    """Draw the distribution of each layer's outputs for some inputs.

    Units that are always 0, outputs at the flat ends of a sigmoid and scales that grow from layer
    to layer are seen at a glance. Where more than a hundredth of the outputs are exactly 0, the
    panel says how many, and draws the others.

    Arguments:
        model: a model with a graph of layers.
        x: inputs, as for `predict`.
        layers: the names of the layers to show; all but the inputs by default.
        bins: bars in a histogram at most.

    Returns:
        A figure with a panel a layer, in the order in which they run.

    Raises:
        ValueError: if the model computes by itself, without a graph, or no layer has such a name.

    Example:
        >>> from minidl import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(2, "relu", name="d")])
        >>> [axes.get_title() for axes in activations(model, np.ones((5, 3))).axes]
        ['d  (Dense)']
    """
    from minidl.models import Model

    if getattr(model, "graph", None) is None:
        raise ValueError(
            f"Model {model.name!r} has no graph of layers, so their outputs are not known. "
            "Build it first; of a subclass that writes its own forward, call its layers yourself."
        )
    chosen = set(map(id, _chosen(model, layers)))
    shown = [
        (node.layer, tensor)
        for node in model.graph.nodes
        if node.inputs and id(node.layer) in chosen
        for tensor in node.outputs
        if not tensor.dtype.startswith("str")
    ]
    watched = Model(model.input, [tensor for _, tensor in shown], name="activations")
    values = watched.predict(x, verbose=0)
    values = values if isinstance(values, list) else [values]
    figure, panels = _panels(len(shown), columns=4, width=2.9, height=2.1)
    for axes, (layer, _), value in zip(panels, shown, values, strict=True):
        _histogram(axes, value, bins, "tab:orange")
        axes.set_title(f"{layer.name}  ({type(layer).__name__})", size=9)
    return figure


def _chosen(model: Any, names: Iterable[str] | None) -> list[Any]:
    known = [layer.name for layer in model.layers]
    if names is None:
        return list(model.layers)
    wanted = list(names)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(
            f"Model {model.name!r} has no layer {', '.join(map(repr, unknown))}. Its layers: "
            f"{', '.join(known)}."
        )
    return [layer for layer in model.layers if layer.name in wanted]


def _histogram(axes: Axes, values: Any, bins: int, color: str) -> None:
    """Draw how often which value occurs; many zeros, and what is not finite, stand in words.

    The bar of all outputs that a ReLU cuts off would leave no height for the others.
    """
    values = np.asarray(values, np.float64).reshape(-1)
    finite = values[np.isfinite(values)]
    zeros = np.count_nonzero(finite == 0)
    many_zeros = finite.size / 100 < zeros < finite.size
    drawn = finite[finite != 0] if many_zeros else finite
    few = max(8, int(2 * np.sqrt(drawn.size)))  # bars for few numbers are broad
    axes.hist(drawn, bins=min(bins, few), color=color, linewidth=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=5)
    axes.ticklabel_format(axis="x", scilimits=(-3, 4))
    words = [f"mean {finite.mean():.2g}", f"std {finite.std():.2g}"] if finite.size else []
    if many_zeros:
        words.append(f"{zeros / finite.size:.0%} are 0, not drawn")
    if finite.size < values.size:
        words.append(f"{values.size - finite.size} not finite")
    axes.set_xlabel("\n".join([" · ".join(words[:2]), *words[2:]]), size=8)


def _labels(values: Array) -> Array:
    """Return class numbers from labels, one-hot rows or probabilities."""
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] > 1:
        return values.argmax(axis=1)
    flat = values.reshape(-1)
    return (flat >= 0.5).astype(int) if flat.dtype.kind == "f" else flat.astype(int)
