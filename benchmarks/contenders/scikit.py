"""scikit-learn's `MLPClassifier`.

It does a little more than the others in each step, which cannot be switched off: it computes the
loss, and the sum of squares of the weights for a penalty whose factor is 0 here. SGD goes through
`fit` with `warm_start`, Adam through `partial_fit`, which alone keeps the moments between calls.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class ScikitLearn(Contender):
    """`MLPClassifier` with the task's weights in `coefs_` and `intercepts_`."""

    requires = ("sklearn",)
    distributions = ("scikit-learn", "numpy", "scipy")

    def prepare(self) -> None:
        """Let the classifier make its arrays, then put the task's weights into them."""
        from sklearn.neural_network import MLPClassifier

        task = self.task
        self.x = task.x.astype(self.dtype)
        self.classes = np.arange(max(2, task.sizes[-1]))
        self.model = MLPClassifier(
            hidden_layer_sizes=task.sizes[1:-1],
            activation={"relu": "relu", "sigmoid": "logistic"}[task.hidden],
            solver=task.optimizer,
            alpha=0.0,
            batch_size=task.batch_size,
            learning_rate_init=task.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=1e-7,
            shuffle=False,
            warm_start=True,
            n_iter_no_change=10**9,
        )
        # A first call makes the arrays. It sees every class once and leaves no trace behind.
        rows = np.zeros((len(self.classes), task.sizes[0]), self.dtype)
        self._quietly(self.model.partial_fit, rows, self.classes, classes=self.classes)
        for coefs, kernel in zip(self.model.coefs_, task.kernels, strict=True):
            coefs[:] = kernel
        for intercepts, bias in zip(self.model.intercepts_, task.biases, strict=True):
            intercepts[:] = bias
        del self.model._optimizer

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        x, y = self.x[:rows], self.task.labels[:rows]
        if self.task.optimizer == "sgd":
            self.model.max_iter = epochs
            self._quietly(self.model.fit, x, y)
            return
        for _ in range(epochs):
            self._quietly(self.model.partial_fit, x, y)

    def predict(self, x: Array) -> Array:
        """Return the probability of every class, or of class 1 of two."""
        probabilities = self.model.predict_proba(x)
        return probabilities[:, 1:] if self.task.output == "sigmoid" else probabilities

    def _quietly(self, method: Any, *arguments: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged, which is not asked
            method(*arguments, **options)
