"""A model as a scikit-learn regressor: numbers in, numbers out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from minidl import config
from minidl._typing import Array
from minidl.wrappers.estimator import Estimator


class SKLearnRegressor(RegressorMixin, Estimator):
    """A regressor for scikit-learn, made of a model.

    Targets of shape (samples,) reach the function `model` and the model as (samples, 1);
    predictions come back in the shape and float type of the targets.

    Arguments:
        model: a compiled `Model`, of which each fit trains a copy with fresh weights; or a
            function that is called as `model(X=X, y=y, **model_kwargs)` and returns one. Only a
            function that has a name in a module can be sent to other processes.
        warm_start: whether a fit goes on with the weights of the one before. A `Model` is then
            trained itself.
        model_kwargs: arguments for the function; a search reaches them as `model_kwargs__units`.
        fit_kwargs: arguments for `Model.fit`, such as `{"epochs": 10}`; a search reaches them as
            `fit_kwargs__epochs`. `verbose` is 0 by default.
        random_state: an integer makes every fit give the same; None follows
            `utils.set_random_seed`.

    Attributes:
        model_: the fitted model.
        history_: the `History` of the last fit.
        n_features_in_: the number of features.

    Raises:
        ValueError: if X and y do not fit each other or hold NaN.
        RuntimeError: if the model is not compiled with a loss.
        TypeError: if `model` is neither a model nor a function that returns one.

    Example:
        >>> from minidl import Input, Sequential, layers, optimizers
        >>> model = Sequential([Input((1,)), layers.Dense(1)])
        >>> model.compile(optimizers.SGD(0.1), "mse")
        >>> regressor = SKLearnRegressor(model, fit_kwargs={"epochs": 200}, random_state=0)
        >>> X = np.linspace(-1, 1, 32).reshape(-1, 1)
        >>> regressor.fit(X, 3 * X[:, 0] + 1).predict([[2.0]]).round(2).tolist()
        [7.0]
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train for one more epoch on these samples, from where the last fit ended.

        Arguments:
            X, y, sample_weight, kwargs: as for `fit`; `epochs` is 1 unless given here.
        """
        return self._fit_on(X, y, sample_weight, kwargs)

    def _learn_targets(self, y: Array) -> Array:
        self._target_ndim = y.ndim
        self._target_dtype = y.dtype if y.dtype.kind == "f" else np.dtype(np.float64)
        return self._targets(y)

    def _targets(self, y: Array) -> Array:
        y = y.astype(config.floatx(), copy=False)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def predict(self, X: Any) -> Array:
        """Return the model's outputs in the shape and float type of the targets."""
        outputs = self._outputs(X).astype(self._target_dtype, copy=False)
        one = self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1
        return outputs[:, 0] if one else outputs
