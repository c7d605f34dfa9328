"""The network as data: its weights in panels, and the buffers with which a solver trains it."""

from time import perf_counter

import numpy as np

from ..jit.threads import threads
from ..kernels.memory import Memory, zeros
from ..kernels.structs import GENERATOR, ORDER, Buffers, Plan, Settings
from ..kernels.train import train_parallel, train_serial
from ..kernels.train_sparse import train_sparse_parallel, train_sparse_serial
from ..kernels.weight_layout import layout, pack, unpack
from ..simd.vectors import REGISTER_BYTES
from .buffers import dense_workspace, sparse_workspace
from .thread_scheduler import ThreadScheduler

# the places of what changes from epoch to epoch
_SEEN, _ORDERED = (Plan._fields.index(name) for name in ("seen", "ordered"))
_RATE = Settings._fields.index("rate")

UPDATE_OPERATIONS = 20  # that the update of a weight costs, in the time of as many of a product

# The copies that this process has compiled or loaded, by dtype, whether X is sparse, and whether they are parallel.
_ready: set = set()

_TRAIN = {
    (False, False): train_serial,
    (False, True): train_parallel,
    (True, False): train_sparse_serial,
    (True, True): train_sparse_parallel,
}


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
    sparse : bool
        Whether X will be sparse.
    """

    def __init__(self, coefs, intercepts, activation, output, solver, settings, key=1, sparse=False):
        (n_features, n_hidden), n_outputs = coefs[0].shape, coefs[1].shape[1]
        self.dtype = coefs[0].dtype
        self.lanes = REGISTER_BYTES // self.dtype.itemsize
        self.sparse = sparse
        self.sizes = layout(n_features, n_hidden, n_outputs, self.lanes, sparse)
        self.codes = activation, output, solver
        self.settings = settings
        self.key = key
        self.theta, self.moment1, self.moment2 = (zeros(self.sizes.size, self.dtype) for _ in range(3))
        self._sizes = np.array(self.sizes)
        self.set_weights(coefs, intercepts)

    def set_weights(self, coefs, intercepts):
        """Replace the weights."""
        self._pack(coefs, intercepts, self.theta)

    def weights(self):
        """Return coefs and intercepts, as new arrays."""
        return unpack(self.theta, self.sizes)

    def moments(self):
        """Return the solver's two moments, each as coefs and intercepts."""
        return unpack(self.moment1, self.sizes), unpack(self.moment2, self.sizes)

    def set_moments(self, moments):
        """Continue with the moments of an earlier training."""
        for (coefs, intercepts), panels in zip(moments, (self.moment1, self.moment2), strict=True):
            self._pack(coefs, intercepts, panels)

    def loss_and_gradient(self, coefs, intercepts):
        """Return the loss of all examples at given weights, and its gradient as coefs and intercepts.

        The solver must be GRADIENT and the batch full.
        """
        self.set_weights(coefs, intercepts)
        loss = self.train_epoch(None, 0.0, 0)
        return loss, unpack(self.moment1, self.sizes)

    def _pack(self, coefs, intercepts, panels):
        w1, b1, w2, b2 = matrices(coefs, intercepts, self.dtype, self.sizes[:3])
        pack(w1, b1, w2, b2, panels, self.sizes)

    def finite(self):
        """Return whether all weights are finite."""
        return bool(np.isfinite(self.theta).all())

    def attach(self, X, targets, sample_weight, rows, batch_size, n_threads):
        """Take the examples and lay out the workspace.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), of the network's dtype, in any memory layout, or CSR matrix
            Read where it lies in each epoch if its rows are in one piece; else it is copied, as are the others.
        targets : ndarray of shape (n, m): class indices, or 0 and 1 for each output
        sample_weight : ndarray of shape (n,) or None
        rows : ndarray of shape (n_samples,) of intp, or None
            The rows of X to learn from, if not all.
        batch_size : int
        n_threads : int
            The most threads to use.
        """
        s = self.sizes
        if X.shape[1] != s.features or targets.shape[1] not in (1, s.outputs):
            raise ValueError(f"A network of {s.features} features and {s.outputs} outputs does not fit the data.")
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self.batch_size = batch_size
        # all rows of X in one batch: their gradient is the same in any order, but for roundings
        self.as_they_come = rows is None and batch_size == self.n_samples
        self._step, self._losses = 0, np.zeros((1, 2))
        memory = self._memory = Memory()  # holds what the kernels know the address of
        lay_out = sparse_workspace if self.sparse else dense_workspace
        self._workspace = lay_out(memory, X, s, self.dtype, batch_size, n_threads, self.as_they_come)
        weighted = sample_weight is not None
        self._buffers = Buffers(
            theta=self.theta,
            moment1=self.moment1,
            moment2=self.moment2,
            targets=np.array(targets, self.dtype, order="C"),
            sample_weight=np.array(sample_weight if weighted else [], self.dtype, order="C"),
            **self._workspace.buffers,
        )
        self._addresses = np.array([memory.address(array) for array in self._buffers])
        activation, output, solver = self.codes
        plan = Plan(
            activation=activation,
            output=output,
            solver=solver,
            targets=targets.shape[1],
            weighted=weighted,
            ordered=False,
            order_address=0,
            generator=0,
            seen=0,
            key=self.key,
            **self._workspace.plan,
        )
        self._plan, self._constants = np.array(plan), np.array(self.settings, dtype=np.float64)
        self.block = plan.block
        operations = 6 * s.hidden * ((X.nnz // max(1, X.shape[0]) if self.sparse else s.features) + s.outputs)
        per_step = min(batch_size, self.block)
        if self.sparse:
            operations += UPDATE_OPERATIONS * s.size // per_step  # what a step costs however few its nonzeros
        self.scheduler = ThreadScheduler(
            operations,
            per_step,
            self._workspace.parts > 1,
            (self.dtype, self.sparse),
        )

    def train_epoch(self, order, rate, step, seen=0):
        """Train on all examples once; return the mean over examples of their batches' losses.

        Parameters
        ----------
        order : ndarray of shape (n_samples,) of intp, or None for all rows as they come
            The rows of X; all rows in one batch are taken as they come anyway.
        rate : float
            The learning rate.
        step, seen : int
            The number of updates, and of examples, before this epoch.
        """
        return self.train_epochs(1, order, None, rate, step, seen)[0]

    def train_epochs(self, most, order, generator, rate, step, seen=0):
        """Train for one epoch or more, but no more than ``most`` and, if several, not for long.

        A batch whose examples all weigh 0 is left out, as if it were not there.

        Parameters
        ----------
        most : int
        order : ndarray of shape (n_samples,) of intp, or None for all rows as they come
            The rows of X; all rows in one batch are taken as they come anyway.
        generator : ndarray or None
            The state of the generator that shuffles ``order`` before each epoch.
        rate, step, seen
            As in ``train_epoch``.

        Returns
        -------
        losses : list of float
            For each epoch that was done, the mean over examples of their batches' losses.
        """
        plan, settings, n = self._plan, self._constants, self.n_samples
        plan[_SEEN] = seen
        plan[_ORDERED] = order is not None and not self.as_they_come
        memory = Memory()
        plan[ORDER] = 0 if order is None else memory.address(order)
        plan[GENERATOR] = 0 if generator is None else memory.address(generator)
        settings[_RATE] = rate
        parallel, places = self.scheduler.next_call(most * n)
        epochs = max(1, places // n)
        self._step, self._losses = step, np.zeros((epochs + 1, 2))  # the last row is for what was reached
        begin, end = 0, epochs * n
        while True:
            seconds = self._call(parallel, begin, self._border(begin, places, end), step)
            reached = int(self._losses[-1, 0])
            self.scheduler.record(parallel, reached - begin, seconds)
            begin = reached
            if begin == end:
                return self.losses_so_far()
            parallel, places = self.scheduler.next_call(end - begin)

    def losses_so_far(self):
        """Return the losses of the complete epochs of the last call of ``train_epochs``, which may be interrupted."""
        epochs = int(self._losses[-1, 0]) // self.n_samples
        sums, left_out = self._losses[:epochs].T
        return (sums / (self.n_samples - left_out)).tolist()

    @property
    def updates(self):
        """The number of updates after the last call of ``train_epochs``, which may be interrupted."""
        reached, skipped = self._losses[-1]
        epochs, place = divmod(int(reached), self.n_samples)
        return self._step + epochs * -(-self.n_samples // self.batch_size) + place // self.batch_size - int(skipped)

    def forget_losses(self):
        """Let ``losses_so_far`` begin anew."""
        self._step, self._losses = self.updates, np.zeros((1, 2))

    def _call(self, parallel, *run):
        """Make one kernel call, with threads if they are asked for and allowed; return the seconds that it took."""
        if not parallel:
            return self._call_copy(False, 1, *run)
        with threads(self._workspace.parts) as allowed:
            return self._call_copy(allowed, self._workspace.parts if allowed else 1, *run)

    def _call_copy(self, parallel, parts, begin, end, step):
        train = _TRAIN[self.sparse, parallel]
        run = self.batch_size, self.n_samples, step, self._losses, parts
        packed = self._addresses, self._sizes, self._plan, self._constants, self.theta
        if (self.dtype, self.sparse, parallel) not in _ready:
            train(begin, begin, *run, *packed)  # compiles, or loads from the cache
            _ready.add((self.dtype, self.sparse, parallel))
        start = perf_counter()
        train(begin, end, *run, *packed)
        return perf_counter() - start

    def _border(self, begin, places, end):
        """Return the border of a block that ends a call of about so many places from ``begin`` on."""
        if begin + places >= end:
            return end
        epoch, place = begin - begin % self.n_samples, begin % self.n_samples
        start = place // self.batch_size * self.batch_size
        stop = min(start + self.batch_size, self.n_samples)
        if place + places >= stop:  # whole batches
            return epoch + min(self.n_samples, max(stop, (place + places) // self.batch_size * self.batch_size))
        blocks = max(1, places // self.block)
        return epoch + min(stop, place + blocks * self.block)


def matrices(coefs, intercepts, dtype, sizes=None):
    """Return W1, b1, W2, b2 as contiguous arrays of a dtype, writable as all that kernels are compiled for.

    Parameters
    ----------
    coefs, intercepts : lists of two arrays
    dtype : dtype
    sizes : tuple of three int or None
        The features, hidden units and outputs, if they are known beforehand.

    Raises
    ------
    ValueError
        If the shapes are not those of one network: the kernels do not look at them.
    """
    arrays = [np.ascontiguousarray(array, dtype) for pair in zip(coefs, intercepts, strict=True) for array in pair]
    shapes = [array.shape for array in arrays]
    features, hidden, outputs = (*shapes[0], *shapes[2][1:]) if sizes is None else sizes
    if shapes != [(features, hidden), (hidden,), (hidden, outputs), (outputs,)]:
        raise ValueError(f"Coefficients and intercepts of the shapes {shapes} do not make up a network.")
    return [array if array.flags.writeable else array.copy() for array in arrays]
