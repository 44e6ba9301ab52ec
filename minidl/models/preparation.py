"""What stands before a run: data that fits the model, a plan, and an optimizer that fits the plan.

`fit`, `evaluate` and the methods for a single batch all begin here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl._typing import Array
from minidl.models.batches import (
    ArrayBatches,
    as_array,
    is_array_like,
    is_dataset,
    unpack,
)
from minidl.models.feeding import Feeder
from minidl.models.masked_plan import plan_of
from minidl.models.plan import Plan
from minidl.models.steps import Steps
from minidl.models.streams import Batches

if TYPE_CHECKING:
    from minidl.callbacks import CallbackList
    from minidl.layers.parameter import Parameter


class Preparation(Steps):
    """What makes a compiled model ready for its first step, and for the next after a change."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._trained_now: list[Parameter] = []
        self._all_weights: list[Parameter] = []
        self._settled: tuple[bool, ...] | None = None  # what was trainable when last looked

    def _feeder(self, x: Any, class_weight: Any = None) -> Feeder:
        """Return what checks the data; builds the model on it first if need be."""
        if not self.built:
            self._build_on(x)
        return Feeder(f"Model {self.name!r}", self._inputs, self._outputs, class_weight)

    def _build_on(self, x: Any) -> None:
        """Build a model late, from the shape of its first data."""
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
        self._lend_steps(None)  # a Ctrl-C may have kept the last step from ending that
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


def _calls_layers(layer: Any) -> bool:
    """Return whether a layer, or one within, wrote `call` alone."""
    return layer.writes_call_alone or any(map(_calls_layers, layer.sublayers()))
