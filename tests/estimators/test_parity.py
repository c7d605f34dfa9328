"""In float64 the results are those of scikit-learn's MLPClassifier for the same seed."""

from functools import lru_cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import datasets
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import REGISTRY

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LOADERS = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
}
EVEN_BATCHES = {"digits": 599, "iris": 50, "wine": 89, "breast_cancer": 569}  # 569 is a prime
UNEVEN_BATCHES = {"digits": 200, "iris": 64, "wine": 50, "breast_cancer": 120}

ACTIVATIONS = [row.name for row in REGISTRY if row.mlp_name == row.name]
SOLVERS = {"adam": {"solver": "adam", "learning_rate_init": 0.01}}
for schedule, settings in {
    "constant": {"learning_rate_init": 0.1},
    "invscaling": {"learning_rate_init": 0.5, "power_t": 0.25},
    "adaptive": {"learning_rate_init": 0.1, "tol": 0.05, "n_iter_no_change": 1},
}.items():
    for nesterov in (True, False):
        SOLVERS[f"{schedule}-{'nesterov' if nesterov else 'momentum'}"] = {
            "solver": "sgd",
            "learning_rate": schedule,
            "nesterovs_momentum": nesterov,
            **settings,
        }


@lru_cache
def load(name):
    X, y = LOADERS[name](return_X_y=True)
    return StandardScaler().fit_transform(X), y


def weights_of(y):
    """Return uneven weights, some of them 0, that leave no batch without weight."""
    weights = np.random.RandomState(5).uniform(0.2, 3.0, len(y))
    weights[::7] = 0.0
    return weights


def fit_both(X, y, sample_weight=None, **parameters):
    return [
        estimator(**parameters).fit(X, y, sample_weight=sample_weight)
        for estimator in (MLPClassifier, ShallowNetClassifier)
    ]


def assert_same_model(expected, actual, X):
    assert actual.n_iter_ == expected.n_iter_
    assert actual.t_ == expected.t_
    assert_allclose(actual.loss_curve_, expected.loss_curve_, rtol=1e-6)
    assert_allclose(actual.loss_, expected.loss_, rtol=1e-6)
    assert_allclose(actual.best_loss_, expected.best_loss_, rtol=1e-6)
    for ours, theirs in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert_allclose(actual.predict_proba(X), expected.predict_proba(X), rtol=1e-5, atol=1e-5)


def cases():
    """Yield every activation, solver and data set together, with one of the eight settings of the other options.

    Each activation, each solver and each data set meets all eight.
    """
    for a, activation in enumerate(ACTIVATIONS):
        for s, solver in enumerate(SOLVERS):
            for d, data in enumerate(LOADERS):
                options = (2 * a + 3 * s + 5 * d) % 8
                yield activation, solver, data, bool(options & 1), bool(options & 2), bool(options & 4)


def case_id(case):
    activation, solver, data, shuffle, weighted, even = case
    words = [activation, solver, data]
    words += [word for word, on in (("shuffled", shuffle), ("weighted", weighted), ("even", even)) if on]
    return "-".join(words)


@pytest.mark.parametrize("case", list(cases()), ids=case_id)
def test_twenty_epochs(case):
    activation, solver, data, shuffle, weighted, even = case
    X, y = load(data)
    expected, actual = fit_both(
        X,
        y,
        weights_of(y) if weighted else None,
        hidden_layer_sizes=(17,),
        activation=activation,
        batch_size=(EVEN_BATCHES if even else UNEVEN_BATCHES)[data],
        shuffle=shuffle,
        random_state=3,
        max_iter=20,
        **{"n_iter_no_change": 20, **SOLVERS[solver]},
    )
    assert expected.n_iter_ == 20
    assert_same_model(expected, actual, X)


def test_cases_pair_all_options():
    met = {
        (first, option)
        for *firsts, shuffle, weighted, even in cases()
        for first in firsts
        for option in [(shuffle, weighted, even)]
    }
    assert len(met) == 8 * (len(ACTIVATIONS) + len(SOLVERS) + len(LOADERS))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"alpha": 0.0},
        {"alpha": 3.0},
        {"batch_size": 1, "max_iter": 2},
        {"beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-3},
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1},
        {"solver": "sgd", "momentum": 1.0, "learning_rate_init": 0.01},
        {"solver": "sgd", "momentum": 0.5, "alpha": 2.0, "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.0, "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 1.0, "learning_rate_init": 10.0},
        {"hidden_layer_sizes": 1},
        {"hidden_layer_sizes": (130,)},
    ],
    ids=str,
)
@pytest.mark.parametrize("data", ["wine", "breast_cancer"])
def test_other_parameters(data, parameters):
    X, y = load(data)
    assert_same_model(*fit_both(X, y, **{"max_iter": 20, "random_state": 0, **parameters}), X)


@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("data", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_stop_in_the_same_epoch(solver, data, shuffle):
    X, y = load(data)
    parameters = {**SOLVERS[solver], "tol": 2e-3, "n_iter_no_change": 4}
    expected, actual = fit_both(
        X, y, hidden_layer_sizes=(12,), shuffle=shuffle, batch_size=64, random_state=1, **parameters
    )
    assert 5 < expected.n_iter_ < 200, "the rule must decide"
    assert_same_model(expected, actual, X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_adaptive_rate_falls_several_times(activation, capsys):
    X, y = load("breast_cancer")
    expected, actual = fit_both(
        X,
        y,
        activation=activation,
        hidden_layer_sizes=(10,),
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.5,
        tol=1e-3,
        n_iter_no_change=3,
        random_state=0,
        verbose=True,
    )
    assert capsys.readouterr().out.count("Setting learning rate to") >= 2 * 5
    assert expected.n_iter_ < 200
    assert_same_model(expected, actual, X)


@pytest.mark.parametrize("solver", ["adam", "constant-nesterov", "invscaling-momentum"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("data", LOADERS)
def test_final_loss_in_float32(data, activation, solver):
    X, y = load(data)
    parameters = {
        "hidden_layer_sizes": 20,
        "activation": activation,
        "max_iter": 30,
        "random_state": 0,
        **SOLVERS[solver],
    }
    expected = MLPClassifier(**parameters).fit(X, y)
    actual = ShallowNetClassifier(**parameters).fit(X.astype(np.float32), y)
    assert actual.coefs_[0].dtype == np.float32
    assert_allclose(actual.loss_, expected.loss_, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("data", ["iris", "breast_cancer"])
def test_first_weights(data, activation, dtype):
    X, y = load(data)
    expected, actual = fit_both(
        X.astype(dtype),
        y,
        activation=activation,
        hidden_layer_sizes=(9,),
        solver="sgd",
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=8,
    )
    for ours, theirs in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype == dtype


@pytest.mark.parametrize("max_iter", [3, 100], ids="max_iter={}".format)  # numbers of draws for NumPy and for kernels
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 33}, {"early_stopping": True, "n_iter_no_change": 100}], ids=str
)
def test_random_state_is_drawn_from_alike(options, shuffle, max_iter):
    X, y = load("iris")
    models, after = [], []
    for estimator in (MLPClassifier, ShallowNetClassifier):
        random_state = np.random.RandomState(0)
        random_state.standard_normal()  # NumPy keeps a second one for later
        usual = {"shuffle": shuffle, "max_iter": max_iter, "random_state": random_state}
        models.append(estimator(5, **usual, **options).fit(X, y))
        after.append((random_state.standard_normal(), *random_state.randint(2**31, size=5)))
    assert_array_equal(*after)
    assert_allclose(*(model.loss_curve_ for model in models), rtol=1e-9)
