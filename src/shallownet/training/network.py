"""The network as data: its weights in panels, and the buffers with which a solver trains it."""

from time import perf_counter

import numpy as np

from ..jit.threads import threads
from ..kernels.memory import Memory, zeros
from ..kernels.optimizers import optimizer_of
from ..kernels.structs import POSITIONS, Buffers, RunSpec, StepParameters, flat
from ..kernels.train import LEFT_OUT, REACHED, train_parallel, train_serial
from ..kernels.train_sparse import train_sparse_parallel, train_sparse_serial
from ..kernels.weight_layout import layout, pack, unpack
from ..simd.vectors import REGISTER_BYTES
from .buffers import dense_workspace, readable, sparse_workspace
from .thread_scheduler import ThreadScheduler

KEPT_BYTES = 2**20  # of a network, at most, that an estimator keeps between calls
UPDATE_OPERATIONS = 20  # that the update of a weight costs, in the time of as many of a product

_RATE = StepParameters._fields.index("rate")  # what changes from epoch to epoch

# The kernels that this process has compiled or loaded, by dtype, whether X is sparse, and whether they are parallel.
_ready: set = set()

# by whether X is sparse, and whether threads are used
_TRAIN = {
    (False, False): train_serial,
    (False, True): train_parallel,
    (True, False): train_sparse_serial,
    (True, True): train_sparse_parallel,
}


class Moments:
    """Moments of an optimizer as a network stores them, in panels; ``unpacked`` returns them as users know weights."""

    def __init__(self, panels, sizes):
        self.panels, self.sizes = panels, sizes

    def unpacked(self):
        """Return two moments, each as coefs and intercepts; 0 where the optimizer has none."""
        missing = [np.zeros_like(self.panels[0])] * (2 - len(self.panels))
        return tuple(unpack(panels, self.sizes) for panels in (*self.panels, *missing))


