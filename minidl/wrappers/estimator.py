"""What the three wrappers share: how a model is made for a fit, and how it is fitted.

    estimator.fit(X, y) ─► checks ─► targets(y) ─► model for this fit ─► model.fit ─► model_

What the user gave (`model`, `model_kwargs`, ...) is never changed; what a fit makes ends in `_`.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from minidl import losses, random
from minidl._typing import Array
from minidl.losses import Loss
from minidl.models import Model, clone_model

_NESTED = ("model_kwargs", "fit_kwargs")


class Estimator(BaseEstimator):
    """A model as a scikit-learn estimator: the base of the classifier, regressor and transformer.

    A subclass says what the model's targets are (`_targets`) and what its outputs mean.
    """

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments; what is in `model_kwargs` and `fit_kwargs` too.

        Arguments:
            deep: whether `model_kwargs={"units": 8}` is also `model_kwargs__units`.
        """
        params = super().get_params(deep=False)
        if deep:
            for owner in _NESTED:
                inner = params[owner] if isinstance(params[owner], dict) else {}
                params.update({f"{owner}__{name}": value for name, value in inner.items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments; `model_kwargs__units=8` sets one entry of `model_kwargs`."""
        plain, nested = {}, {}
        for name, value in params.items():
            owner, divider, inner = name.partition("__")
            if divider and owner in _NESTED:
                nested[owner, inner] = value
            else:
                plain[name] = value
        super().set_params(**plain)
        for (owner, inner), value in nested.items():
            setattr(self, owner, {**(getattr(self, owner) or {}), inner: value})
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    # Fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Fit a model made for the occasion.

        Arguments:
            X: (samples, features), or (samples, ...) as the model takes them.
            y: (samples,) or (samples, outputs).
            sample_weight: (samples,); a sample of weight zero is left out.
            kwargs: arguments of `Model.fit`; they precede those in `fit_kwargs`.
        """
        with self._seeded():
            X, y, weights = self._check(X, y, sample_weight, reset=True)
            y = self._learn_targets(y)
            if not (self.warm_start and hasattr(self, "model_")):
                self.model_ = self._make_model(X, y)
            self._train(X, y, weights, {**(self.fit_kwargs or {}), **kwargs})
        return self

    def _fit_on(self, X: Any, y: Any, sample_weight: Any, kwargs: dict[str, Any]) -> Self:
        """Train for one more epoch: what `partial_fit` does in the subclasses."""
        first = not hasattr(self, "model_")
        with self._seeded() if first else contextlib.nullcontext():
            X, y, weights = self._check(X, y, sample_weight, reset=first)
            y = self._learn_targets(y) if first else self._targets(y)
            if first:
                self.model_ = self._make_model(X, y)
            self._train(X, y, weights, {**(self.fit_kwargs or {}), "epochs": 1, **kwargs})
        return self

    def _seeded(self) -> Any:
        """Return a block in which everything random follows `random_state`."""
        if self.random_state is None:
            return contextlib.nullcontext()
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return random.planted(int(seed))

    def _check(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Any]:
        """Return checked arrays without the samples whose weight is zero."""
        X, y = validate_data(self, X, y, reset=reset, allow_nd=True, multi_output=True)
        if sample_weight is None:
            return X, y, None
        if not np.asarray(sample_weight).any():
            raise ValueError(
                f"{type(self).__name__}: all of sample_weight is zero, so there is nothing to "
                "learn from; expected a positive number for at least one sample."
            )
        weights = _check_sample_weight(sample_weight, X)
        counts = weights != 0
        return (X, y, weights) if counts.all() else (X[counts], y[counts], weights[counts])

    def _train(self, X: Array, y: Array, weights: Any, arguments: dict[str, Any]) -> None:
        arguments = {"verbose": 0, **arguments}
        y = self._for_the_model(y)
        self.history_ = self.model_.fit(X, y, sample_weight=weights, **arguments)

    def _make_model(self, X: Array, y: Array) -> Model:
        """Return the model for a fit: what the function builds, or a fresh copy of the instance."""
        if isinstance(self.model, Model):
            if self.warm_start:
                return _compiled(self.model)
            return fresh_copy(_compiled(self.model))
        if not callable(self.model):
            raise TypeError(
                f"{type(self).__name__} received {type(self.model).__name__} as model, expected a "
                "compiled Model, or a function of X and y that returns one."
            )
        made = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not isinstance(made, Model):
            raise TypeError(
                f"{type(self).__name__}: model(X, y) returned {type(made).__name__}, expected a "
                "compiled Model. Look for a missing return."
            )
        return _compiled(made)

    # What a subclass says

    def _learn_targets(self, y: Array) -> Array:
        """Take note of what the targets are like, and return them as `_targets` does."""
        raise NotImplementedError

    def _targets(self, y: Array) -> Array:
        """Return the targets in two axes, as the function `model` gets them."""
        raise NotImplementedError

    def _for_the_model(self, y: Array) -> Array:
        """Return the targets in the form that the model's loss takes."""
        return y

    # Predicting

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, allow_nd=True)
        return np.asarray(self.model_.predict(X, verbose=0))

    @property
    def epoch_(self) -> int:
        """The number of epochs of the last fit."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0


def loss_of(model: Model) -> Loss:
    """Return the loss that a model with one output was compiled with."""
    assert model._compile_arguments is not None
    given = model._compile_arguments["loss"]
    if isinstance(given, dict) and "class_name" not in given:
        given = next(iter(given.values()))
    loss = losses.get(given[0] if isinstance(given, list | tuple) else given)
    assert loss is not None
    return loss


def _compiled(model: Model) -> Model:
    if model._compile_arguments is None or model._compile_arguments["loss"] is None:
        raise RuntimeError(
            f"Model {model.name!r} is not compiled with a loss, so it cannot be fitted. Call "
            "model.compile(optimizer='adam', loss=...) before it is wrapped or returned."
        )
    return model


def fresh_copy(model: Model) -> Model:
    """Return a model of the same layers and the same compilation, with weights of its own.

    Raises:
        TypeError: if the model's class does not tell how to make it again.
    """
    try:
        new = clone_model(model)
    except (NotImplementedError, TypeError) as error:
        raise TypeError(
            f"Model {model.name!r} ({type(model).__name__}) cannot be made again from its "
            f"configuration: {error}. Wrap a function that builds and compiles it instead: "
            "SKLearnClassifier(model=build)."
        ) from error
    arguments = model.get_compile_config()
    optimizer = arguments.pop("optimizer")
    fresh = type(optimizer).from_config(optimizer.get_config())
    new.compile(fresh, **copy.deepcopy(arguments))
    return new
