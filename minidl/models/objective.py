"""What `compile` asked for, output by output: losses, their weights, and metrics.

Where an output ends in softmax or sigmoid and its loss is the cross-entropy that belongs to it,
the last layer is run without its activation and the loss takes the logits. `Objective` finds
those outputs, and gives the model the views of the layers to run instead.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from minidl import activations, losses, metrics
from minidl._typing import Array
from minidl.layers.layer import Layer, takes_mask
from minidl.layers.symbolic import Node, SymbolicTensor
from minidl.losses import Loss
from minidl.losses.reductions import masked_weights
from minidl.metrics import Metric
from minidl.models.batches import Batch
from minidl.models.graph import Graph
from minidl.models.masked_plan import has_masks
from minidl.registry import nearest


class Head:
    """One output: its loss, the loss's weight, and its metrics.

    Attributes:
        logits_loss: the loss as a function of the logits, if it belongs to `activation`.
        activation: turns the logits into the predictions that metrics see.
        node: the call whose layer gives logits when `view` runs in its place.
    """

    def __init__(self, name: str, loss: Loss | None, weight: float) -> None:
        self.name = name
        self.loss = loss
        self.weight = weight
        self.metrics: list[tuple[str, Metric]] = []
        self.weighted_metrics: list[tuple[str, Metric]] = []
        self.logits_loss: Loss | None = None
        self.activation: Any = None
        self.node: Node | None = None
        self.view: Layer | None = None
        self.loss_sum = 0.0

    def fuse(self, graph: Graph | None, tensor: SymbolicTensor | None) -> None:
        """Find out whether this output's last activation and its loss make one stable step."""
        if graph is None or tensor is None or self.loss is None:
            return
        node = last_activation_node(graph, tensor)
        if node is None:
            return
        activation = node.layer.activation
        self._warn_of_mismatch(activation)
        self.logits_loss = self.loss.on_logits(activation)
        if self.logits_loss is not None:
            self.activation = activation
            self.node = node
            self.view = copy.copy(node.layer)
            self.view.activation = activations.get("linear")  # type: ignore[attr-defined]

    def _warn_of_mismatch(self, activation: Any) -> None:
        assert self.loss is not None
        expects = getattr(self.loss, "expects", None)
        gives_probabilities = isinstance(activation, activations.Softmax | activations.Sigmoid)
        is_linear = isinstance(activation, activations.Linear)
        if expects == "logits" and gives_probabilities:
            warnings.warn(
                f"Output {self.name!r} ends in {type(activation).__name__.lower()}, but its loss "
                f"{self.loss.name!r} has from_logits=True: the activation would be applied twice. "
                "Drop from_logits=True (minidl computes from the logits anyway), or drop the "
                "activation.",
                stacklevel=2,
            )
        if expects == "probabilities" and is_linear:
            warnings.warn(
                f"Output {self.name!r} has no activation, but its loss {self.loss.name!r} expects "
                "probabilities. Pass from_logits=True to the loss, or end the model in softmax or "
                "sigmoid.",
                stacklevel=2,
            )


def last_activation_node(graph: Graph, tensor: SymbolicTensor) -> Node | None:
    """Return the call that an output comes from, if its layer ends in an activation of its own.

    None where taking the activation away would be seen elsewhere: the tensor is used by another
    layer, or given twice, or the layer's output is penalised, or a mask takes part in it.
    """
    masked = has_masks(graph)
    while True:
        uses = sum(source is tensor for node in graph.nodes for source in node.sources)
        if uses or sum(output is tensor for output in graph.outputs) > 1:
            return None
        node = tensor.node
        inner = node.layer.unrolled_graph()
        if inner is None:
            break
        if sum(other.layer is node.layer for other in graph.nodes) > 1:
            return None
        graph, tensor = inner, inner.outputs[tensor.index]
    layer = node.layer
    if masked and takes_mask(layer):
        return None
    if not type(layer).__module__.startswith("minidl.") or layer.activity_regularizer is not None:
        return None
    return node if isinstance(vars(layer).get("activation"), activations.Activation) else None


