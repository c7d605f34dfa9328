"""Forward propagation from the matrices that users see: probabilities and hidden activations."""

import numpy as np
from scipy import sparse

from ._network import matrices
from .kernels.prediction import (
    hidden_activations_serial,
    predict_parallel,
    predict_serial,
    predict_sparse,
)
from .kernels.threads import fair_share, thread_limit, threads

THREAD_OPERATIONS = 4e6  # a prediction with fewer for each thread is done by one
LOADING_OPERATIONS = 1e10  # of predictions that could have used threads, before the parallel copy is loaded for them

# The operations of such predictions in this process, by dtype.
_without_threads: dict = {}


def predict_proba(X, coefs, intercepts, activation, output, slope, n_threads):
    """Return the probabilities of each row of X: (n, 2) for one logistic output, else (n, n_outputs)."""
    n = X.shape[0]
    w1, b1, w2, b2 = matrices(coefs, intercepts, coefs[0].dtype)
    out = np.empty((n, max(2, w2.shape[1])), w1.dtype)
    if sparse.issparse(X):
        _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, False, out)
        return out
    arguments = X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, output, slope, out
    parts = _parts(2 * n * w1.shape[1] * (w1.shape[0] + w2.shape[1]), n_threads, w1.dtype)
    if parts > 1:
        with threads(parts) as allowed:
            predict, parts = (predict_parallel, parts) if allowed else (predict_serial, 1)
            predict(0, n, parts, *arguments)
    else:
        predict_serial(0, n, 1, *arguments)
    return out


def _parts(operations, n_threads, dtype):
    """Return among how many threads to divide a prediction.

    The parallel copy is compiled, or loaded from the cache, only once there has been work enough to repay it.
    """
    parts = min(n_threads, int(operations / THREAD_OPERATIONS))
    if parts < 2:
        return 1
    done = _without_threads[dtype] = _without_threads.get(dtype, 0) + operations
    return parts if done >= LOADING_OPERATIONS else 1


def hidden_activations(X, coefs, intercepts, activation, slope):
    """Return the hidden layer's output for each row of X, (n, n_hidden)."""
    w1, b1, w2, b2 = matrices(coefs, intercepts, coefs[0].dtype)
    out = np.empty((X.shape[0], w1.shape[1]), w1.dtype)
    if sparse.issparse(X):
        _fill_sparse(X, w1, b1, w2, b2, activation, 0, slope, True, out)
        return out
    hidden_activations_serial(0, len(X), X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, slope, out)
    return out


def _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, hidden, out):
    X = csr_of(X)
    indptr, indices = X.indptr.astype(np.int64), X.indices.astype(np.int64)
    arguments = w1, b1, w2, b2, activation, output, slope, hidden, out
    predict_sparse(X.data.ctypes.data, indptr, indices, *arguments)


def csr_of(X):
    """Return sparse X as CSR, its indices checked: the kernels follow them without a test.

    Raises
    ------
    ValueError
        If the index of a feature or a row lies outside of the shape.
    """
    X = X.tocsr()
    X.check_format(full_check=True)
    return X


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, in joblib's sense, and that Numba allows."""
    if n_jobs is None:
        return fair_share()
    return max(1, min(thread_limit(), n_jobs) if n_jobs > 0 else fair_share() + 1 + n_jobs)
