"""Forward propagation from the matrices that users see: probabilities and hidden activations."""

from math import isfinite
from time import perf_counter

import numpy as np
from scipy import sparse

from ..jit.threads import fair_share, thread_limit, threads
from ..kernels.memory import Memory, zeros
from ..kernels.predict import FEW, predict_parallel, predict_serial, predict_sparse, strip_of
from ..kernels.predict_head import Job, panels_of
from ..kernels.structs import TILE
from ..kernels.weight_layout import round_up
from ..simd.vectors import MASKED, REGISTER_BYTES
from .sparse_checks import slabs
from .thread_scheduler import ThreadScheduler, policy

FEW_OPERATIONS = 5e6  # a prediction of fewer is done by one thread at once, before another would have begun
CALL_OPERATIONS = 1e9  # in one call of the kernel for sparse X; Python can react to an interrupt between calls
CHUNK_ROWS = 384  # for each thread, whose sums wait while W1 passes by: bringing that into panels is small beside them
SUM_BYTES = 24 * 2**20  # of waiting sums
SLAB_BYTES = 8 * 2**20  # of X that is converted at once, as it has another dtype or is sparse
SLAB_NONZEROS = SLAB_BYTES // 16

# How fast predictions of this process have been, by dtype, threads and the power of two of their operations.
_schedulers: dict = {}


def predict_proba(X, coefs, intercepts, activation, output, slope, n_jobs):
    """Return the probabilities of each row of X, and whether they, and the numbers of dense X, are finite throughout.

    The probabilities are (n, 2) for one logistic output, else (n, n_outputs).
    """
    weights = Weights(coefs, intercepts)
    out = np.empty((X.shape[0], max(2, weights.w2.shape[1])), weights.dtype)
    return out, _fill(X, weights, (activation, output, 0), slope, n_jobs, out)


def hidden_activations(X, coefs, intercepts, activation, slope, n_jobs):
    """Return the hidden layer's output for each row of X, (n, n_hidden)."""
    weights = Weights(coefs, intercepts)
    out = np.empty((X.shape[0], weights.w1.shape[1]), weights.dtype)
    _fill(X, weights, (activation, 0, 1), slope, n_jobs, out)
    return out


class Weights:
    """The weights of a network as kernels can read them: W1 (features, hidden), b1, W2 (hidden, outputs), b2.

    Nothing is copied that need not be, for a copy of a large W1 takes longer than the prediction of some rows.

    Raises
    ------
    ValueError
        If their numbers are not real, or their shapes not those of one network: the kernels do not look at them.
    """

    def __init__(self, coefs, intercepts):
        arrays = [np.asarray(array) for pair in zip(coefs, intercepts, strict=True) for array in pair]
        self.dtype = dtype_of(arrays)
        shapes = [array.shape for array in arrays]
        features, hidden, outputs = (*shapes[0], *shapes[2][1:])
        if shapes != [(features, hidden), (hidden,), (hidden, outputs), (outputs,)]:
            raise ValueError(f"Coefficients and intercepts of the shapes {shapes} do not make up a network.")
        arrays = [array if array.dtype == self.dtype else array.astype(self.dtype) for array in arrays]
        self.w1, self.b1, self.w2, self.b2 = arrays
        self.b1, self.b2 = (np.require(array, requirements=["C", "A"]) for array in (self.b1, self.b2))


def dtype_of(weights):
    """Return the dtype that a network of these arrays computes in: float32 or float64, whichever holds their numbers.

    Raises
    ------
    ValueError
        If an array holds something else than real numbers.
    """
    dtypes = {np.asarray(array).dtype for array in weights}
    found = dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes)
    if found.kind not in "fiub":
        raise ValueError(f"coefs_ and intercepts_ must hold real numbers, got arrays of dtype {found}.")
    return np.dtype(np.float32 if found.kind == "f" and found.itemsize <= 4 else np.float64)


def _fill(X, weights, kind, slope, n_jobs, out):
    """Set ``out`` to what is wanted of X; return whether all of it, and the numbers of dense X, are finite."""
    features, hidden = weights.w1.shape
    if X.shape[1] != features:
        raise ValueError(f"X has {X.shape[1]} features, but the coefficients have {features}.")
    if sparse.issparse(X):
        return _fill_sparse(X, weights, kind, slope, out)
    return _Dense(X, weights, kind, slope, n_jobs, out).run()


def _job(memory, weights, kind, rows, strip):
    """Return a Job without X."""
    w1, w2 = weights.w1, weights.w2
    activation, output, wanted = kind
    lies = w1.flags.c_contiguous and w1.flags.aligned
    return Job(
        x_address=0,
        x_row=0,
        x_column=0,
        w1_address=memory.address(w1),
        w1_row=w1.strides[0],
        w1_column=w1.strides[1],
        lies=lies and (MASKED or w1.shape[1] * w1.itemsize % REGISTER_BYTES == 0),
        w2_address=memory.address(w2),
        w2_row=w2.strides[0],
        w2_column=w2.strides[1],
        b1_address=memory.address(weights.b1),
        b2_address=memory.address(weights.b2),
        features=w1.shape[0],
        hidden=w1.shape[1],
        outputs=w2.shape[1],
        strip=strip,
        rows=rows,
        activation=activation,
        output=output,
        wanted=wanted,
    )


# --- dense X --------------------------------------------------------------------------------------------