class Network:
    """A network in training: weights, an optimizer's moments, and the examples that it learns from.

    A network that is ``kept`` may train again, with other weights and examples: for a batch of a few rows, making the
    buffers takes longer than the training.

    Parameters
    ----------
    coefs, intercepts : lists of two arrays
        W1 (n_features, n_hidden) and W2 (n_hidden, n_outputs), b1 and b2, of one dtype.
    activation, output, optimizer : int
        Codes of the kernels' variants.
    parameters : StepParameters
        The numbers of a step; ``rate`` is replaced in each epoch.
    key : int
        The key of dropout's random numbers.
    sparse : bool
        Whether X will be sparse.
    """

    def __init__(self, coefs, intercepts, activation, output, optimizer, parameters, key=1, sparse=False):
        (n_features, n_hidden), n_outputs = coefs[0].shape, coefs[1].shape[1]
        self.dtype = coefs[0].dtype
        self.lanes = REGISTER_BYTES // self.dtype.itemsize
        self.sparse = sparse
        self.sizes = layout(n_features, n_hidden, n_outputs, self.lanes, sparse)
        self.optimizer = optimizer_of(optimizer)
        self._variant = {
            "activation": activation,
            "output": output,
            "optimizer": optimizer,
            "corrects_rate": self.optimizer.corrects_rate,
            "key": key,
        }
        self.theta = zeros(self.sizes.size, self.dtype)
        self._moments = [zeros(self.sizes.size, self.dtype) for _ in range(self.optimizer.moments)]
        self._sizes, self._parameters = flat(self.sizes), flat(parameters)
        self._attached = None  # what the workspace was laid out for
        self.set_weights(coefs, intercepts)

    def __reduce__(self):
        raise TypeError(
            "A Network cannot be pickled or copied, because it holds addresses of memory: pickle its weights() and"
            " moments()."
        )

    def renewed(self, coefs, intercepts, activation, output, optimizer, parameters, key, sparse):
        """Return this network as if made of these arguments, moments and all, or None if it is of another kind."""
        variant = self._variant | {"activation": activation, "output": output, "optimizer": optimizer}
        sizes = *coefs[0].shape, coefs[1].shape[1]
        if (self.dtype, self.sparse, self.sizes[:3]) != (coefs[0].dtype, sparse, sizes) or variant != self._variant:
            return None
        self._parameters = flat(parameters)
        self._variant["key"] = key
        self.set_weights(coefs, intercepts)
        for panels in self._moments:
            panels[:] = 0
        return self

    def set_weights(self, coefs, intercepts):
        """Replace the weights."""
        self._pack(coefs, intercepts, self.theta)

    def weights(self):
        """Return coefs and intercepts, as new arrays."""
        return unpack(self.theta, self.sizes)

    def moments(self):
        """Return a copy of the optimizer's Moments."""
        return Moments([panels.copy() for panels in self._moments], self.sizes)

    def set_moments(self, moments):
        """Continue with the moments of an earlier training: Moments, or what they are ``unpacked``."""
        if isinstance(moments, Moments) and moments.sizes == self.sizes:
            for panels, earlier in zip(self._moments, moments.panels, strict=True):
                panels[:] = earlier
            return
        unpacked = moments.unpacked() if isinstance(moments, Moments) else moments
        for (coefs, intercepts), panels in zip(unpacked, self._moments, strict=False):
            self._pack(coefs, intercepts, panels)

    def loss_and_gradient(self, coefs, intercepts):
        """Return the loss of all examples at given weights, and its gradient as coefs and intercepts.

        The optimizer must be GRADIENT and the batch full.
        """
        self.set_weights(coefs, intercepts)
        loss = self.train_epoch(None, 0.0, 0)
        return loss, unpack(self._moments[0], self.sizes)

    def _pack(self, coefs, intercepts, panels):
        w1, b1, w2, b2 = matrices(coefs, intercepts, self.dtype, self.sizes[:3])
        pack(w1, b1, w2, b2, panels, self.sizes)

    def finite(self):
        """Return whether all weights are finite."""
        return bool(np.isfinite(self.theta).all())

    def largest_weight(self):
        """Return the largest absolute value of a weight."""
        return max(self.theta.max(), -self.theta.min())

    def attach(self, X, targets, sample_weight, rows, batch_size, n_threads):
        """Take the examples and lay out the workspace.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), of the network's dtype, in any memory layout, or CSR matrix
            Read where it lies in each epoch if its rows are in one piece; else it is copied, as are the others.
        targets : ndarray of shape (n, m): class indices, or a number for each output
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
        wanted = X.shape, targets.shape, sample_weight is None, batch_size, n_threads
        if rows is None and wanted == self._attached:
            return self._exchange(X, targets, sample_weight)
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self.batch_size = batch_size
        # all rows of X in one batch: their gradient is the same in any order, but for roundings
        self.as_they_come = rows is None and batch_size == self.n_samples
        self._step, self._losses = 0, np.zeros((1, 2))
        memory = self._memory = Memory()  # holds what the kernels know the address of
        self._attached = None if rows is not None or self.sparse else wanted
        lay_out = sparse_workspace if self.sparse else dense_workspace
        self._workspace = lay_out(memory, X, s, self.dtype, batch_size, n_threads, self.as_they_come)
        weighted = sample_weight is not None
        self._buffers = Buffers(
            theta=self.theta,
            moment1=self._moments[0],
            moment2=self._moments[1] if len(self._moments) > 1 else zeros(0, self.dtype),
            targets=np.array(targets, self.dtype, order="C"),
            sample_weight=np.array(sample_weight if weighted else [], self.dtype, order="C"),
            **self._workspace.buffers,
        )
        self._addresses = np.array([memory.address(array) for array in self._buffers])
        spec = RunSpec(
            **self._variant,
            n_samples=self.n_samples,
            batch_size=batch_size,
            targets=targets.shape[1],
            weighted=weighted,
            ordered=False,
            order_address=0,
            generator=0,
            updates=0,
            seen=0,
            **self._workspace.spec,
        )
        self._spec, self.block = flat(spec), spec.block
        operations = 6 * s.hidden * ((X.nnz // max(1, X.shape[0]) if self.sparse else s.features) + s.outputs)
        per_step = min(batch_size, self.block)
        if self.sparse:
            operations += UPDATE_OPERATIONS * s.size // per_step  # what a step costs however few its nonzeros
        self.scheduler = ThreadScheduler(
            operations,
            per_step,
            self._workspace.workers > 1,
            (self.dtype, self.sparse),
        )

    def _exchange(self, X, targets, sample_weight):
        """Take other examples, of the same shapes, into the same workspace."""
        X = readable(X)
        self._workspace = self._workspace._replace(X=X)
        x_address, key = self._memory.address(X), self._variant["key"]
        self._set(x_address=x_address, x_row=X.strides[0], x_column=X.strides[1], key=key)
        self._buffers.targets[:] = targets
        if sample_weight is not None:
            self._buffers.sample_weight[:] = sample_weight
        self._step, self._losses = 0, np.zeros((1, 2))

    def kept(self):
        """Return this network without its examples, to train again, or None if that would bring little."""
        size = sum(buffer.nbytes for buffer in self._buffers)
        if self._attached is None or size > KEPT_BYTES or self._spec[POSITIONS["prefetch"]]:
            return None
        self._memory.release(self._workspace.X)
        self._workspace = self._workspace._replace(X=None)
        return self

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
        n, memory = self.n_samples, Memory()
        self._set(
            updates=step,
            seen=seen,
            ordered=order is not None and not self.as_they_come,
            order_address=0 if order is None else memory.address(order),
            generator=0 if generator is None else memory.address(generator),
        )
        self._parameters[_RATE] = rate
        parallel, positions = self.scheduler.next_call(most * n)
        epochs = max(1, positions // n)
        self._step, self._losses = step, np.zeros((1 + epochs, 2))
        begin, end = 0, epochs * n
        while True:
            allowed, seconds = self._call(parallel, begin, self._border(begin, positions, end))
            reached = int(self._losses[0, REACHED])
            self.scheduler.record(allowed, reached - begin, seconds)
            begin = reached
            if begin == end:
                return self.losses_so_far()
            parallel, positions = self.scheduler.next_call(end - begin)

    def _set(self, **fields):
        """Change fields of the RunSpec."""
        for name, value in fields.items():
            self._spec[POSITIONS[name]] = value

    def losses_so_far(self):
        """Return the losses of the complete epochs of the last call of ``train_epochs``, which may be interrupted."""
        epochs = int(self._losses[0, REACHED]) // self.n_samples
        sums, left_out = self._losses[1 : 1 + epochs].T
        return (sums / (self.n_samples - left_out)).tolist()

    @property
    def updates(self):
        """The number of updates after the last call of ``train_epochs``, which may be interrupted."""
        reached, left_out = int(self._losses[0, REACHED]), int(self._losses[0, LEFT_OUT])
        epochs, position = divmod(reached, self.n_samples)
        return self._step + epochs * -(-self.n_samples // self.batch_size) + position // self.batch_size - left_out

    def forget_losses(self):
        """Let ``losses_so_far`` begin anew."""
        self._step, self._losses = self.updates, np.zeros((1, 2))

    def _call(self, parallel, begin, end):
        """Make one kernel call, with threads if wanted and allowed; return whether they were, and the seconds."""
        with threads(self._workspace.workers if parallel else 1) as allowed:
            train, key = _TRAIN[self.sparse, allowed], (self.dtype, self.sparse, allowed)
            workers = self._workspace.workers if allowed else 1
            told = workers, self._losses, self._addresses, self._sizes, self._spec, self._parameters, self.theta
            if key not in _ready:
                train(begin, begin, *told)  # compiles, or loads from the cache
                _ready.add(key)
            start = perf_counter()
            train(begin, end, *told)
            return allowed, perf_counter() - start

    def _border(self, begin, positions, end):
        """Return the border of a block that ends a call of about so many positions from ``begin`` on."""
        if begin + positions >= end:
            return end
        epoch, position = begin - begin % self.n_samples, begin % self.n_samples
        start = position // self.batch_size * self.batch_size
        stop = min(start + self.batch_size, self.n_samples)
        if position + positions >= stop:  # whole batches
            last = (position + positions) // self.batch_size * self.batch_size
            return epoch + min(self.n_samples, max(stop, last))
        blocks = max(1, positions // self.block)
        return epoch + min(stop, position + blocks * self.block)


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
