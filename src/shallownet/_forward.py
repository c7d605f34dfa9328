"""Forward propagation from the matrices that users see: probabilities and hidden activations."""

from math import isfinite
from time import perf_counter

import numpy as np
from scipy import sparse

from ._network import matrices
from ._pace import Pace, policy
from ._sparse_data import arrays_of
from .kernels.memory import Memory
from .kernels.prediction import (
    hidden_activations_serial,
    predict_parallel,
    predict_serial,
    predict_sparse,
)
from .kernels.threads import fair_share, thread_limit, threads

FEW_OPERATIONS = 5e6  # a prediction of fewer is done by one thread at once, before another would have begun
CALL_OPERATIONS = 2e9  # in one call of a serial kernel; Python can react to an interrupt between calls

# How fast predictions of this process have been, by dtype, threads and the power of two of their operations.
_paces: dict = {}


def predict_proba(X, coefs, intercepts, activation, output, slope, n_jobs):
    """Return the probabilities of each row of X, and whether X and they are finite numbers throughout.

    The probabilities are (n, 2) for one logistic output, else (n, n_outputs). Of sparse X only they are looked at.
    """
    n = X.shape[0]
    w1, b1, w2, b2 = _matrices_for(X, coefs, intercepts)
    out = np.empty((n, max(2, w2.shape[1])), w1.dtype)
    if sparse.issparse(X):
        _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, False, out)
        return out, not np.isnan(out.sum())
    memory = Memory()
    arguments = memory.address(X), *X.strides, w1, b1, w2, b2, activation, output, slope, out
    operations = 2 * w1.shape[1] * (w1.shape[0] + w2.shape[1])  # of a row
    if n * operations < FEW_OPERATIONS and policy() != "always":
        return out, isfinite(predict_serial(0, n, 1, *arguments))
    return out, _predict_paced(n, operations, thread_count(n_jobs), w1.dtype, arguments)


def _predict_paced(n, operations, parts, dtype, arguments):
    """Predict n rows of so many operations each, in calls as the clock advises; return whether all is finite."""
    kind = dtype, parts, (n * operations).bit_length(), policy()
    pace = _paces.get(kind) or _paces.setdefault(kind, Pace(1, n * operations, parts > 1, ("predict", dtype)))
    begin, zero = 0, 0.0
    while begin < n:
        parallel, places = pace.next_call((n - begin) * operations)
        end = min(n, begin + max(1, places // operations))
        with threads(parts if parallel else 1) as allowed:
            predict = predict_parallel if allowed else predict_serial
            if allowed and not pace.parallel:
                predict(begin, begin, parts, *arguments)  # wakes the threads, or loads the copy, off the clock
            start = perf_counter()
            zero += predict(begin, end, parts if allowed else 1, *arguments)
            seconds = perf_counter() - start
        pace.record(parallel, (end - begin) * operations, seconds)
        begin = end
    return isfinite(zero)


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
    memory = Memory()
    arguments = memory.address(X), *X.strides, w1, b1, w2, b2, activation, slope, out
    for begin, end in _calls(len(X), 2 * w1.size):
        hidden_activations_serial(begin, end, *arguments)
    return out


def _matrices_for(X, coefs, intercepts):
    if X.shape[1] != coefs[0].shape[0]:
        raise ValueError(f"X has {X.shape[1]} features, but the coefficients have {coefs[0].shape[0]}.")
    return matrices(coefs, intercepts, coefs[0].dtype)


def _fill_sparse(X, w1, b1, w2, b2, activation, output, slope, hidden, out):
    memory = Memory()
    data, indices, indptr = arrays_of(X.tocsr())
    address = memory.address(data)
    arguments = w1, b1, w2, b2, activation, output, slope, hidden
    nonzeros = len(data) / X.shape[0] + w2.shape[1] + 1
    for begin, end in _calls(X.shape[0], 2 * nonzeros * w1.shape[1]):
        predict_sparse(address, indptr[begin : end + 1], indices, *arguments, out[begin:end])


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, in joblib's sense, and that Numba allows."""
    if n_jobs is None:
        return fair_share()
    return max(1, min(thread_limit(), n_jobs) if n_jobs > 0 else fair_share() + 1 + n_jobs)
