"""A model as a scikit-learn transformer: its outputs are features for the next step."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from minidl import config
from minidl._typing import Array
from minidl.wrappers.estimator import Estimator


class SKLearnTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """A transformer for scikit-learn, made of a model: `transform` returns the model's outputs.

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
        >>> import numpy as np
        >>> from minidl import Input, Sequential, layers
        >>> model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(3)])
        >>> model.compile("adam", "mse")
        >>> X = np.eye(3)
        >>> SKLearnTransformer(model, random_state=0).fit(X).transform(X).shape
        (3, 3)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Fit a model made for the occasion.

        Arguments:
            X: (samples, features), or (samples, ...) as the model takes them.
            y: what the model shall give; X itself by default, which makes it an autoencoder.
            sample_weight: (samples,); a sample of weight zero is left out.
            kwargs: arguments of `Model.fit`; they precede those in `fit_kwargs`.
        """
        return super().fit(X, X if y is None else y, sample_weight, **kwargs)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train for one more epoch on these samples, from where the last fit ended.

        Arguments:
            X, y, sample_weight, kwargs: as for `fit`; `epochs` is 1 unless given here.
        """
        return self._fit_on(X, X if y is None else y, sample_weight, kwargs)

    def _learn_targets(self, y: Array) -> Array:
        return self._targets(y)

    def _targets(self, y: Array) -> Array:
        y = y.astype(config.floatx(), copy=False)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def transform(self, X: Any) -> Array:
        """Return the model's outputs for X."""
        return self._outputs(X)

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.output_shape[-1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
