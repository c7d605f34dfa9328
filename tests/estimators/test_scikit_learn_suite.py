"""scikit-learn's own tests of MLPClassifier, run from the installed package on ShallowNetClassifier."""

import importlib.util

import pytest
import sklearn.neural_network

from shallownet import ShallowNetClassifier

PRIVATE = "reaches into private attributes of MLPClassifier's implementation"
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
    "test_mlp_vs_poisson_glm_equivalent": "tests the regressor, with a fixture of scikit-learn's conftest",
}


def _theirs():
    """Return their test module with our class under the name of MLPClassifier."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    original = sklearn.neural_network.MLPClassifier
    sklearn.neural_network.MLPClassifier = ShallowNetClassifier
    try:
        spec.loader.exec_module(module)
    finally:
        sklearn.neural_network.MLPClassifier = original
    return module


THEIRS = _theirs()
TESTS = {name: test for name, test in vars(THEIRS).items() if name.startswith("test_")}
# what they test without asking for errors on warnings may warn here, too
pytestmark = pytest.mark.filterwarnings("default")
globals().update({name: test for name, test in TESTS.items() if name not in EXCLUDED})


def test_their_module_uses_our_class():
    assert THEIRS.MLPClassifier is ShallowNetClassifier


def test_every_exclusion_still_names_a_test():
    assert set(TESTS) >= set(EXCLUDED)
    assert len(TESTS) - len(EXCLUDED) > 30
