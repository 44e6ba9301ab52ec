"""`evaluate` and `predict`, and the methods for a single batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import config, tracing
from minidl._typing import Array
from minidl.kernels import threads
from minidl.models.batches import ArrayBatches, Batch, check_finite
from minidl.models.compiled import as_list
from minidl.models.preparation import Preparation
from minidl.models.streams import Batches

if TYPE_CHECKING:
    from minidl.callbacks import CallbackList


class Evaluator(Preparation):
    """What a model does with data besides learning from it batch after batch."""

    # Evaluating

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics on data, in inference mode.

        Arguments:
            x, y, batch_size, verbose, sample_weight, callbacks: as in `fit`.
            steps: batches to take from a generator.
            return_dict: whether to return a dict by name rather than a list.

        Returns:
            The loss; or a list of the loss and the metrics; or a dict of them.
        """
        self._require_compiled("evaluate")
        data = self._feeder(x).batches(x, y, sample_weight, batch_size, steps)
        self._prepare_training(data)
        run = self._callbacks(callbacks, verbose, 1, data.expected)
        try:
            logs = self._evaluate(data, run)
        finally:
            threads.governor().rest()
            run.close()
            data.close()
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(self, data: Batches, run: CallbackList) -> dict[str, float]:
        """Return the results on all batches."""
        self.reset_metrics()
        run.on_test_begin()
        for step, batch in enumerate(data.epoch()):
            run.on_test_batch_begin(step)
            self._run_governed("test_step", batch)
            if run.wants_test_batches:
                run.on_test_batch_end(step, self.get_metrics_result())
        logs = self.get_metrics_result()
        run.on_test_end(logs)
        return logs

    # Predicting

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the model's outputs for `x`, in inference mode, batch by batch.

        Arguments:
            x, batch_size, verbose, callbacks: as in `fit`.
            steps: batches to take from a generator.

        Returns:
            An array, or a list or dict of arrays for several outputs.
        """
        if verbose in (0, False) and not callbacks and steps is None:
            outputs = self._predict_at_once(x, batch_size)
            if outputs is not None:
                return self._outputs.packed(outputs)
        data = self._feeder(x).batches(x, None, None, batch_size, steps)
        run = self._callbacks(callbacks, verbose, 1, data.expected)
        results: list[Array] = []
        parts: list[list[Array]] = []
        try:
            run.on_predict_begin()
            for step, batch in enumerate(data.epoch()):
                run.on_predict_batch_begin(step)
                outputs = self._predict_batch(batch.x)
                if data.samples is None:
                    parts.append(outputs)
                else:
                    _store(results, outputs, step, batch, data)
                if run.wants_predict_batches:
                    run.on_predict_batch_end(step, {"outputs": self._outputs.packed(outputs)})
            run.on_predict_end()
        finally:
            run.close()
            data.close()
        if data.samples is None:
            results = [np.concatenate(group) for group in zip(*parts, strict=True)]
        return self._outputs.packed(results)

    def _predict_at_once(self, x: Any, batch_size: int | None) -> list[Array] | None:
        """Return the outputs for one array that makes one batch; None for anything else."""
        limit = 32 if batch_size is None else batch_size
        one_array = isinstance(x, np.ndarray) and x.dtype.kind in "fiub" and x.ndim > 0
        if not (one_array and self.built and isinstance(limit, int) and 0 < len(x) <= limit):
            return None
        tensors = self._inputs.tensors
        if self.unrolled_graph() is None or len(tensors) != 1:
            return None
        if x.shape[1:] == tensors[0].shape[1:] and x.dtype == tensors[0].dtype:
            arrays = [x]
        else:
            arrays = self._inputs.arrays(x, f"Model {self.name!r}")
        if config.check_finite():
            check_finite(x, "x")
        return self._predict_batch(arrays)

    def _predict_batch(self, x: list[Array]) -> list[Array]:
        if self.unrolled_graph() is None:
            inputs = x[0] if len(x) == 1 else x
            with tracing.recording(tracing.Collector()):  # nobody will go backwards
                y = self.forward(inputs, training=False)[0]
            return self._outputs.flatten(y, self.name) if self._outputs.names else as_list(y)
        plan = self._plan()
        governor = threads.governor()
        key = id(plan), len(x[0])
        began = governor.begin(key)
        try:
            outputs = plan.predict(x)
            governor.end(key, began)
        finally:
            governor.rest()
        return outputs

    # Single batches

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch and return its loss and metrics."""
        self._require_compiled("train_on_batch")
        self.reset_metrics()
        batch = self._single_batch(x, y, sample_weight, class_weight)
        self._settle()
        try:
            self._run_governed("train_step", batch)
        finally:
            threads.governor().rest()
        return self._batch_results(return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluate one batch and return its loss and metrics."""
        self._require_compiled("test_on_batch")
        self.reset_metrics()
        batch = self._single_batch(x, y, sample_weight, None)
        self._settle()
        try:
            self._run_governed("test_step", batch)
        finally:
            threads.governor().rest()
        return self._batch_results(return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs for one batch."""
        feeder = self._feeder(x)
        return self._outputs.packed(self._predict_batch(feeder.batch((x,), 0).x))

    def _single_batch(self, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
        feeder = self._feeder(x, class_weight)
        if self._objective is None:
            self._make_objective(max(1, len(self._outputs.names)))
        batch = feeder.batch((x, y, sample_weight), 0)
        self._check_targets(batch.y, batch.size)
        return batch

    def _batch_results(self, return_dict: bool) -> Any:
        logs = self.get_metrics_result()
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values


def _store(
    results: list[Array], outputs: list[Array], step: int, batch: Batch, data: Batches
) -> None:
    """Copy one batch's outputs to their place in arrays for all samples."""
    assert isinstance(data, ArrayBatches)
    if not results:
        rows = min(data.samples, (data.steps or 0) * data.batch_size)
        results.extend(np.empty((rows, *y.shape[1:]), y.dtype) for y in outputs)
    start = step * data.batch_size
    for result, y in zip(results, outputs, strict=True):
        result[start : start + batch.size] = y
