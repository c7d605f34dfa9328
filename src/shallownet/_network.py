"""The network as data: its weights in panels, and the buffers with which a solver trains it."""

from time import perf_counter

import numpy as np

from ._pace import Pace
from .kernels.compiling import threads
from .kernels.epoch import train_parallel, train_serial
from .kernels.panels import layout, pack, round_up, unpack
from .kernels.plan import TILE, Buffers, Plan, Settings

REGISTER_BYTES = 64
WORKSPACE_BYTES = 512 * 1024  # what a thread's workspace may fill of the second cache
MOST_SHARES = 16  # of a batch, and so the most threads that a step can use
SMALLEST_SHARE = 64  # examples; with fewer, adding up the shares' gradients costs more than it brings

_parallel_ready: set = set()  # the dtypes whose parallel copy this process has compiled or loaded


def zeros(count, dtype):
    """Return zeros that begin at a border of registers, so that no load of lanes straddles two cache lines."""
    dtype = np.dtype(dtype)
    spare = REGISTER_BYTES // dtype.itemsize
    array = np.zeros(count + spare, dtype)
    start = -array.ctypes.data % REGISTER_BYTES // dtype.itemsize
    return array[start : start + count]


def shares_of(batch_size):
    """Return into how many shares a batch is divided: a power of two that depends on its size alone."""
    shares = 1
    while shares < MOST_SHARES and batch_size >= 2 * shares * SMALLEST_SHARE:
        shares *= 2
    return 2 if shares == 1 and batch_size >= SMALLEST_SHARE else shares


