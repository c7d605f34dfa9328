"""scikit-learn's own tests of its networks, run from the installed package on those of this one."""

import importlib.util

import pytest
import sklearn.neural_network

from shallownet import ShallowNetClassifier, ShallowNetRegressor

PRIVATE = "reaches into private attributes of scikit-learn's implementation"
TWO_LAYERS = "needs two hidden layers"
EXCLUDED = {
    "test_fit": PRIVATE,
    "test_gradient": PRIVATE,
    "test_learning_rate_warmstart": PRIVATE,
    "test_adaptive_learning_rate": PRIVATE,
    "test_n_iter_no_change": PRIVATE,
    "test_n_iter_no_change_inf": PRIVATE,
    "test_mlp_classifier_dtypes_casting": TWO_LAYERS,
    "test_mlp_param_dtypes": TWO_LAYERS,
    "test_mlp_regressor_dtypes_casting": TWO_LAYERS,
}


def _theirs():
    """Return their test module with our classes under the names of theirs."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    networks = sklearn.neural_network
    originals = networks.MLPClassifier, networks.MLPRegressor
    networks.MLPClassifier, networks.MLPRegressor = ShallowNetClassifier, ShallowNetRegressor
    try:
        spec.loader.exec_module(module)
    finally:
        networks.MLPClassifier, networks.MLPRegressor = originals
    return module


THEIRS = _theirs()
TESTS = {name: test for name, test in vars(THEIRS).items() if name.startswith("test_")}
# what they test without asking for errors on warnings may warn here, too
pytestmark = pytest.mark.filterwarnings("default")
globals().update({name: test for name, test in TESTS.items() if name not in EXCLUDED})


@pytest.fixture
def global_random_seed():
    """Stand in for the fixture of scikit-learn's conftest."""
    return 42


def test_their_module_uses_our_classes():
    assert THEIRS.MLPClassifier is ShallowNetClassifier
    assert THEIRS.MLPRegressor is ShallowNetRegressor


def test_every_exclusion_still_names_a_test():
    assert set(TESTS) >= set(EXCLUDED)
    assert len(TESTS) - len(EXCLUDED) > 30
