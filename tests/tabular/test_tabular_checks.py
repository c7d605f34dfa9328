"""scikit-learn's own checks of what an estimator must do, on the estimators for tables."""

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from shallownet import TabularNetClassifier, TabularNetRegressor

SMALL = {"hidden_layer_sizes": 32, "max_iter": 30, "n_jobs": 1}
ROWS_DIFFER = "a row of weight 2 is in one batch and one part of the rows, but its two copies may be in two"
EXPECTED_TO_FAIL = {"check_sample_weight_equivalence_on_dense_data": ROWS_DIFFER}


@parametrize_with_checks(
    [TabularNetClassifier(**SMALL), TabularNetRegressor(**SMALL)],
    expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.long
@parametrize_with_checks(
    [TabularNetClassifier(), TabularNetClassifier(4, n_jobs=2), TabularNetRegressor(4)],
    expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL,
)
def test_scikit_learn_check_by_default(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", EXPECTED_TO_FAIL)
def test_an_estimator_that_draws_rows_fails_the_check_expected_to_fail(name):
    with pytest.raises(AssertionError, match="fitting with `sample_weight` is not equivalent"):
        getattr(estimator_checks, name)("RandomForestClassifier", RandomForestClassifier(5))
