"""Inference: outputs and hidden activations, from the matrices that users see.

Nothing of the size of X or of W1 is copied: the kernels read both where they are, in any memory layout, and only what
has another dtype, or is sparse, is converted, a part at a time. A small prediction is one call of a kernel without
threads. Others are cut into calls, each a range of rows and of features, whose length and threads ``ThreadScheduler``
chooses. The results have the same bits in any case.
"""

from math import isfinite
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..jit.threads import fair_share, thread_limit, threads
from ..kernels.losses import columns_of
from ..kernels.memory import Memory, zeros
from ..kernels.predict import FEW_ROWS, chunk_of, predict_parallel, predict_serial, predict_sparse
from ..kernels.predict_head import Job, panels_of
from ..kernels.structs import TILE
from ..kernels.weight_layout import round_up
from ..simd.vectors import MASKED, REGISTER_BYTES
from .sparse_checks import slabs
from .thread_scheduler import ThreadScheduler, policy

FEW_OPERATIONS = 5e6  # a smaller prediction is one call without threads: it ends before another thread has begun
CALL_OPERATIONS = 1e9  # in one call of the kernel for sparse X: Python can react to an interrupt between calls
ROWS_PER_WORKER = 384  # whose sums are kept while W1 passes by; beside so many, bringing it into panels takes little
SUM_BYTES = 24 * 2**20  # of sums that are kept
SLAB_BYTES = 8 * 2**20  # of X that is converted in one piece, because it has another dtype or is sparse
SLAB_NONZEROS = SLAB_BYTES // 16

# What is known of the speed of predictions in this process, by dtype, threads, operations (as a power of two) and such.
_schedulers: dict = {}


def predict_outputs(X, coefs, intercepts, activation, output, slope, n_jobs):
    """Return the outputs for each row of X, and whether they, and the numbers of dense X, are finite throughout.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, n_features)
    coefs, intercepts : lists of two arrays
    activation, output : int
        Codes of the hidden and the output activation.
    slope : float
        The slope of the hidden activation for z < 0, if it has one.
    n_jobs : int or None

    Returns
    -------
    outputs : ndarray of shape (n, 2) for one logistic output, else (n, n_outputs)
    finite : bool
    """
    weights = Weights(coefs, intercepts)
    out = np.empty((X.shape[0], columns_of(output, weights.w2.shape[1])), weights.dtype)
    return out, _fill(X, weights, Wanted(activation, slope, output, hidden=False), n_jobs, out)


def hidden_activations(X, coefs, intercepts, activation, slope, n_jobs):
    """Return the hidden layer's output for each row of X, (n, n_hidden); parameters as for ``predict_outputs``."""
    weights = Weights(coefs, intercepts)
    out = np.empty((X.shape[0], weights.w1.shape[1]), weights.dtype)
    _fill(X, weights, Wanted(activation, slope, output=0, hidden=True), n_jobs, out)
    return out


class Wanted(NamedTuple):
    """What is computed with the weights."""

    activation: int  # code of the hidden activation
    slope: float  # of the hidden activation for z < 0
    output: int  # code of the output activation
    hidden: bool  # whether the result is the hidden activations, not the predictions


