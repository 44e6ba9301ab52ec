"""What happens to one batch: the steps of training and evaluation.

train_step:  forward ─► loss and its gradient ─► backward ─► update
test_step:   forward ─► loss
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Array
from minidl.kernels import threads
from minidl.models.batches import Batch
from minidl.models.compiled import Compiled
from minidl.models.plan import Plan

if TYPE_CHECKING:
    from minidl.layers.parameter import Parameter
    from minidl.regularizers import Regularizer


class NonFiniteError(ArithmeticError):
    """The loss became NaN or infinite. The weights are as they were before that batch."""


class Steps(Compiled):
    """The steps for one batch, and what they run on; `preparation.py` settles that."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._regularized: list[tuple[Parameter, Regularizer]] = []
        self._moving: list[Parameter] = []  # state that a forward pass in training changes
        self._direct: list[Parameter] = []  # whose step is taken within their backward pass

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
        try:
            self._lend_steps(float(optimizer.learning_rate) if self._direct else None)
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


def _with_masks(batch: Batch, masks: list[Array | None] | None) -> Batch:
    """Return a batch that knows which time steps of each output count."""
    return batch if masks is None else batch._replace(masks=masks)


def _put_back(state: list[tuple[Parameter, Array]]) -> None:
    for parameter, value in state:
        parameter.assign(value)
