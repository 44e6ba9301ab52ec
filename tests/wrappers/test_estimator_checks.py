"""scikit-learn's own checks of an estimator, all of them, and fits in other processes."""

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from minidl.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from tests.wrappers import builders

pytestmark = pytest.mark.slow

EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a sample of weight 2 counts as two samples only if both are in one batch, and the loss "
        "is divided by the number of samples and not by the sum of the weights, as Keras does it"
    ),
}

ESTIMATORS = [
    wrapper(build, fit_kwargs={"epochs": 30}, random_state=seed)
    for wrapper, build in (
        (SKLearnClassifier, builders.classifier),
        (SKLearnRegressor, builders.regressor),
        (SKLearnTransformer, builders.regressor),
    )
    for seed in (None, 0)
]


@pytest.mark.filterwarnings("ignore")  # scikit-learn's checks provoke them on purpose
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # joblib forks beside threads
def test_a_grid_search_in_other_processes_finds_what_one_process_finds():
    import numpy as np

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 3
    X[:, 0] += 2 * y
    estimator = SKLearnClassifier(builders.classifier, fit_kwargs={"epochs": 5}, random_state=0)
    grid = {"model_kwargs__units": [2, 8]}
    alone = GridSearchCV(estimator, grid, cv=2).fit(X, y)
    spread = GridSearchCV(estimator, grid, cv=2, n_jobs=2).fit(X, y)  # loky, joblib's own
    scores = "mean_test_score"
    np.testing.assert_array_equal(spread.cv_results_[scores], alone.cv_results_[scores])
