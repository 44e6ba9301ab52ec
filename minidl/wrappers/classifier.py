"""A model as a scikit-learn classifier: labels of any kind in, labels out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from minidl import activations, losses
from minidl._typing import Array
from minidl.wrappers.estimator import Estimator, loss_of


def _has_probabilities(classifier: SKLearnClassifier) -> bool:
    model = getattr(classifier, "model_", None)
    return model is None or loss_of(model).expects is not None


class SKLearnClassifier(ClassifierMixin, Estimator):
    """A classifier for scikit-learn, made of a model.

    The labels may be anything that can be sorted. The function `model` gets them one-hot, and
    the model what its loss takes: one-hot rows; class numbers for a sparse loss; 0 and 1 for a
    single output. With p the model's outputs as probabilities:

        predict            the class with the largest p
        predict_proba      p, (samples, classes); each row adds up to 1
        decision_function  the outputs as they are; for two classes their difference, (samples,)

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
        classes_: the labels, sorted.
        n_features_in_: the number of features.

    Raises:
        ValueError: if X and y do not fit each other or hold NaN, the labels are numbers of a
            regression or all of one class, or features are missing.
        RuntimeError: if the model is not compiled with a loss.
        TypeError: if `model` is neither a model nor a function that returns one.

    Example:
        >>> from minidl import Input, Sequential, layers
        >>> def build(X, y):
        ...     units = y.shape[1]
        ...     model = Sequential([Input(X.shape[1:]), layers.Dense(units, activation="softmax")])
        ...     model.compile("sgd", "categorical_crossentropy")
        ...     return model
        >>> X, y = np.array([[-1.0], [-2.0], [1.0], [2.0]] * 8), ["no", "no", "yes", "yes"] * 8
        >>> classifier = SKLearnClassifier(build, fit_kwargs={"epochs": 50}, random_state=0)
        >>> classifier.fit(X, y).predict([[-1.5], [1.5]]).tolist()
        ['no', 'yes']
    """

    classes_: Array

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Self:
        """Train for one more epoch on these samples, from where the last fit ended.

        Arguments:
            X, y, sample_weight, kwargs: as for `fit`; `epochs` is 1 unless given here.
            classes: all labels that there will be; by default those in the first `y`.
        """
        if classes is not None and not hasattr(self, "model_"):
            self._announced = np.unique(classes)
        try:
            return self._fit_on(X, y, sample_weight, kwargs)
        finally:
            self.__dict__.pop("_announced", None)

    def _learn_targets(self, y: Array) -> Array:
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"{type(self).__name__} received targets of type {kind!r}, expected one label a "
                "sample: 'binary' or 'multiclass'. For several outputs train the model itself."
            )
        y = column_or_1d(y, warn=True)
        known = getattr(self, "_announced", None)
        classes = np.unique(y) if known is None else known
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} received samples of one class, {classes[0]!r}; expected at "
                "least two classes."
            )
        goes_on = self.warm_start and hasattr(self, "model_")
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{type(self).__name__}: warm_start goes on with a model of the classes "
                f"{self.classes_.tolist()}, but y has the classes {classes.tolist()}."
            )
        self.classes_ = classes
        return self._targets(y)

    def _targets(self, y: Array) -> Array:
        labels = np.searchsorted(self.classes_, np.ravel(y)).clip(max=len(self.classes_) - 1)
        unknown = np.unique(np.ravel(y)[self.classes_[labels] != np.ravel(y)])
        if len(unknown):
            raise ValueError(
                f"{type(self).__name__} received the classes {unknown.tolist()}, which it does not "
                f"know; it was first fitted on {self.classes_.tolist()}. Pass all of them to the "
                "first partial_fit as classes."
            )
        return np.eye(len(self.classes_), dtype=np.float32)[labels]

    def _for_the_model(self, y: Array) -> Array:
        if isinstance(loss_of(self.model_), losses.SparseCategoricalCrossentropy):
            return y.argmax(axis=1)
        outputs = self.model_.output_shape if self.model_.built else None
        return y[:, 1:] if outputs is not None and outputs[-1] == 1 and y.shape[1] == 2 else y

    def _scores(self, X: Any) -> Array:
        """Return a score for each class: the model's outputs, two of them where it has one."""
        scores = self._outputs(X)
        if scores.ndim == 2 and scores.shape[1] == 1 and len(self.classes_) == 2:
            rest = -scores if self._loss.expects != "probabilities" else 1 - scores
            scores = np.concatenate([rest, scores], axis=1)
        if scores.shape[1:] != self.classes_.shape:
            raise ValueError(
                f"{type(self).__name__}: the model's outputs have the shape {scores.shape}, "
                f"expected (samples, {len(self.classes_)}), a column a class."
            )
        return scores

    @property
    def _loss(self) -> Any:
        return loss_of(self.model_)

    def decision_function(self, X: Any) -> Array:
        """Return the model's outputs: a column a class; for two classes their difference."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample."""
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (samples, classes).

        There are none where the loss takes neither probabilities nor logits, such as a hinge.
        """
        scores = self._scores(X).astype(np.float64)
        if self._loss.expects == "logits":
            one_by_one = isinstance(self._loss, losses.BinaryCrossentropy)
            of_one = self.model_.output_shape[-1] == 1
            turn = activations.sigmoid if one_by_one and not of_one else activations.softmax
            # A single logit z stands in the scores as (−z, z), and σ(z) is the softmax of (0, z).
            scores = turn(scores / 2 if of_one else scores)
        return scores / scores.sum(axis=1, keepdims=True)