class Weights:
    """The weights of a network as kernels can read them: W1 (features, hidden), b1, W2 (hidden, outputs), b2.

    They are copied only where they must be converted: copying a large W1 takes longer than predicting a few rows.

    Raises
    ------
    ValueError
        If their numbers are not real, or their shapes are not those of one network: kernels do not check them.
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
        self.w1_in_place = self.w1.flags.c_contiguous and self.w1.flags.aligned  # whether kernels can read its rows


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


def _fill(X, weights, wanted, n_jobs, out):
    """Set ``out`` to what is wanted of X; return whether all of it, and the numbers of dense X, are finite."""
    features, _ = weights.w1.shape
    if X.shape[1] != features:
        raise ValueError(f"X has {X.shape[1]} features, but the coefficients have {features}.")
    if sparse.issparse(X):
        return _fill_sparse(X, weights, wanted, out)
    return _Dense(X, weights, wanted, n_jobs, out).run()


def _job(memory, weights, wanted, rows, chunk, columns):
    """Return a Job without X; ``memory`` holds what it has addresses of."""
    w1, w2 = weights.w1, weights.w2
    # parts of a register at the end of a row can be loaded only one by one without masks
    whole_registers = w1.shape[1] * w1.itemsize % REGISTER_BYTES == 0
    return Job(
        x_address=0,
        x_row=0,
        x_column=0,
        w1_address=memory.address(w1),
        w1_row=w1.strides[0],
        w1_column=w1.strides[1],
        w1_in_place=weights.w1_in_place and (MASKED or whole_registers),
        w2_address=memory.address(w2),
        w2_row=w2.strides[0],
        w2_column=w2.strides[1],
        b1_address=memory.address(weights.b1),
        b2_address=memory.address(weights.b2),
        features=w1.shape[0],
        hidden=w1.shape[1],
        outputs=w2.shape[1],
        chunk=chunk,
        rows=rows,
        columns=columns,
        activation=wanted.activation,
        output=wanted.output,
        hidden_wanted=wanted.hidden,
    )


# --- dense X --------------------------------------------------------------------------------------------


class _Dense:
    """A prediction from dense X, in calls that each do a range of rows and a range of features."""

    def __init__(self, X, weights, wanted, n_jobs, out):
        self.dtype = weights.dtype
        self.n, self.features = X.shape
        hidden, size = weights.w1.shape[1], self.dtype.itemsize
        self.cost = 2 * hidden  # operations for a number of X
        self.operations = self.n * self.cost * (self.features + weights.w2.shape[1])
        self.small = self.operations < FEW_OPERATIONS and policy() != "always"
        self.workers = 1 if self.small else thread_count(n_jobs)

        # the sums of how many rows are kept while W1 passes by, a chunk of features at a time
        self.chunk = chunk_of(self.features, hidden, size)
        self.one_chunk = self.chunk == self.features
        row = panels_of(hidden, REGISTER_BYTES // size) * REGISTER_BYTES
        self.rows = self.n
        if not self.one_chunk:
            most = max(TILE, min(ROWS_PER_WORKER * self.workers, SUM_BYTES // row // TILE * TILE))
            ranges = -(-self.n // most)
            self.rows = min(self.n, round_up(-(-self.n // ranges), TILE))
        room = self.workers * TILE if self.one_chunk else round_up(self.rows, TILE)
        self.sums = np.zeros(0, self.dtype)  # the kernel makes its own, where one call does all features
        if not self.small and not self.one_chunk:
            self.sums = zeros(room * row // size, self.dtype)

        # X of another dtype is converted at once if it is small, else a part at a time
        other = X.dtype != self.dtype
        self.convert_parts = other and not self.small
        self.X = X.astype(self.dtype) if other and self.small else X

        self.memory = Memory()
        self.job = _job(self.memory, weights, wanted, room, self.chunk, out.shape[1])
        if not self.convert_parts:
            x_row, x_column = self.X.strides
            self.job = self.job._replace(x_address=self.memory.address(self.X), x_row=x_row, x_column=x_column)
        self.packed = np.array(self.job, np.int64)
        self.slope, self.out = wanted.slope, out

    def run(self):
        """Make the calls; return whether all is finite."""
        if self.small:
            return isfinite(self._predict(predict_serial, 0, self.n, 0, self.features, 1, self.packed))
        kind = self.dtype, self.workers, self.operations.bit_length(), self.n <= FEW_ROWS, policy()
        scheduler = ThreadScheduler(1, self.operations, self.workers > 1, ("predict", self.dtype))
        scheduler = _schedulers.setdefault(kind, scheduler)
        begin, first, zero = 0, 0, 0.0
        while begin < self.n:
            parallel, operations = scheduler.next_call((self.n - begin) * self.features * self.cost)
            numbers = max(1, operations // self.cost)
            if self.convert_parts:
                numbers = min(numbers, SLAB_BYTES // self.dtype.itemsize)
            end, last = self._end_of_call(begin, first, numbers)
            zero += self._call(scheduler, parallel, begin, end, first, last)
            begin, first = (end, 0) if last == self.features else (begin, last)
        return isfinite(zero)

    def _end_of_call(self, begin, first, numbers):
        """Return the last row and feature of a call that does about so many numbers of X."""
        if self.one_chunk:
            return min(self.n, begin + max(1, numbers // self.features)), self.features
        end = min(self.n, begin + self.rows)
        chunks = max(1, numbers // (self.chunk * (end - begin)))
        return end, min(self.features, first + chunks * self.chunk)

    def _call(self, scheduler, parallel, begin, end, first, last):
        """Make one call, with threads if they are asked for and allowed, and tell the scheduler which it was."""
        packed = self.packed
        if self.convert_parts:
            X, memory = self.X[begin:end, first:last].astype(self.dtype), Memory()
            x_row, x_column = X.strides
            # the kernel counts rows and features from those of all X
            x_address = memory.address(X) - begin * x_row - first * x_column
            packed = np.array(self.job._replace(x_address=x_address, x_row=x_row, x_column=x_column), np.int64)
        with threads(self.workers if parallel else 1) as allowed:
            kernel, workers = (predict_parallel, self.workers) if allowed else (predict_serial, 1)
            if allowed and not scheduler.parallel:  # wakes the threads, or loads the kernel, while no clock runs
                self._predict(kernel, begin, begin, 0, 0, workers, packed)
            start = perf_counter()
            zero = self._predict(kernel, begin, end, first, last, workers, packed)
            seconds = perf_counter() - start
        scheduler.record(allowed, (end - begin) * (last - first) * self.cost, seconds)
        return zero

    def _predict(self, kernel, begin, end, first, last, workers, packed):
        return kernel(begin, end, first, last, workers, packed, self.sums, self.slope, self.out)


# --- sparse X -------------------------------------------------------------------------------------------


def _fill_sparse(X, weights, wanted, out):
    """Set ``out`` to what is wanted of sparse X; return whether the predictions are finite.

    X is read a slab of rows at a time, in copies: the user may change it meanwhile. Kernels read rows of W1 in place;
    where they can't, those that a slab needs are copied.
    """
    w1, memory = weights.w1, Memory()
    job = _job(memory, weights, wanted, TILE, 0, out.shape[1])
    begin, zero = 0, 0.0
    rows = max(1, int(CALL_OPERATIONS / (2 * w1.shape[1] * (1 + weights.w2.shape[1]))))
    most = max(1, min(SLAB_NONZEROS, int(CALL_OPERATIONS / (2 * w1.shape[1]))))
    for data, indices, indptr in slabs(X.tocsr(), weights.dtype, rows, most):
        slab_memory = Memory()  # holds the copy until the next slab
        if not weights.w1_in_place:
            used, indices = np.unique(indices, return_inverse=True)
            job = job._replace(w1_address=slab_memory.address(np.ascontiguousarray(w1[used])))
        zero += predict_sparse(begin, indptr, indices, data, np.array(job, np.int64), wanted.slope, out)
        begin += len(indptr) - 1
    return isfinite(zero)


def thread_count(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, as in joblib, and that Numba allows."""
    if n_jobs is None:
        return fair_share()
    return max(1, min(thread_limit(), n_jobs) if n_jobs > 0 else fair_share() + 1 + n_jobs)