class Network:
    """A network in training: weights, a solver's moments, and the examples that it learns from.

    Parameters
    ----------
    coefs, intercepts : lists of two arrays
        W1 (n_features, n_hidden) and W2 (n_hidden, n_outputs), b1 and b2, of one dtype.
    activation, output, solver : int
        Codes of the kernels' variants.
    settings : Settings
        The numbers of the fit; ``rate`` is replaced in each epoch.
    key : int
        The key of dropout's random numbers.
    """

    def __init__(self, coefs, intercepts, activation, output, solver, settings, key=1):
        (n_features, n_hidden), n_outputs = coefs[0].shape, coefs[1].shape[1]
        self.dtype = coefs[0].dtype
        self.lanes = REGISTER_BYTES // self.dtype.itemsize
        self.sizes = layout(n_features, n_hidden, n_outputs, self.lanes)
        self.codes = activation, output, solver
        self.settings = settings
        self.key = key
        self.theta, self.first, self.second = (zeros(self.sizes.size, self.dtype) for _ in range(3))
        self._sizes = np.array(self.sizes)
        self.set_weights(coefs, intercepts)

    def set_weights(self, coefs, intercepts):
        """Replace the weights."""
        pack(*matrices(coefs, intercepts, self.dtype), self.theta, self._sizes)

    def weights(self):
        """Return coefs and intercepts, as new arrays."""
        return self._unpacked(self.theta)

    def moments(self):
        """Return the solver's two moments, each as coefs and intercepts."""
        return self._unpacked(self.first), self._unpacked(self.second)

    def set_moments(self, moments):
        """Continue with the moments of an earlier training."""
        for (coefs, intercepts), panels in zip(moments, (self.first, self.second), strict=True):
            pack(*matrices(coefs, intercepts, self.dtype), panels, self._sizes)

    def loss_and_gradient(self, coefs, intercepts):
        """Return the loss of all examples at given weights, and its gradient as coefs and intercepts.

        The solver must be GRADIENT and the batch full.
        """
        self.set_weights(coefs, intercepts)
        loss = self.train_epoch(None, 0.0, 0, 0)
        return loss, self._unpacked(self.first)

    def _unpacked(self, panels):
        s = self.sizes
        w1, w2 = np.empty((s.features, s.hidden), self.dtype), np.empty((s.hidden, s.outputs), self.dtype)
        b1, b2 = np.empty(s.hidden, self.dtype), np.empty(s.outputs, self.dtype)
        unpack(panels, w1, b1, w2, b2, self._sizes)
        return [w1, w2], [b1, b2]

    def finite(self):
        """Return whether all weights are finite."""
        return bool(np.isfinite(self.theta).all())

    def attach(self, X, targets, sample_weight, rows, batch_size, epochs, n_threads):
        """Take the examples and lay out the workspace.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), of the network's dtype, in any memory layout
        targets : ndarray of shape (n, m): class indices, or 0 and 1 for each output
        sample_weight : ndarray of shape (n,) or None
        rows : ndarray of shape (n_samples,) of intp, or None
            The rows of X to learn from, if not all.
        batch_size : int
        epochs : int
            About how often ``train_epoch`` will be called.
        n_threads : int
            The most threads to use.
        """
        s, lanes, dtype = self.sizes, self.lanes, self.dtype
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self.batch_size = batch_size
        self._X, self._rows = X, rows  # kept alive: the kernels know only the address of X
        shares = shares_of(batch_size)
        row_bytes = (s.feature_rows + 2 * s.panels * lanes + s.output_rows) * dtype.itemsize
        cap = max(TILE, WORKSPACE_BYTES // row_bytes // TILE * TILE)
        rows = min(cap, round_up(-(-batch_size // shares), TILE))
        self.block = shares * rows
        self._parts = min(n_threads, shares)
        units = s.panels * (s.feature_rows + s.output_rows) * lanes // (6 * lanes)
        living = zeros(lanes, dtype)
        living[: s.hidden % lanes or lanes] = 1
        x = zeros(self._parts * rows * s.feature_rows, dtype)
        x[s.features :: s.feature_rows] = 1
        each = self._parts * rows
        self._buffers = Buffers(
            theta=self.theta,
            first=self.first,
            second=self.second,
            gradient=zeros(shares * s.size, dtype),
            squares=zeros(round_up(units, lanes), dtype),
            share_losses=zeros(shares, dtype),
            targets=np.ascontiguousarray(targets, dtype),
            weights=zeros(0, dtype) if sample_weight is None else np.ascontiguousarray(sample_weight, dtype),
            living=living,
            x=x,
            a1=zeros(each * s.panels * lanes, dtype),
            d1=zeros(each * s.panels * lanes, dtype),
            z2=zeros(each * s.output_rows, dtype),
            y=zeros(each * targets.shape[1], dtype),
            weight=zeros(each, dtype),
            losses=zeros(each, dtype),
        )
        self._addresses = np.array([array.ctypes.data for array in self._buffers])
        activation, output, solver = self.codes
        self._plan = Plan(
            activation=activation,
            output=output,
            solver=solver,
            targets=targets.shape[1],
            shares=shares,
            rows=rows,
            units=units,
            weighted=sample_weight is not None,
            ordered=False,
            x_address=X.ctypes.data,
            x_row=X.strides[0],
            x_column=X.strides[1],
            order_address=0,
            seen=0,
            key=self.key,
        )
        operations = 6 * s.hidden * (s.features + s.outputs)
        whole = operations * self.n_samples * epochs
        ready = self.dtype in _parallel_ready
        self.pace = Pace(operations, min(batch_size, self.block), whole, self._parts > 1, ready)

    def train_epoch(self, order, rate, step, seen=0):
        """Train on all examples once; return the mean over examples of their batches' losses.

        Parameters
        ----------
        order : ndarray of shape (n_samples,) of intp, or None for the order of the rows
            A permutation of range(n_samples).
        rate : float
            The learning rate.
        step, seen : int
            The number of updates, and of examples, before this epoch.
        """
        if self._rows is not None:
            order = self._rows if order is None else self._rows[order]
        plan = self._plan._replace(seen=seen)
        if order is not None:
            plan = plan._replace(ordered=True, order_address=order.ctypes.data)
        arguments = (
            self._addresses,
            self._sizes,
            np.array(plan),
            np.array(self.settings._replace(rate=rate), dtype=np.float64),
            self.theta,
        )
        loss, begin, n = 0.0, 0, self.n_samples
        while begin < n:
            parallel, places = self.pace.next_call(n - begin)
            end = self._border(begin, places)
            with threads(self._parts if parallel else 1) as allowed:
                train, parts = (train_parallel, self._parts) if allowed else (train_serial, 1)
                if allowed and self.dtype not in _parallel_ready:
                    train(0, 0, self.batch_size, n, step, loss, parts, *arguments)  # compiles, or loads from the cache
                    _parallel_ready.add(self.dtype)
                start = perf_counter()
                loss = train(begin, end, self.batch_size, n, step, loss, parts, *arguments)
                self.pace.record(parallel, end - begin, perf_counter() - start)
            begin = end
        return loss / n

    def _border(self, begin, places):
        """Return the border of a block that ends a call of about so many places from ``begin`` on."""
        if begin + places >= self.n_samples:
            return self.n_samples
        start = begin // self.batch_size * self.batch_size
        stop = min(start + self.batch_size, self.n_samples)
        if begin + places >= stop:  # whole batches
            return max(stop, (begin + places) // self.batch_size * self.batch_size)
        blocks = max(1, places // self.block)
        return min(stop, begin + blocks * self.block)


def matrices(coefs, intercepts, dtype):
    """Return W1, b1, W2, b2 as contiguous arrays of a dtype."""
    return tuple(
        np.ascontiguousarray(array, dtype) for pair in zip(coefs, intercepts, strict=True) for array in pair
    )
