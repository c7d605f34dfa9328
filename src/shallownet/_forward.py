"""Forward propagation from the matrices that users see: probabilities and hidden activations."""

import numpy as np

from ._network import matrices
from .kernels.compiling import thread_limit, threads
from .kernels.prediction import hidden_activations_serial, predict_parallel, predict_serial

ROWS_PER_THREAD = 2**13  # a prediction with fewer rows for each thread is done by one


def predict_proba(X, coefs, intercepts, activation, output, slope, n_threads):
    """Return the probabilities of each row of X: (n, 2) for one logistic output, else (n, n_outputs)."""
    n, dtype = len(X), coefs[0].dtype
    w1, b1, w2, b2 = matrices(coefs, intercepts, dtype)
    out = np.empty((n, max(2, w2.shape[1])), dtype)
    arguments = X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, output, slope, out
    parts = min(n_threads, n // ROWS_PER_THREAD)
    if parts > 1:
        with threads(parts) as allowed:
            predict, parts = (predict_parallel, parts) if allowed else (predict_serial, 1)
            predict(0, n, parts, *arguments)
    else:
        predict_serial(0, n, 1, *arguments)
    return out


def hidden_activations(X, coefs, intercepts, activation, slope):
    """Return the hidden layer's output for each row of X, (n, n_hidden)."""
    w1, b1, w2, b2 = matrices(coefs, intercepts, coefs[0].dtype)
    out = np.empty((len(X), w1.shape[1]), w1.dtype)
    hidden_activations_serial(0, len(X), X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, slope, out)
    return out


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, in joblib's sense, and that Numba allows."""
    limit = thread_limit()
    if n_jobs is None:
        return limit
    return max(1, min(limit, n_jobs if n_jobs > 0 else limit + 1 + n_jobs))
