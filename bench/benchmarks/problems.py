"""Data and models of the benchmarks, all with fixed seeds."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from shallownet import ShallowNetClassifier

N_CLASSES = 5
CENTRE_NORM = 4.0  # in standard deviations: clusters overlap a little, so training does not come to rest


def clusters(n_samples, n_features, dtype):
    """Draw examples of overlapping normal clusters, one a class."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((N_CLASSES, n_features))
    centres *= CENTRE_NORM / np.linalg.norm(centres, axis=1, keepdims=True)
    y = rng.integers(N_CLASSES, size=n_samples)
    X = rng.standard_normal((n_samples, n_features)) + centres[y]
    return X.astype(dtype), y


def fitted(X, y, n_hidden, epochs, kind=ShallowNetClassifier, **parameters):
    """Fit for exactly so many epochs."""
    usual = {"max_iter": epochs, "tol": 0, "n_iter_no_change": np.inf, "random_state": 0}
    model = kind(hidden_layer_sizes=n_hidden, **usual | parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)
