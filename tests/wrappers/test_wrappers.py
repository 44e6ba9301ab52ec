"""The scikit-learn wrappers in scikit-learn's own tools, and what they refuse."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minidl
from minidl import Input, Model, Sequential, layers, optimizers
from minidl.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from tests.wrappers import builders


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(m, 0.5, size=(20, 2)) for m in (-2, 0, 2)])
    return X, np.repeat(["low", "middle", "high"], 20)


@pytest.fixture
def two(blobs):
    X, y = blobs
    return X[:40], y[:40]


def classifier(**changes):
    return SKLearnClassifier(
        builders.classifier,
        **{"fit_kwargs": {"epochs": 30, "batch_size": 16}, "random_state": 0, **changes},
    )


def compiled(units, activation, loss, features=2):
    model = Sequential([Input((features,)), layers.Dense(units, activation=activation)])
    model.compile(optimizers.Adam(0.1), loss)
    return model


def test_in_a_pipeline_with_cross_validation(blobs):
    scores = cross_val_score(make_pipeline(StandardScaler(), classifier()), *blobs, cv=3)
    assert scores.min() > 0.8


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_a_grid_search_finds_the_better_settings_on_any_backend(blobs, backend):
    import joblib

    grid = {"fit_kwargs__epochs": [1, 30], "model_kwargs__learning_rate": [1e-6, 0.03]}
    search = GridSearchCV(classifier(), grid, cv=2, error_score="raise")
    with joblib.parallel_backend(backend, n_jobs=2):
        search.fit(*blobs)
    best = {"fit_kwargs__epochs": 30, "model_kwargs__learning_rate": 0.03}
    assert search.best_params_ == best
    assert search.best_estimator_.epoch_ == 30
    assert search.score(*blobs) > 0.8


def test_fits_side_by_side_in_threads_give_what_they_give_alone(blobs):
    from concurrent.futures import ThreadPoolExecutor

    def weights(seed):
        fitted = classifier(random_state=seed, fit_kwargs={"epochs": 3}).fit(*blobs)
        return np.concatenate([w.ravel() for w in fitted.model_.get_weights()])

    alone = [weights(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(weights, range(4)))
    np.testing.assert_array_equal(together, alone)
    assert len({w.tobytes() for w in alone}) == 4


def test_a_clone_keeps_every_argument_and_is_not_fitted(blobs):
    fitted = classifier(model_kwargs={"units": 3}, warm_start=True).fit(*blobs)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert copy.get_params()["model_kwargs__units"] == 3
    with pytest.raises(NotFittedError):
        copy.predict(blobs[0])


def test_a_fitted_estimator_travels_as_bytes(blobs):
    fitted = classifier().fit(*blobs)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(blobs[0]), fitted.predict_proba(blobs[0]))


def test_fitting_leaves_the_arguments_as_they_are(blobs):
    arguments = {"epochs": 2}
    model = compiled(3, "softmax", "categorical_crossentropy")
    before = model.get_weights()
    estimator = SKLearnClassifier(model, fit_kwargs=arguments)
    estimator.fit(*blobs, epochs=1)
    assert arguments == {"epochs": 2}
    assert estimator.epoch_ == 1
    for was, weights in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, was)


@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [
        (2, "softmax", "categorical_crossentropy"),
        (2, "softmax", "sparse_categorical_crossentropy"),
        (2, "sigmoid", "binary_crossentropy"),
        (1, "sigmoid", "binary_crossentropy"),
        (2, None, minidl.losses.CategoricalCrossentropy(from_logits=True)),
        (2, None, minidl.losses.BinaryCrossentropy(from_logits=True)),
        (1, None, minidl.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_whatever_the_loss_takes_the_three_answers_agree(two, units, activation, loss):
    X, y = two
    fitted = SKLearnClassifier(compiled(units, activation, loss), random_state=0)
    fitted.fit(X, y, epochs=30)
    probabilities = fitted.predict_proba(X)
    assert fitted.score(X, y) > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    expected = fitted.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(X), expected)
    scores = fitted.decision_function(X)
    assert scores.shape == (40,)
    np.testing.assert_array_equal(scores > 0, probabilities[:, 1] > 0.5)


def test_the_probability_of_a_single_logit_is_its_sigmoid(two):
    loss = minidl.losses.BinaryCrossentropy(from_logits=True)
    fitted = SKLearnClassifier(compiled(1, None, loss), random_state=0).fit(*two)
    logits = fitted.model_.predict(two[0], verbose=0)[:, 0].astype(float)
    np.testing.assert_allclose(fitted.predict_proba(two[0])[:, 1], 1 / (1 + np.exp(-logits)))


def test_a_hinge_has_no_probabilities(two):
    fitted = SKLearnClassifier(compiled(2, None, "categorical_hinge"), random_state=0)
    fitted.fit(*two, epochs=20)
    assert fitted.score(*two) > 0.9
    assert not hasattr(fitted, "predict_proba")


def test_warm_start_goes_on_and_a_plain_fit_begins_anew(blobs):
    model = compiled(3, "softmax", "categorical_crossentropy")
    warm = SKLearnClassifier(model, warm_start=True, random_state=0).fit(*blobs)
    assert warm.model_ is model
    first = warm.history_.history["loss"][0]
    assert warm.fit(*blobs).model_ is model
    assert warm.history_.history["loss"][0] < first
    cold = classifier().fit(*blobs)
    once = cold.model_.get_weights()
    for a, b in zip(cold.fit(*blobs).model_.get_weights(), once, strict=True):
        np.testing.assert_array_equal(a, b)


def test_partial_fit_learns_class_by_class(blobs):
    X, y = blobs
    estimator = classifier(fit_kwargs=None)
    estimator.partial_fit(X[:20], y[:20], classes=["low", "middle", "high"])
    for _ in range(30):
        estimator.partial_fit(X, y)
    assert estimator.score(X, y) > 0.8
    with pytest.raises(ValueError, match=r"classes \['new'\], which it does not know"):
        estimator.partial_fit(X[:1], ["new"])


def test_a_sample_of_weight_zero_is_as_if_it_were_not_there(blobs):
    X, y = blobs
    weights = np.where(np.arange(60) % 3 == 0, 0.0, 1.0)
    kept = weights > 0
    whole = classifier().fit(X, y, sample_weight=weights)
    part = classifier().fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(whole.predict_proba(X), part.predict_proba(X))


def test_a_regressor_answers_in_the_shape_and_type_of_its_targets():
    X = np.linspace(-1, 1, 40).reshape(-1, 1)
    estimator = SKLearnRegressor(builders.regressor, random_state=0, fit_kwargs={"epochs": 60})
    assert estimator.fit(X, X[:, 0] ** 2).predict(X).shape == (40,)
    assert estimator.predict(X).dtype == np.float64
    assert estimator.score(X, X[:, 0] ** 2) > 0.8
    both = np.hstack([X, 2 * X]).astype(np.float32)
    assert estimator.fit(X, both).predict(X).shape == (40, 2)
    assert estimator.predict(X).dtype == np.float32


def test_a_transformer_without_targets_is_an_autoencoder(blobs):
    X = blobs[0]
    estimator = SKLearnTransformer(builders.regressor, random_state=0, fit_kwargs={"epochs": 60})
    rebuilt = estimator.fit_transform(X)
    assert np.square(rebuilt - X).mean() < 0.1 * np.square(X).mean()
    assert estimator.get_feature_names_out().tolist() == [
        "sklearntransformer0",
        "sklearntransformer1",
    ]


def test_images_keep_their_axes():
    X = np.zeros((8, 4, 4, 1))
    X[::2] = 1.0
    fitted = SKLearnClassifier(builders.on_images, random_state=0, fit_kwargs={"epochs": 20})
    assert fitted.fit(X, np.arange(8) % 2).score(X, np.arange(8) % 2) == 1.0


def test_a_model_of_own_layers_is_made_anew(two):
    x = Input((2,))
    model = Model(x, layers.Dense(2, activation="softmax")(builders.Doubled()(x)))
    model.compile("adam", "categorical_crossentropy")
    fitted = SKLearnClassifier(model, random_state=0).fit(*two)
    assert type(fitted.model_.layers[1]) is builders.Doubled
    assert not set(fitted.model_.layers) & set(model.layers)


# What is refused


def uncompiled(X, y):
    return Sequential([Input((2,)), layers.Dense(3)])


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (uncompiled, RuntimeError, "is not compiled with a loss"),
        (lambda X, y: None, TypeError, r"model\(X, y\) returned NoneType.*missing return"),
        ("a name", TypeError, "received str as model, expected a compiled Model, or a function"),
        (builders.Subclassed(), RuntimeError, "is not compiled"),
    ],
)
def test_a_model_that_cannot_be_fitted(blobs, model, error, message):
    with pytest.raises(error, match=message):
        SKLearnClassifier(model).fit(*blobs)


def test_a_subclass_that_does_not_tell_its_arguments(blobs):
    model = builders.Subclassed()
    model.compile("adam", "categorical_crossentropy")
    with pytest.raises(TypeError, match=r"cannot be made again.*Wrap a function that builds"):
        SKLearnClassifier(model).fit(*blobs)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["one"] * 60, "samples of one class, .*'one'.*at least two classes"),
        (np.linspace(0, 1, 60), "Unknown label type: continuous"),
        (np.eye(3)[np.arange(60) % 3].astype(int), "type 'multilabel-indicator'"),
    ],
)
def test_targets_that_are_no_classes(blobs, y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(blobs[0], y)


def test_weights_that_are_all_zero(blobs):
    with pytest.raises(ValueError, match="all of sample_weight is zero"):
        classifier().fit(*blobs, sample_weight=np.zeros(60))


def test_a_model_with_too_few_outputs(blobs):
    loss = "sparse_categorical_crossentropy"
    estimator = SKLearnClassifier(compiled(4, "softmax", loss)).fit(*blobs)
    with pytest.raises(
        ValueError, match=r"outputs have the shape \(60, 4\), expected \(samples, 3"
    ):
        estimator.predict(blobs[0])


def test_warm_start_on_other_classes(two, blobs):
    estimator = classifier(warm_start=True).fit(*blobs)
    with pytest.raises(ValueError, match="warm_start goes on with a model of the classes"):
        estimator.fit(*two)


def test_an_argument_that_does_not_exist():
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        classifier().set_params(units=3)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[sklearn\]"'):
        _ = minidl.wrappers.SKLearnClassifier
    with pytest.raises(AttributeError, match="no attribute 'SKLearn'"):
        _ = minidl.wrappers.SKLearn
