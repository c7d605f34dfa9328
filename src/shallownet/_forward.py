"""Forward propagation from the matrices that users see: probabilities and hidden activations."""

import numpy as np
from scipy import sparse

from ._network import matrices
from ._sparse_data import csr_of
from .kernels.prediction import (
    hidden_activations_serial,
    predict_parallel,
    predict_serial,
    predict_sparse,
)
from .kernels.threads import fair_share, thread_limit, threads

THREAD_OPERATIONS = 1e7  # a prediction with fewer for each thread is done by one: others have to wake up
CALL_OPERATIONS = 2e9  # for each thread in one call of a kernel; Python can react to an interrupt between calls
LOADING_OPERATIONS = 1e10  # of predictions that could have used threads, before the parallel copy is loaded for them

# The operations of such predictions in this process, by dtype.
_without_threads: dict = {}


def predict_proba(X, coefs, intercepts, activation, output, slope, n_jobs):
    """Return the probabilities of each row of X: (n, 2) for one logistic output, else (n, n_outputs)."""
    n = X.shape[0]
    w1, b1, w2, b2 = _matrices_for(X, coefs, intercepts)
    out = np.empty((n, max(2, w2.shape[1])), w1.dtype)
    if sparse.issparse(X):
        _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, False, out)
        return out
    arguments = X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, output, slope, out
    operations = 2 * w1.shape[1] * (w1.shape[0] + w2.shape[1])  # of a row
    parts = _parts(n * operations, n_jobs, w1.dtype)
    if parts > 1:
        with threads(parts) as allowed:
            predict, parts = (predict_parallel, parts) if allowed else (predict_serial, 1)
            for begin, end in _calls(n, operations / parts):
                predict(begin, end, parts, *arguments)
    else:
        for begin, end in _calls(n, operations):
            predict_serial(begin, end, 1, *arguments)
    return out


def _parts(operations, n_jobs, dtype):
    """Return among how many threads to divide a prediction.

    The parallel copy is compiled, or loaded from the cache, only once there has been work enough to repay it.
    """
    parts = int(operations / THREAD_OPERATIONS)
    if parts < 2 or (parts := min(parts, thread_count(n_jobs))) < 2:  # asked only where it matters: it takes its time
        return 1
    done = _without_threads[dtype] = _without_threads.get(dtype, 0) + operations
    return parts if done >= LOADING_OPERATIONS else 1


def _calls(n, operations):
    """Yield the ranges of rows, of so many operations each, that a call of a kernel does."""
    rows = max(1, int(CALL_OPERATIONS / operations))
    for begin in range(0, n, rows):
        yield begin, min(begin + rows, n)


def hidden_activations(X, coefs, intercepts, activation, slope):
    """Return the hidden layer's output for each row of X, (n, n_hidden)."""
    w1, b1, w2, b2 = _matrices_for(X, coefs, intercepts)
    out = np.empty((X.shape[0], w1.shape[1]), w1.dtype)
    if sparse.issparse(X):
        _fill_sparse(X, w1, b1, w2, b2, activation, 0, slope, True, out)
        return out
    for begin, end in _calls(len(X), 2 * w1.size):
        hidden_activations_serial(begin, end, X.ctypes.data, *X.strides, w1, b1, w2, b2, activation, slope, out)
    return out


def _matrices_for(X, coefs, intercepts):
    if X.shape[1] != coefs[0].shape[0]:
        raise ValueError(f"X has {X.shape[1]} features, but the coefficients have {coefs[0].shape[0]}.")
    return matrices(coefs, intercepts, coefs[0].dtype)


def _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, hidden, out):
    X = csr_of(X)
    indptr, indices = X.indptr.astype(np.int64), X.indices.astype(np.int64)
    arguments = w1, b1, w2, b2, activation, output, slope, hidden
    nonzeros = X.nnz / X.shape[0] + w2.shape[1] + 1
    for begin, end in _calls(X.shape[0], 2 * nonzeros * w1.shape[1]):
        predict_sparse(X.data.ctypes.data, indptr[begin : end + 1], indices, *arguments, out[begin:end])


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, in joblib's sense, and that Numba allows."""
    if n_jobs is None:
        return fair_share()
    return max(1, min(thread_limit(), n_jobs) if n_jobs > 0 else fair_share() + 1 + n_jobs)
