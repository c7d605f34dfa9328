"""Fits that last as long as they are told to: so many epochs, and no early end."""

import warnings

import numpy as np

from reporting.figures import OURS

STEADY = {"random_state": 0, "tol": 0, "n_iter_no_change": np.inf}


def classifiers(hidden, threads, **parameters):
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier

    parameters = STEADY | parameters
    return {
        OURS: ShallowNetClassifier(hidden, n_jobs=threads, **parameters),
        "MLPClassifier": MLPClassifier((hidden,), **parameters),
    }


def regressors(hidden, threads, **parameters):
    from sklearn.neural_network import MLPRegressor

    from shallownet import ShallowNetRegressor

    parameters = STEADY | {"hidden_layer_sizes": (hidden,)} | parameters
    return {
        OURS: ShallowNetRegressor(n_jobs=threads, **parameters),
        "MLPRegressor": MLPRegressor(**parameters),
    }


def fit(model, X, y, epochs=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.set_params(**({} if epochs is None else {"max_iter": epochs})).fit(X, y)