class Objective:
    """The total loss and all metrics of a compiled model.

    Arguments:
        names: the outputs' names.
        graph, tensors: the model's graph and output tensors; None and [] where there is no graph.
        loss, loss_weights, metrics, weighted_metrics: as `compile` got them.
    """

    def __init__(
        self,
        names: list[str],
        graph: Graph | None,
        tensors: list[SymbolicTensor],
        loss: Any,
        loss_weights: Any,
        metrics_: Any,
        weighted_metrics: Any,
    ) -> None:
        count = len(names)
        chosen = [losses.get(item) for item in spread(loss, names, "loss", broadcast=True)]
        weights = spread(loss_weights, names, "loss_weights", broadcast=count == 1)
        self.heads = [
            Head(name, one, 1.0 if weight is None else float(weight))
            for name, one, weight in zip(names, chosen, weights, strict=True)
        ]
        self._specs = [
            (resolve_early(plain), resolve_early(weighted))
            for plain, weighted in zip(
                spread_metrics(metrics_, names, "metrics"),
                spread_metrics(weighted_metrics, names, "weighted_metrics"),
                strict=True,
            )
        ]
        self._metrics_made = False
        self._waiting: list[list[Array]] | None = None  # a state for metrics that are not made yet
        for index, head in enumerate(self.heads):
            head.fuse(graph, tensors[index] if tensors else None)
        self.reset()

    @property
    def views(self) -> dict[int, Layer]:
        """The layers that training runs in place of others, by the id of the node."""
        return {id(h.node): h.view for h in self.heads if h.view is not None}

    # Metrics

    def make_metrics(self, y: list[Array | None], predictions: list[Array]) -> None:
        """Settle what "accuracy" means for each output, once the shapes of targets are known."""
        if self._metrics_made:
            return
        for head, (plain, weighted), target, prediction in zip(
            self.heads, self._specs, y, predictions, strict=False
        ):
            shapes = (
                np.shape(target) if target is not None else prediction.shape,
                prediction.shape,
            )
            taken: set[str] = set()
            head.metrics = [
                _named_apart(*_settle(*spec, head.loss, *shapes), taken) for spec in plain
            ]
            plain_names = set(taken)
            settled = [_settle(*spec, head.loss, *shapes) for spec in weighted]
            head.weighted_metrics = [
                _named_apart(f"weighted_{name}" if name in plain_names else name, metric, taken)
                for name, metric in settled
            ]
        self._metrics_made = True
        if self._waiting is not None:
            self._set_metrics(self._waiting)
            self._waiting = None

    def metrics(self) -> list[Metric]:
        """Return all metrics."""
        return [m for head in self.heads for _, m in head.metrics + head.weighted_metrics]

    def reset(self) -> None:
        """Begin the running means anew."""
        self._waiting = None
        self.loss_sum = 0.0
        self.samples = 0
        for head in self.heads:
            head.loss_sum = 0.0
        for metric in self.metrics():
            metric.reset_state()

    def get_state(self) -> dict[str, Any]:
        """Return the running sums, from which an interrupted epoch goes on."""
        return {
            "loss_sum": self.loss_sum,
            "samples": self.samples,
            "heads": [head.loss_sum for head in self.heads],
            "metrics": [metric.get_state() for metric in self.metrics()],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned; metrics that are not made yet take it later.

        Raises:
            ValueError: if it is of another model.
        """
        if len(state["heads"]) != len(self.heads):
            raise ValueError(
                f"this model has {len(self.heads)} outputs, that one had {len(state['heads'])}"
            )
        if self._metrics_made:
            self._set_metrics(state["metrics"])
        else:
            self._waiting = state["metrics"]
        self.loss_sum, self.samples = float(state["loss_sum"]), int(state["samples"])
        for head, loss_sum in zip(self.heads, state["heads"], strict=True):
            head.loss_sum = float(loss_sum)

    def _set_metrics(self, states: list[list[Array]]) -> None:
        if len(states) != len(self.metrics()):
            raise ValueError(
                f"this model has {len(self.metrics())} metrics, that one had {len(states)}"
            )
        for metric, state in zip(self.metrics(), states, strict=True):
            metric.set_state(state)

    def results(self) -> dict[str, float]:
        """Return the means so far: the loss, each output's loss, and the metrics."""
        samples = max(self.samples, 1)
        logs = {"loss": self.loss_sum / samples}
        several = len(self.heads) > 1
        for head in self.heads:
            if several and head.loss is not None:
                logs[f"{head.name}_loss"] = head.loss_sum / samples
        for head in self.heads:
            for name, metric in head.metrics + head.weighted_metrics:
                result = metric.result()
                key = f"{head.name}_{name}" if several else name
                logs[key] = float(result) if np.ndim(result) == 0 else result
        return logs

    # Loss

    def value_and_gradient(
        self, batch: Batch, outputs: list[Array]
    ) -> tuple[float, list[float], list[Array | None]]:
        """Return the total loss, each output's before its weight, and the gradient at each."""
        total = 0.0
        values: list[float] = []
        gradients: list[Array | None] = []
        for index, head in enumerate(self.heads):
            loss = head.logits_loss or head.loss
            if loss is None:
                values.append(0.0)
                gradients.append(None)
                continue
            value, gradient = loss.value_and_gradient(*self._arguments(batch, index, outputs))
            if head.weight != 1.0:
                gradient = gradient * gradient.dtype.type(head.weight)
            total += value * head.weight
            values.append(value)
            gradients.append(gradient)
        return total, values, gradients

    def value(self, batch: Batch, outputs: list[Array]) -> tuple[float, list[float]]:
        """Return the total loss, and each output's before its weight."""
        total = 0.0
        values = []
        for index, head in enumerate(self.heads):
            loss = head.logits_loss or head.loss
            value = 0.0
            if loss is not None:
                value = float(np.sum(loss(*self._arguments(batch, index, outputs))))
            total += value * head.weight
            values.append(value)
        return total, values

    def _arguments(self, batch: Batch, index: int, outputs: list[Array]) -> tuple[Any, ...]:
        if batch.y is None:
            raise ValueError(
                f"The data yielded a batch without targets, but output {self.heads[index].name!r} "
                "has a loss. Yield (x, y) or (x, y, sample_weight)."
            )
        weights = batch.sample_weight
        weight = weights[index] if weights else None
        arguments = (batch.y[index], outputs[index])
        if batch.masks is None:
            return (*arguments, weight)
        head = self.heads[index]
        loss = head.logits_loss or head.loss
        assert loss is not None
        return (*arguments, *loss.weights_and_mask(weight, batch.masks[index]))

    def update(self, batch: Batch, outputs: list[Array], loss: float, losses_: list[float]) -> None:
        """Take one batch into the running means."""
        size = batch.size
        self.samples += size
        self.loss_sum += loss * size
        for index, head in enumerate(self.heads):
            head.loss_sum += losses_[index] * size
            if not (head.metrics or head.weighted_metrics):
                continue
            assert batch.y is not None
            prediction = outputs[index]
            if head.logits_loss is not None:
                prediction = head.activation.forward(prediction)[0]
            mask = batch.masks[index] if batch.masks else None
            for _, metric in head.metrics:
                _update(metric, batch.y[index], prediction, None, mask)
            if head.weighted_metrics:
                weight = batch.sample_weight[index] if batch.sample_weight else None
                for _, metric in head.weighted_metrics:
                    _update(metric, batch.y[index], prediction, weight, mask)


def _update(metric: Metric, y: Any, prediction: Array, weight: Any, mask: Array | None) -> None:
    """Give a metric one batch; one that is a mean over time steps leaves the masked ones out."""
    if mask is not None and isinstance(metric, metrics.MeanMetricWrapper):
        weight = masked_weights(weight, mask, "sum", f"Metric {metric.name!r}")
    if weight is None:
        metric.update_state(y, prediction)
    else:
        metric.update_state(y, prediction, sample_weight=weight)


def spread(value: Any, names: list[str], role: str, broadcast: bool) -> list[Any]:
    """Return one item an output from a single item, a list, or a dict by name.

    Raises:
        ValueError: if the number or the names do not match the outputs.
    """
    if isinstance(value, dict) and not {"class_name", "config"} <= value.keys():
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(
                f"Received {role} for {unknown}, but the outputs are {names}. "
                f"{nearest(str(unknown[0]), names)}"
            )
        return [value.get(name) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise ValueError(
                f"Received {len(value)} entries in {role}, expected one for each of the "
                f"{len(names)} outputs {names}. A dict by these names is possible too."
            )
        return list(value)
    if value is None or broadcast or len(names) == 1:
        return [value] * len(names)
    raise ValueError(
        f"Received {role}={value!r} for a model with the outputs {names}; expected a list with one "
        "entry an output, or a dict by these names."
    )


def spread_metrics(value: Any, names: list[str], role: str) -> list[list[Any]]:
    """Return a list of metrics an output."""
    if value is None:
        return [[] for _ in names]
    if len(names) == 1 and not isinstance(value, dict):
        items = list(value) if isinstance(value, list | tuple) else [value]
        if len(items) == 1 and isinstance(items[0], list | tuple):
            items = list(items[0])
        return [items]
    per_output = spread(value, names, role, broadcast=False)
    return [
        [] if item is None else list(item) if isinstance(item, list | tuple) else [item]
        for item in per_output
    ]


BY_SHAPE = {
    "accuracy": "resolve_accuracy",
    "acc": "resolve_accuracy",
    "crossentropy": "resolve_crossentropy",
    "ce": "resolve_crossentropy",
}
"""Words whose metric depends on the loss and on the shapes, and the functions that find it."""


def resolve_early(specs: list[Any]) -> list[tuple[str, Metric | None]]:
    """Return each metric with its name in logs; None for a word that needs the shapes first.

    Raises:
        ValueError: if a name is unknown; the message has the nearest one.
    """
    resolved: list[tuple[str, Metric | None]] = []
    for spec in specs:
        if isinstance(spec, str) and spec.lower() in BY_SHAPE:
            resolved.append((spec, None))
            continue
        metric = metrics.get(spec)
        if metric is None:
            raise ValueError("Received None among the metrics; leave it out.")
        resolved.append((spec if isinstance(spec, str) else metric.name, metric))
    return resolved


def _settle(
    name: str, metric: Metric | None, loss: Loss | None, y_shape: Any, prediction_shape: Any
) -> tuple[str, Metric]:
    if metric is None:
        metric = getattr(metrics, BY_SHAPE[name.lower()])(loss, y_shape, prediction_shape)
    return name, metric


def _named_apart(name: str, metric: Metric, taken: set[str]) -> tuple[str, Metric]:
    """Return a metric under a name of its own: the second `precision` is `precision_1`."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free, metric
