"""scikit-learn's own checks of what an estimator must do."""

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from shallownet import ShallowNetClassifier, ShallowNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ADAM = {"hidden_layer_sizes": 10, "max_iter": 100}
SGD = {"hidden_layer_sizes": 8, "activation": "tanh", "solver": "sgd", "learning_rate_init": 0.3, "max_iter": 60}
SMALL_BATCHES = {"hidden_layer_sizes": 10, "max_iter": 100, "batch_size": 8}
# by default neither this one nor MLPRegressor learns in 100 epochs what check_regressors_train asks for
FASTER = {"learning_rate_init": 0.02}

BATCHES_DIFFER = "a row of weight 2 is in one batch, but its two copies may be in two"
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": BATCHES_DIFFER,
    "check_sample_weight_equivalence_on_sparse_data": BATCHES_DIFFER,
}


def expected_to_fail(estimator):
    return EXPECTED_TO_FAIL if estimator.batch_size == SMALL_BATCHES["batch_size"] else {}


@parametrize_with_checks(
    [
        *(ShallowNetClassifier(**parameters) for parameters in (ADAM, SGD, SMALL_BATCHES)),
        *(ShallowNetRegressor(**parameters | FASTER) for parameters in (ADAM, SMALL_BATCHES)),
    ],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("peer", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", EXPECTED_TO_FAIL)
def test_scikit_learns_networks_fail_the_checks_expected_to_fail(name, peer):
    check = getattr(estimator_checks, name)
    with pytest.raises(AssertionError, match="fitting with `sample_weight` is not equivalent"):
        check(peer.__name__, peer(**SMALL_BATCHES))


def test_mlp_regressor_fails_one_check_at_its_default_rate():
    with pytest.raises(AssertionError):
        estimator_checks.check_regressors_train("MLPRegressor", MLPRegressor(**ADAM))
