"""scikit-learn's own checks of what an estimator must do."""

import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ADAM = {"hidden_layer_sizes": 10, "max_iter": 100}
SGD = {"hidden_layer_sizes": 8, "activation": "tanh", "solver": "sgd", "learning_rate_init": 0.3, "max_iter": 60}
SMALL_BATCHES = {"hidden_layer_sizes": 10, "max_iter": 100, "batch_size": 8}

BATCHES_DIFFER = "a row of weight 2 is in one batch, but its two copies may be in two"
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": BATCHES_DIFFER,
    "check_sample_weight_equivalence_on_sparse_data": BATCHES_DIFFER,
}


def expected_to_fail(estimator):
    return EXPECTED_TO_FAIL if estimator.batch_size == SMALL_BATCHES["batch_size"] else {}


@parametrize_with_checks(
    [ShallowNetClassifier(**parameters) for parameters in (ADAM, SGD, SMALL_BATCHES)],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", EXPECTED_TO_FAIL)
def test_mlp_classifier_fails_the_checks_expected_to_fail(name):
    check = getattr(estimator_checks, name)
    with pytest.raises(AssertionError, match="fitting with `sample_weight` is not equivalent"):
        check("MLPClassifier", MLPClassifier(**SMALL_BATCHES))
