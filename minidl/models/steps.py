"""What happens to one batch: the steps of training and evaluation, and the objective they share.

train_step:  forward ─► loss and its gradient ─► backward ─► update
test_step:   forward ─► loss
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import optimizers
from minidl._typing import Array
from minidl.kernels import threads
from minidl.models.batches import ArrayBatches, Batch
from minidl.models.feeding import Feeder
from minidl.models.graph_layer import GraphLayer
from minidl.models.masked_plan import plan_of
from minidl.models.objective import Objective
from minidl.models.plan import Plan
from minidl.models.streams import Batches
from minidl.random import SeedGenerator

if TYPE_CHECKING:
    from minidl.callbacks import CallbackList, History
    from minidl.layers.parameter import Parameter
    from minidl.models.run import Run
    from minidl.optimizers import Optimizer
    from minidl.regularizers import Regularizer


class NonFiniteError(ArithmeticError):
    """The loss became NaN or infinite. The weights are as they were before that batch."""


class Steps(GraphLayer):
    """The compiled part of a model: objective, optimizer, and a step for one batch."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.optimizer: Optimizer | None = None
        self.stop_training = False
        self.history: History | None = None
        self.training_run: Run | None = None  # while `fit` runs
        self._compile_arguments: dict[str, Any] | None = None
        self._objective: Objective | None = None
        self._shuffler: SeedGenerator | None = None
        self._regularized: list[tuple[Parameter, Regularizer]] = []
        self._moving: list[Parameter] = []  # state that a forward pass in training changes
        self._trained_now: list[Parameter] = []
        self._all_weights: list[Parameter] = []
        self._own_logs: dict[str, Any] | None = None  # what a subclass's own step returned
        self._settled: tuple[bool, ...] | None = None  # what was trainable when last looked
        self._step_plan: Plan | None = None
        self._direct: list[Parameter] = []  # whose step is taken within their backward pass

    # Compiling

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

        if type(self).compile is not Steps.compile:
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

    # Steps

    def _run_governed(self, method: str, batch: Batch) -> None:
        """Run a step on as many threads as it is worth."""
        governor = threads.governor()
        key = id(self._step_plan), method, batch.size
        began = governor.begin(key)
        self._run_step(method, batch)
        governor.end(key, began)

    def _run_step(self, method: str, batch: Batch) -> None:
        """Run `train_step` or `test_step`; a subclass's own gets and returns what Keras's does."""
        if getattr(type(self), method) is getattr(Steps, method):
            getattr(self, method)(batch)
        else:
            self._own_logs = getattr(self, method)(batch.data)

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

    def train_step(self, batch: Any) -> Any:
        """Forward, loss, backward, update: what happens to one batch in `fit`.

        A subclass's own gets `data`, that is (x, y) or (x, y, sample_weight), changes the weights
        (with a `minidl.autodiff.GradientTape` and `optimizer.apply`, say), and returns a dict of
        results.

        Raises:
            NonFiniteError: if the loss is NaN or infinite; no weight has then been changed.
        """
        if not isinstance(batch, Batch):  # from a subclass's own, by super().train_step(data)
            Steps.train_step(self, Batch.of(batch))
            return self.get_metrics_result()
        objective, optimizer = self._objective, self.optimizer
        assert objective is not None
        assert optimizer is not None
        plan = self._step_plan
        assert plan is not None
        state = [(p, p.value.copy()) for p in self._moving]
        outputs, tape = plan.forward(batch.x, training=True)
        batch = _with_masks(batch, plan.output_masks(tape))
        objective.make_metrics(batch.y or [], outputs)
        loss, losses, gradients = objective.value_and_gradient(batch, outputs)
        if plan.adding:
            loss += plan.added_loss(tape)
        for parameter, regularizer in self._regularized:
            loss += float(regularizer(parameter.value))
        if not math.isfinite(loss):
            objective.update(batch, outputs, loss, losses)
            _put_back(state)  # moving statistics must not keep what this batch did to them
            reason = self._explain_non_finite(plan, batch, loss)
            _put_back(state)
            raise NonFiniteError(reason)
        self._lend_steps(float(optimizer.learning_rate) if self._direct else None)
        try:
            plan.backward(tape, gradients)
        finally:
            self._lend_steps(None)
        for parameter, regularizer in self._regularized:
            parameter.grad += regularizer.gradient(parameter.value)
        optimizer.step()
        objective.update(batch, outputs, loss, losses)
        return None

    def _lend_steps(self, rate: float | None) -> None:
        """Let parameters take their step within the backward pass; None ends that."""
        for parameter in self._direct:
            parameter.descent = rate

    def test_step(self, batch: Any) -> Any:
        """Forward and loss: what happens to one batch in `evaluate`."""
        if not isinstance(batch, Batch):
            Steps.test_step(self, Batch.of(batch))
            return self.get_metrics_result()
        objective = self._objective
        assert objective is not None
        plan = self._step_plan
        assert plan is not None
        outputs, tape = plan.evaluate(batch.x)
        batch = _with_masks(batch, plan.output_masks(tape))
        objective.make_metrics(batch.y or [], outputs)
        loss, losses = objective.value(batch, outputs)
        if plan.adding:
            loss += plan.added_loss(tape)
        for parameter, regularizer in self._regularized:
            loss += float(regularizer(parameter.value))
        objective.update(batch, outputs, loss, losses)
        return None

    def _explain_non_finite(self, plan: Plan, batch: Batch, loss: float) -> str:
        """Say where the loss stopped being a number."""
        said = f"the loss of model {self.name!r} became {loss}"
        kept = " The weights are those from before this batch."
        for parameter in self.weights:
            if not np.isfinite(parameter.value).all():
                return (
                    f"{said}: the parameter {parameter.path!r} is no longer finite, so an earlier "
                    "update overflowed. Lower the learning rate, or clip the gradients "
                    "(clipnorm=1.0). The weights cannot be mended; restore them from a checkpoint."
                )
        layer = plan.first_non_finite(batch.x, training=True)
        if layer is not None:
            return (
                f"{said}: layer {layer!r} is the first whose output is not finite. Look for a "
                "division by zero, a logarithm of zero or numbers too large for its dtype; scale "
                f"the inputs, lower the learning rate or clip the gradients.{kept}"
            )
        return (
            f"{said}, although every layer's output is finite. Either the outputs have grown so "
            "large that the loss overflows (lower the learning rate, or clip the gradients), or "
            f"the targets, the sample weights or the loss itself are at fault.{kept}"
        )

    # Preparing

    def _feeder(self, x: Any, class_weight: Any = None) -> Feeder:
        """Return what checks the data; builds the model on it first if need be."""
        if not self.built:
            self._build_on(x)
        return Feeder(f"Model {self.name!r}", self._inputs, self._outputs, class_weight)

    def _build_on(self, x: Any) -> None:
        """Build a model late, from the shape of its first data."""
        from minidl.models.batches import as_array, is_array_like, is_dataset, unpack

        if not is_array_like(x):
            if not is_dataset(x):
                if hasattr(x, "__next__"):
                    raise ValueError(
                        f"Model {self.name!r} is not built, and a generator's first batch cannot "
                        "be looked at without losing it. Give the model its input's shape: "
                        "Input(shape) at the front, or model.build(input_shape)."
                    )
                x = unpack(next(iter(x)))[0]
            else:
                x = unpack(x[0])[0]
        if isinstance(x, list | tuple) and x and hasattr(x[0], "ndim") and x[0].ndim:
            shapes: Any = [(None, *as_array(item, "x").shape[1:]) for item in x]
            shapes = shapes[0] if len(shapes) == 1 else shapes
        elif isinstance(x, dict):
            shapes = {key: (None, *as_array(item, key).shape[1:]) for key, item in x.items()}
        else:
            array = as_array(x, "x")
            shapes = (None, *array.shape[1:]) if array.ndim > 1 else (None, 1)
        self.ensure_built(shapes)

    def _prepare_training(self, data: Batches, keep_gradients: bool = True) -> None:
        """Settle the objective, move the parameters into the optimizer's buffers, check targets."""
        objective = self._objective or self._make_objective(max(1, len(self._outputs.names)))
        own = type(self).train_step is not Steps.train_step
        if not own and all(head.loss is None for head in objective.heads):
            raise ValueError(
                f"Model {self.name!r} was compiled without a loss, so there is nothing to train. "
                "Pass one: model.compile(optimizer='adam', loss='mse')."
            )
        if isinstance(data, ArrayBatches):
            self._check_targets(data.y, len(data.x[0]))
        self._settle(keep_gradients)

    def _check_targets(self, ys: list[Array | None] | None, samples: int) -> None:
        """Compare whole target arrays with what the losses expect of them."""
        assert self._objective is not None
        for index, head in enumerate(self._objective.heads):
            if head.loss is None:
                continue
            y = ys[index] if ys is not None and index < len(ys) else None
            if y is None:
                raise ValueError(
                    f"Model {self.name!r} received no targets for its output {head.name!r}, whose "
                    f"loss is {head.loss.name!r}. Pass y."
                )
            if self._outputs.tensors:
                shape = self._outputs.tensors[index].shape
                head.loss.check_targets(y, (samples, *shape[1:]))

    def _settle(self, keep_gradients: bool = True) -> None:
        """Bring the plan and the optimizer into line with what is trainable now.

        It runs before every `fit` and every single batch, so it first looks whether anything has
        changed since the last time.

        Arguments:
            keep_gradients: whether someone may read the parameters' gradients after a step.
        """
        assert self.optimizer is not None
        if self._graph is None or self._step_plan is None:
            self._all_weights = self.weights
            self._settled = None
        trainable = (self._trainable, *[p.trainable for p in self._all_weights])
        settled = trainable == self._settled
        if not settled:
            parameters = self.trainable_weights
            self._regularized = [
                (p, p.regularizer) for p in parameters if p.regularizer is not None
            ]
            self._moving = self.state_weights
            self._trained_now = parameters
            self._step_plan = self._make_step_plan()
            self._settled = trainable
        if not self.optimizer.is_built_for(self._trained_now):
            self.optimizer.build(self._trained_now)
        direct = self._parameters_to_step_directly()
        for parameter in direct:
            parameter.keeps_gradient = keep_gradients
        if list(map(id, direct)) != list(map(id, self._direct)) or not settled:
            self._direct = direct
            self.optimizer.leave_out(direct)

    def _parameters_to_step_directly(self) -> list[Parameter]:
        """Return the parameters that plain gradient descent may move as their gradients appear."""
        assert self.optimizer is not None
        assert self._step_plan is not None
        if type(self).train_step is not Steps.train_step or not self.optimizer.descends():
            return []
        shared = {id(p) for step in self._step_plan.steps for p in step.shared}
        for step in self._step_plan.steps:
            if _calls_layers(step.layer):  # within a `call` a layer may be run any number of times
                shared.update(id(p) for p in step.parameters)
        return [
            p
            for p in self._trained_now
            if p.gradient_is_product and p.regularizer is None and id(p) not in shared
        ]

    def _make_step_plan(self) -> Plan:
        objective = self._objective
        assert objective is not None
        graph = self.unrolled_graph()
        if graph is not None:
            return plan_of(graph, views=objective.views)
        inputs = max(1, len(self._inputs.names))
        return Plan.of_one_layer(self, inputs, len(objective.heads), single=inputs == 1)

    def _callbacks(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int | None, history: bool = False
    ) -> CallbackList:
        from minidl.callbacks import CallbackList, History

        if isinstance(callbacks, CallbackList):
            if history and not any(isinstance(c, History) for c in callbacks.callbacks):
                callbacks.append(History())
            callbacks.set_model(self)
            return callbacks
        if verbose not in (0, 1, 2, "auto", True, False):
            raise ValueError(f"Received verbose={verbose!r}, expected 0, 1, 2 or 'auto'.")
        return CallbackList(
            callbacks,
            add_history=history,
            add_progbar=verbose not in (0, False),
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )

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
        if type(self).metrics is not Steps.metrics:  # a subclass's own
            for metric in self.metrics:
                metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the running means of loss and metrics by name."""
        if self._own_logs is not None:
            return {key: _number(value) for key, value in self._own_logs.items()}
        return self._objective.results() if self._objective is not None else {}


def _with_masks(batch: Batch, masks: list[Array | None] | None) -> Batch:
    """Return a batch that knows which time steps of each output count."""
    return batch if masks is None else batch._replace(masks=masks)


def _calls_layers(layer: Any) -> bool:
    """Return whether a layer, or one within, wrote `call` alone."""
    return layer.writes_call_alone or any(map(_calls_layers, layer.sublayers()))


def _number(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value


def _put_back(state: list[tuple[Parameter, Array]]) -> None:
    for parameter, value in state:
        parameter.assign(value)


def as_list(value: Any) -> list[Any]:
    """Return a list or tuple as a list, and anything else as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _first(value: Any) -> Any:
    """Return any one loss of a list or dict, so that its name can be checked early."""
    if isinstance(value, dict) and "class_name" not in value:
        return next(iter(value.values()), None)
    return value[0] if isinstance(value, list | tuple) and value else value
