"""Fits that last as long as they are told to: so many epochs, and no early end."""

import warnings

import numpy as np

from reporting.figures import OURS


def classifiers(hidden, threads, **parameters):
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier

    parameters = {"random_state": 0, "tol": 0, "n_iter_no_change": np.inf} | parameters
    return {
        OURS: ShallowNetClassifier(hidden, n_jobs=threads, **parameters),
        "MLPClassifier": MLPClassifier((hidden,), **parameters),
    }


def fit(model, X, y, epochs=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.set_params(**({} if epochs is None else {"max_iter": epochs})).fit(X, y)
