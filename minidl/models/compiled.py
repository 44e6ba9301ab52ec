"""What `compile` makes of a model: an objective, an optimizer, and metrics with their names."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import optimizers
from minidl.models.graph_layer import GraphLayer
from minidl.models.objective import Objective

if TYPE_CHECKING:
    from minidl.models.plan import Plan
    from minidl.optimizers import Optimizer


class Compiled(GraphLayer):
    """A graph with a loss, an optimizer and metrics."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.optimizer: Optimizer | None = None
        self._compile_arguments: dict[str, Any] | None = None
        self._objective: Objective | None = None
        self._own_logs: dict[str, Any] | None = None  # what a subclass's own step returned
        self._step_plan: Plan | None = None  # what training runs; made when a run is prepared

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Arguments:
            optimizer: a name or an `Optimizer`.
            loss: a name or a `Loss`; for several outputs a list or a dict by output name.
            loss_weights: a number for each output, as a list or dict.
            metrics: names or `Metric`s; for several outputs a list of lists or a dict.
            weighted_metrics: the same, for metrics that shall see the sample weights.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: are Keras's, and have
                no effect: there is nothing to compile.

        Raises:
            ValueError: if a name is unknown; the message has the nearest one.
        """
        self.optimizer = optimizers.get(optimizer)
        self._compile_arguments = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._forget_compiled_outputs()
        if self._outputs.kind != "unknown":
            self._make_objective()
        else:
            # Unknown names are an error here and now, even where the outputs are not known yet.
            Objective(["output"], None, [], _first(loss), None, None, None)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`, with the optimizer as it is now; {} without any."""
        if self._compile_arguments is None:
            return {}
        return {"optimizer": self.optimizer, **self._compile_arguments}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile the model by what `get_compile_config` told, here or in Keras.

        The optimizer is built for the weights that are trained, so that its state can be loaded.
        """
        from minidl.saving.objects import deserialize_keras_object

        if type(self).compile is not Compiled.compile:
            warnings.warn(
                f"Model {self.name!r} has a compile of its own and was not compiled. Write "
                "get_compile_config and compile_from_config beside it, or compile it yourself.",
                stacklevel=2,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_weights)

    def _forget_compiled_outputs(self) -> None:
        self._objective = None
        self._step_plan = None
        self._forget_plans()

    def _make_objective(self, outputs: int = 1) -> Objective:
        assert self._compile_arguments is not None
        names = self._outputs.names or [f"output_{i}" for i in range(outputs)][:outputs]
        arguments = self._compile_arguments
        self._objective = Objective(
            names,
            self.unrolled_graph(),
            self._outputs.tensors,
            arguments["loss"],
            arguments["loss_weights"],
            arguments["metrics"],
            arguments["weighted_metrics"],
        )
        return self._objective

    def _require_compiled(self, method: str) -> None:
        if self._compile_arguments is None:
            raise RuntimeError(
                f"Model {self.name!r}: {method}() was called before compile(). Choose an optimizer "
                "and a loss first: model.compile(optimizer='adam', loss='mse')."
            )

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
        training: bool = True,
    ) -> Any:  # fmt: skip
        """Return the loss that `compile` chose, with `losses`: for a `train_step` of one's own.

        Within a `GradientTape` it can be differentiated.
        """
        self._require_compiled("compute_loss")
        objective = self._objective or self._make_objective(len(as_list(y_pred)))
        predictions, targets = as_list(y_pred), as_list(y)
        weights = [None] * len(targets) if sample_weight is None else as_list(sample_weight)
        total: Any = 0.0
        for head, target, prediction, weight in zip(
            objective.heads, targets, predictions, weights, strict=True
        ):
            if head.loss is not None:
                total = total + head.loss(target, prediction, weight) * head.weight
        for term in self.losses:
            total = total + term
        return total

    # Metrics

    @property
    def metrics(self) -> list[Any]:
        """The metrics that `compile` asked for; empty before the first batch resolved them."""
        return self._objective.metrics() if self._objective is not None else []

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        return list(self.get_metrics_result())

    def reset_metrics(self) -> None:
        """Begin the running means of loss and metrics anew."""
        self._own_logs = None
        if self._objective is not None:
            self._objective.reset()
        if type(self).metrics is not Compiled.metrics:  # a subclass's own
            for metric in self.metrics:
                metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the running means of loss and metrics by name."""
        if self._own_logs is not None:
            return {key: _number(value) for key, value in self._own_logs.items()}
        return self._objective.results() if self._objective is not None else {}


def _number(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value


def as_list(value: Any) -> list[Any]:
    """Return a list or tuple as a list, and anything else as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _first(value: Any) -> Any:
    """Return any one loss of a list or dict, so that its name can be checked early."""
    if isinstance(value, dict) and "class_name" not in value:
        return next(iter(value.values()), None)
    return value[0] if isinstance(value, list | tuple) and value else value
