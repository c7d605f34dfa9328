"""Random configurations of ShallowNetRegressor beside MLPRegressor: in float64 they say the same."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.neural_network import MLPRegressor

from shallownet import ShallowNetRegressor

SHORT, LONG = 60, 1000


def pick(random, *choices):
    return choices[random.integers(len(choices))]


def data_of(random):
    """Return X, y and sample weights or None; y is one number or several, of 0 or more, as the Poisson loss needs."""
    n, n_features, n_outputs = random.integers(30, 300), random.integers(1, 15), pick(random, 1, 1, 2, 4)
    X = random.normal(size=(n, n_features))
    Z = X @ random.normal(size=(n_features, n_outputs)) / np.sqrt(n_features) + random.normal(size=n_outputs)
    y = pick(random, lambda: Z**2, lambda: random.poisson(np.exp(0.5 * Z)), lambda: np.abs(Z) + 0.1)()
    y = pick(random, y[:, 0], y[:, 0].astype(np.float32) if n_outputs == 1 else y) if n_outputs == 1 else y
    weights = pick(random, None, None, lambda: random.uniform(0.1, 3, n), lambda: random.integers(0, 4, n) + 0.0)
    if random.random() < 0.3:
        X = pick(random, sparse.csr_matrix, sparse.csc_array)(np.where(random.random(X.shape) < 0.6, 0, X))
    return X, y, weights() if weights else None


def parameters_of(random):
    parameters = {
        "loss": pick(random, "squared_error", "poisson"),
        "hidden_layer_sizes": (int(random.integers(1, 40)),),
        "activation": pick(random, "relu", "relu", "tanh", "logistic", "identity"),
        "solver": pick(random, "adam", "adam", "sgd", "sgd", "lbfgs"),
        "alpha": pick(random, 1e-4, 0.0, 0.5),
        "batch_size": pick(random, "auto", 25, 64, 1000),
        "max_iter": int(random.integers(1, 25)),
        "shuffle": bool(random.random() < 0.8),
        "random_state": int(random.integers(1000)),
        "tol": pick(random, 1e-4, 1e-2, 0.0),
        "n_iter_no_change": pick(random, 10, 2, 1),
    }
    if parameters["solver"] == "lbfgs":
        return parameters | {"max_iter": int(random.integers(1, 12))}
    if parameters["solver"] == "sgd":
        parameters |= {
            "learning_rate": pick(random, "constant", "invscaling", "adaptive"),
            "learning_rate_init": pick(random, 0.001, 0.01),
            "momentum": pick(random, 0.9, 0.0, 0.5),
            "nesterovs_momentum": bool(random.random() < 0.5),
        }
    else:
        parameters |= {"learning_rate_init": pick(random, 0.001, 0.01, 0.05), "beta_1": pick(random, 0.9, 0.5)}
    if random.random() < 0.3:
        parameters |= {"early_stopping": True, "validation_fraction": pick(random, 0.1, 0.3)}
    return parameters


def calls_of(random, parameters, n):
    """Return the calls that the models are made of: a method and the rows that it gets."""
    everything = np.arange(n)
    if parameters["solver"] != "lbfgs" and not parameters.get("early_stopping") and random.random() < 0.25:
        return [("partial_fit", part) for part in np.array_split(everything, random.integers(1, 4))]
    return [("fit", everything)] * (2 if parameters.get("warm_start") else 1)


def results(model, calls, X, y, weights):
    """Make the calls; return all that the model then says, or the type of the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for method, rows in calls:
                getattr(model, method)(X[rows], y[rows], None if weights is None else weights[rows])
        except (ValueError, ZeroDivisionError) as error:
            return {"error": type(error)}
        found = {
            "n_iter_": model.n_iter_,
            "t_": model.t_,
            "out_activation_": model.out_activation_,
            "n_outputs_": model.n_outputs_,
            "loss_": model.loss_,
            "predictions": model.predict(X),
            "score": model.score(X, y, weights),
        }
        if model.solver != "lbfgs":
            found |= {"loss_curve_": model.loss_curve_, "best_loss_": model.best_loss_}
            found |= {"validation_scores_": model.validation_scores_}
    return found


def check(seed):
    """Compare both models in the configuration of a seed; return its parameters."""
    random = np.random.default_rng(seed)
    X, y, weights = data_of(random)
    parameters = parameters_of(random)
    parameters["warm_start"] = bool(random.random() < 0.2)
    calls = calls_of(random, parameters, X.shape[0])
    theirs, ours = (results(model(**parameters), calls, X, y, weights) for model in (MLPRegressor, ShallowNetRegressor))
    done = parameters | {"calls": len(calls), "method": calls[0][0], "several": y.ndim == 2, "error": "error" in theirs}
    if theirs.get("error") is ZeroDivisionError:  # a batch without weight, which is left out here
        assert "error" not in ours, seed
        return done
    assert ours.keys() == theirs.keys(), (seed, parameters, ours, theirs)
    for name, expected in theirs.items():
        if expected is None or isinstance(expected, (str, type)):
            assert ours[name] == expected, (seed, name, parameters)
        else:
            loose = parameters["solver"] == "lbfgs"
            scale = max(1.0, np.abs(expected).max())
            tolerance = {"rtol": 1e-5, "atol": 1e-5 * scale} if loose else {"rtol": 1e-7, "atol": 1e-9 * scale}
            assert_allclose(ours[name], expected, **tolerance, err_msg=f"{seed} {name} {parameters}")
            assert np.shape(ours[name]) == np.shape(expected), (seed, name, parameters)
    return done


def check_mixture(done):
    """Each option is met in a good share of the configurations."""
    for name, values in {
        "loss": {"squared_error", "poisson"},
        "solver": {"adam", "sgd", "lbfgs"},
        "method": {"fit", "partial_fit"},
        "several": {True, False},
        "warm_start": {True, False},
    }.items():
        for value in values:
            assert sum(parameters[name] == value for parameters in done) > 0.05 * len(done), (name, value)
    assert sum(parameters.get("early_stopping", False) for parameters in done) > 0.05 * len(done)
    assert sum(parameters["error"] for parameters in done) < 0.05 * len(done)


def test_random_configurations():
    check_mixture([check(seed) for seed in range(SHORT)])


@pytest.mark.long
def test_many_random_configurations():
    check_mixture([check(seed) for seed in range(SHORT, SHORT + LONG)])