class _Dense:
    """A prediction from dense X, in calls of rows and features."""

    def __init__(self, X, weights, kind, slope, n_jobs, out):
        self.dtype = weights.dtype
        self.n, self.features = X.shape
        hidden, size = weights.w1.shape[1], self.dtype.itemsize
        self.cost = 2 * hidden  # operations of a number of X
        self.operations = self.n * self.cost * (self.features + weights.w2.shape[1])
        self.few = self.operations < FEW_OPERATIONS and policy() != "always"
        self.parts = 1 if self.few else thread_count(n_jobs)
        self.strip = strip_of(self.features, hidden, size)
        self.whole = self.strip == self.features  # all features are done in one call
        row = panels_of(hidden, REGISTER_BYTES // size) * REGISTER_BYTES
        self.rows = self.n
        if not self.whole:
            most = max(TILE, min(CHUNK_ROWS * self.parts, SUM_BYTES // row // TILE * TILE))
            chunks = -(-self.n // most)
            self.rows = min(self.n, round_up(-(-self.n // chunks), TILE))
        room = self.parts * TILE if self.whole else round_up(self.rows, TILE)
        self.converted = X.dtype != self.dtype and not self.few  # a part at a time
        self.X = X.astype(self.dtype) if self.few and X.dtype != self.dtype else X
        self.memory = Memory()
        job = _job(self.memory, weights, kind, room, self.strip)
        if not self.converted:
            x_row, x_column = self.X.strides
            job = job._replace(x_address=self.memory.address(self.X), x_row=x_row, x_column=x_column)
        self.job = np.array(job, np.int64)
        self.sums = np.zeros(0, self.dtype)
        if not self.few and not self.whole:
            self.sums = zeros(room * row // size, self.dtype)
        self.rest = slope, out

    def run(self):
        """Make the calls; return whether all is finite."""
        if self.few:
            return isfinite(predict_serial(0, self.n, 0, self.features, 1, self.job, self.sums, *self.rest))
        kind = self.dtype, self.parts, self.operations.bit_length(), self.n <= FEW, policy()
        scheduler = ThreadScheduler(1, self.operations, self.parts > 1, ("predict", self.dtype))
        scheduler = _schedulers.setdefault(kind, scheduler)
        begin, first, zero = 0, 0, 0.0
        while begin < self.n:
            parallel, places = scheduler.next_call((self.n - begin) * self.features * self.cost)
            numbers = max(1, places // self.cost)
            if self.converted:
                numbers = min(numbers, SLAB_BYTES // self.dtype.itemsize)
            end, last = self._end_of_call(begin, first, numbers)
            zero += self._call(scheduler, parallel, begin, end, first, last)
            begin, first = (end, 0) if last == self.features else (begin, last)
        return isfinite(zero)

    def _end_of_call(self, begin, first, numbers):
        """Return the last row and feature of a call that does about so many numbers of X."""
        if self.whole:
            return min(self.n, begin + max(1, numbers // self.features)), self.features
        end = min(self.n, begin + self.rows)
        strips = max(1, numbers // (self.strip * (end - begin)))
        return end, min(self.features, first + strips * self.strip)

    def _call(self, scheduler, parallel, begin, end, first, last):
        job, operations = self.job, (end - begin) * (last - first) * self.cost
        if self.converted:
            X = self.X[begin:end, first:last].astype(self.dtype)
            memory, job = Memory(), job.copy()
            job[:3] = memory.address(X) - begin * X.strides[0] - first * X.strides[1], *X.strides
        with threads(self.parts if parallel else 1) as allowed:
            predict, parts = (predict_parallel, self.parts) if allowed else (predict_serial, 1)
            if allowed and not scheduler.parallel:  # wakes the threads, or loads the copy, off the clock
                predict(begin, begin, 0, 0, parts, job, self.sums, *self.rest)
            start = perf_counter()
            zero = predict(begin, end, first, last, parts, job, self.sums, *self.rest)
            seconds = perf_counter() - start
        scheduler.record(parallel, operations, seconds)
        return zero


# --- sparse X -------------------------------------------------------------------------------------------


def _fill_sparse(X, weights, kind, slope, out):
    """Set ``out`` to what is wanted of sparse X; return whether the probabilities are finite.

    X is read a slab of rows at a time, in copies: the user may change it meanwhile.
    """
    memory, w1 = Memory(), weights.w1
    lies = w1.flags.c_contiguous and w1.flags.aligned
    job = _job(memory, weights, kind, TILE, 0)
    begin, zero = 0, 0.0
    rows = max(1, int(CALL_OPERATIONS / (2 * w1.shape[1] * (1 + weights.w2.shape[1]))))
    most = max(1, min(SLAB_NONZEROS, int(CALL_OPERATIONS / (2 * w1.shape[1]))))
    for data, indices, indptr in slabs(X.tocsr(), weights.dtype, rows, most):
        if not lies:
            used, indices = np.unique(indices, return_inverse=True)
            copy = np.ascontiguousarray(w1[used])
            job = job._replace(w1_address=Memory().address(copy))
        zero += predict_sparse(begin, indptr, indices, data, np.array(job, np.int64), slope, out)
        begin += len(indptr) - 1
    return isfinite(zero)


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, in joblib's sense, and that Numba allows."""
    if n_jobs is None:
        return fair_share()
    return max(1, min(thread_limit(), n_jobs) if n_jobs > 0 else fair_share() + 1 + n_jobs)
