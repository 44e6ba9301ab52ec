"""The callback that watches a run: when each check is made, on what, and how it is reported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.callbacks import Callback, CallbackList
from minidl.doctor import curves, data, signals
from minidl.doctor.findings import Finding

FRONT = 4  # layers at the front among which one may scale the inputs
EXACT_ROWS = 10_000  # more are not evaluated once more


class Doctor(Callback):
    """Watches a run and says what is wrong with it, in one plain sentence a finding.

    It looks at the data before training; at the activations of the first batch of every epoch, in
    a forward pass of its own in inference mode; at the gradients and updates that training's own
    second step left behind; and at the figures of the epochs. Nothing of it changes the run: the
    weights are the same, to the last bit, as without it.

    Arguments:
        verbose: whether to print the report at the end of training.

    Attributes:
        findings: a list of `Finding`s, each of a kind and place once, in the order found.

    Example:
        >>> doctor = Doctor(verbose=0)
        >>> doctor.note([Finding("loss_stays", "loss", "The loss does not go down.")])
        >>> print(doctor.report())
        Training doctor: 1 finding.
          1. The loss does not go down.
    """

    reads_gradients = True

    def __init__(self, verbose: int = 1) -> None:
        self.verbose = verbose
        self._begin()

    def _begin(self) -> None:
        self.findings: list[Finding] = []
        self._losses: list[float] = []
        self._last_logs: dict[str, Any] = {}
        self._before: list[Array] | None = None
        self._dead: dict[str, list[Array]] = {}  # by layer, at the start of the last two epochs
        self._steps = 0
        self._data: Any = None
        self._epoch = 0

    def note(self, findings: Iterable[Finding]) -> None:
        """Keep findings whose kind and place are new."""
        known = {(f.kind, f.where) for f in self.findings}
        for finding in findings:
            if (finding.kind, finding.where) not in known:
                known.add((finding.kind, finding.where))
                self.findings.append(finding)

    def report(self) -> str:
        """Return all findings as text."""
        n = len(self.findings)
        if n == 0:
            return "Training doctor: nothing found."
        lines = [f"  {i}. {finding.message}" for i, finding in enumerate(self.findings, start=1)]
        return "\n".join([f"Training doctor: {n} finding{'s' * (n > 1)}.", *lines])

    # What fit shows

    def see_data(self, train: Any, validation: Any, is_split: bool) -> None:
        """Look at the data before the first epoch.

        Arguments:
            train, validation: the batches of both; validation may be None.
            is_split: whether `validation_split` cut them.
        """
        self._begin()
        self._data = train
        if getattr(train, "x", None) is None or not hasattr(train, "gather"):
            return  # a stream: its first batch is looked at instead
        self._check_inputs(train.x)
        if is_split and train.y is not None and validation.y is not None:
            for head, y, held_out in zip(
                self.model._objective.heads, train.y, validation.y, strict=False
            ):
                self.note(data.check_split(y, held_out, head.name))

    def see_batch(self, step: int, batch: Any) -> None:
        """Look at a batch before it is trained on, and at what the step before left behind."""
        # An attention's biases have two axes; like all that begins at 0, they say nothing.
        kernels = [p for p in self.model.trainable_weights if p.ndim > 1 and p.name != "bias"]
        if self._before is not None:  # the step in between is the one to look at
            named = [(p.path, p.grad) for p in kernels]
            if all(np.isfinite(g).all() for _, g in named):
                self.note(signals.check_gradients(named))
                changes = zip(kernels, self._before, strict=False)
                self.note(signals.check_updates([(p.path, b, p.value) for p, b in changes]))
            self._before = None
        if step == 0:
            if self._steps == 0 and not hasattr(self._data, "gather"):
                self._check_inputs(batch.x)
            self._check_signals(batch)
        if (step == 1 or self._steps == 1) and self._epoch < 2:
            self._before = [p.value.copy() for p in kernels]
        self._steps += 1

    def see_error(self, message: str) -> None:
        """Keep what made the loss infinite or NaN; the message names batch and layer."""
        self.note([Finding("not_finite", "loss", message)])

    # What it makes of it

    def _check_inputs(self, x: list[Array]) -> None:
        plan = self.model._step_plan
        names = list(self.model._inputs.names) or ["x"]
        names = ["x"] if len(x) == 1 else names
        first = [type(step.layer).__name__ for step in plan.steps[:FRONT]]
        self.note(data.check_inputs(x, names, first))

    def _check_signals(self, batch: Any) -> None:
        plan, objective = self.model._step_plan, self.model._objective
        last = set(plan.outputs)
        with np.errstate(all="ignore"):
            ends = {id(step.layer) for step in plan.steps if last & set(step.outputs)}
            for layer, y in signals.layer_outputs(plan, batch.x):
                if isinstance(y, np.ndarray) and y.dtype.kind == "f":
                    self.note(signals.check_activation(layer, y, id(layer) in ends))
                    dead = signals.dead_units(layer, y)
                    if dead is not None:
                        self._dead[layer.name] = [*self._dead.get(layer.name, [])[-1:], dead]
            outputs = plan.forward(batch.x, training=False)[0]
        for head, y in zip(objective.heads, outputs, strict=False):
            if head.logits_loss is None and head.loss is not None and np.isfinite(y).all():
                expects = getattr(head.loss, "expects", None)
                self.note(signals.check_outputs(head.name, expects, y))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the epochs of this run."""
        self._epoch = len(self._losses)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the epoch's figures."""
        logs = logs or {}
        if "loss" in logs:
            self._losses.append(float(logs["loss"]))
        self._last_logs = {k: v for k, v in logs.items() if not k.startswith("val_")}

    def on_train_end(self, logs: Any = None) -> None:
        """Look at what stayed dead, at the curves, and at the finished model's figures."""
        for name, looks in self._dead.items():  # a ReLU that is 0 once may well come back
            self.note(signals.check_dead(name, np.logical_and.reduce(looks)))
        self.note(curves.check_loss(self._losses))
        samples = getattr(self._data, "samples", None) or EXACT_ROWS + 1
        whole = samples <= EXACT_ROWS and not getattr(self._data, "_partial", False)
        shares = [m.name for m in self.model.metrics if m.direction == "up"]
        logged = {k: v for k, v in self._last_logs.items() if k.endswith(tuple(shares))}
        if logged and whole:
            exact = self.model._evaluate(self._data, CallbackList())
            self.note(curves.check_train_metrics(logged, exact))

    def close(self) -> None:
        """Print the report; also where the run ended in an error."""
        if self.verbose and self._data is not None:
            print(self.report())
        self._data = self._before = None
