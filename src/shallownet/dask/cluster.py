"""A fit on a cluster: its tasks, its data, and the network whose steps are tasks.

Every result that a fit needs is that of a task, which any worker can compute again: nothing is scattered, nothing is
pinned to a worker. After each epoch the driver has the whole model, so a lost worker costs at most the epoch.
"""

import time
import uuid
import weakref
from dataclasses import replace

import dask
import dask.array
import distributed
import numpy as np

from ..training.fit import WEIGHTLESS
from ..training.network import Moments
from .partitions import (
    State,
    check_partition,
    encode,
    is_finite,
    summary_of,
    sums_of,
    total,
    visit,
)

PATIENCE = 60.0  # seconds without any worker after which a fit fails
POLL = 5.0  # seconds between looks at the workers
# A class is missed in a partition that lacks it and would have so many rows of it, if its rows were drawn at random:
# the probability of that is exp(-10).
MISSED_ROWS = 10


# --- tasks ----------------------------------------------------------------------------------------------


class Tasks:
    """The tasks of one fit; whatever they left on the cluster is released at the end of a ``with`` block."""

    def __init__(self, client):
        self.client = client
        self._futures: weakref.WeakSet[distributed.Future] = weakref.WeakSet()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # an exception that the user keeps would hold them otherwise
        for future in list(self._futures):
            future.release()

    def submit(self, function, *arguments):
        """Return the future result of a function of arguments, among them lists, that may be futures."""
        return self._submit(function.__name__, function, *arguments)

    def submit_threaded(self, function, *arguments):
        """As ``submit``, of a function whose last argument is the number of threads that the worker has."""
        return self._submit(function.__name__, _threaded, function, *arguments)

    def _submit(self, name, function, *arguments):
        key = f"shallownet-{name}-{uuid.uuid4().hex}"
        return self._noted(self.client.submit(function, *arguments, key=key))

    def compute(self, delayed):
        """Return the futures of delayed values."""
        return [self._noted(future) for future in self.client.compute(delayed)]

    def _noted(self, future):
        self._futures.add(future)
        return future

    def result(self, future):
        """Wait for a result.

        Raises
        ------
        RuntimeError
            If the client was closed, all workers are lost, or data is that cannot be computed again.
        """
        last_worker = time.monotonic()
        while True:
            try:
                return future.result(timeout=POLL)
            except distributed.CancelledError as error:
                raise RuntimeError(
                    "The fit was cut off: the client was closed, or data that were scattered are lost with their"
                    " worker, as nothing can compute them again."
                ) from error
            except TimeoutError:
                if future.status == "error":  # it is the task's own
                    raise
            if self.client.status in ("closing", "closed"):
                raise RuntimeError("The fit was cut off: the client was closed.")
            now = time.monotonic()
            if self.client.nthreads():
                last_worker = now
            elif now - last_worker > PATIENCE:
                raise RuntimeError(f"The fit was cut off: the cluster has had no worker for {PATIENCE:.0f} seconds.")


def _threaded(function, *arguments):
    return function(*arguments, distributed.get_worker().state.nthreads)


def _together(results):
    return results


# --- data -----------------------------------------------------------------------------------------------


def blocks_of(name, collection):
    """Return the partitions of a collection, as delayed blocks of whole rows, and their lengths, NaN where unknown.

    Raises
    ------
    TypeError
        If it is no Dask Array, DataFrame or Series.
    """
    if isinstance(collection, dask.array.Array):
        if collection.ndim == 2 and collection.numblocks[1] > 1:
            collection = collection.rechunk({1: -1})
        return collection.to_delayed().ravel().tolist(), collection.chunks[0]
    if dask.is_dask_collection(collection) and hasattr(collection, "divisions"):
        blocks = list(collection.to_delayed())
        return blocks, [np.nan] * len(blocks)
    raise TypeError(
        f"{name} must be a Dask Array, DataFrame or Series, got {type(collection).__name__}. Arrays in memory are for"
        " ShallowNetClassifier and ShallowNetRegressor, or for dask.array.from_array."
    )


def _check_lengths(X_lengths, name, lengths):
    if len(lengths) != len(X_lengths):
        raise ValueError(
            f"X has {len(X_lengths)} partitions, but {name} has {len(lengths)}: give them the same chunks."
        )
    for number, (n, m) in enumerate(zip(X_lengths, lengths, strict=True)):
        if not (np.isnan(n) or np.isnan(m) or n == m):
            raise ValueError(
                f"Partition {number} has {n} rows of X and {m} rows of {name}: all must have the same chunks."
            )


class ClusterData:
    """The examples of a fit, in partitions on a cluster.

    Parameters
    ----------
    tasks : Tasks
    X, y, sample_weight : collections
        As the user gave them.

    Attributes
    ----------
    given : tuple
        X, y and sample_weight.
    numbers : list of int
        Of the partitions that have rows.
    partitions : list of Future
        Those, after ``encode``.
    first : object
        The first row of X, with the names of its features if it has some.
    y : ndarray
        A few rows of y, of the same task as all of it: if it has labels, each once.
    dtype : dtype
        In which X is trained.
    n_samples : int
    """

    sample_weight = None  # each partition has its own

    def __init__(self, tasks, X, y, sample_weight):
        self.tasks, self.given = tasks, (X, y, sample_weight)

    def check(self, estimator):
        """Check all rows, for a class of estimators, and find the classes.

        Raises
        ------
        TypeError
            If X, y or sample_weight is no collection.
        ValueError
            If the data are not valid; what is wrong in a partition names it.
        """
        X, y, sample_weight = self.given
        X_blocks, lengths = blocks_of("X", X)
        blocks = [X_blocks]
        for name, collection in (("y", y), ("sample_weight", sample_weight)):
            if collection is None and name == "sample_weight":
                blocks.append([None] * len(X_blocks))
                continue
            found, found_lengths = blocks_of(name, collection)
            _check_lengths(lengths, name, found_lengths)
            blocks.append(found)
        check = dask.delayed(check_partition, pure=False)
        checked = self.tasks.compute(
            [check(estimator, number, *of_one) for number, of_one in enumerate(zip(*blocks, strict=True))]
        )
        summaries = self._gathered([self.tasks.submit(summary_of, rows) for rows in checked])
        self.numbers = [number for number, summary in enumerate(summaries) if summary.n_samples]
        if not self.numbers:
            raise ValueError("X has no rows.")
        self._checked = [checked[number] for number in self.numbers]
        self._summaries = [summaries[number] for number in self.numbers]
        self._put_together()

    def _gathered(self, futures):
        return self.tasks.result(self.tasks.submit(_together, futures))

    def _put_together(self):
        first, *others = self._summaries
        for number, other in zip(self.numbers[1:], others, strict=True):
            if other.first.shape[1] != first.first.shape[1]:
                raise ValueError(
                    f"Partition {number} has {other.first.shape[1]} features, but partition {self.numbers[0]} has"
                    f" {first.first.shape[1]}."
                )
            if other.names() != first.names():
                raise ValueError(f"The features of partition {number} have other names: {other.names()}.")
        self.first = first.first
        self.n_samples = sum(summary.n_samples for summary in self._summaries)
        self.dtype = np.result_type(*(summary.dtype for summary in self._summaries))
        self.y = first.y
        if first.counts is not None:
            self.y = np.unique(np.concatenate([summary.y for summary in self._summaries]))

    def _class_counts(self):
        """Return the rows of each class in each partition, (n_partitions, n_classes)."""
        counts = np.zeros((len(self._summaries), len(self.y)), np.int64)
        for row, summary in zip(counts, self._summaries, strict=True):
            row[np.searchsorted(self.y, summary.y)] = summary.counts
        return counts

    def balanced(self, task):
        """Return the task with the weights of balanced classes, if these are what it asks for."""
        if not isinstance(getattr(task, "class_weight", None), str) or self._summaries[0].counts is None:
            return task
        weights = self.n_samples / (len(self.y) * self._class_counts().sum(axis=0))
        return replace(task, class_weight=dict(zip(self.y, weights, strict=True)))

    def lacking_classes(self):
        """Return the numbers of partitions that lack a class that they would have if rows were in random order."""
        if self._summaries[0].counts is None:
            return []
        counts = self._class_counts()
        expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / self.n_samples
        lacking = ((counts == 0) & (expected >= MISSED_ROWS)).any(axis=1)
        return [number for number, lacks in zip(self.numbers, lacking, strict=True) if lacks]

    def most_rows(self):
        """Return the number of rows of the largest partition."""
        return max(summary.n_samples for summary in self._summaries)

    def encode(self, task):
        """Make the partitions of what was checked."""
        self.partitions = [self.tasks.submit(encode, rows, task, self.dtype) for rows in self._checked]
        self._checked = []


# --- the network ----------------------------------------------------------------------------------------


class RemoteNetwork:
    """What the loop of a fit and L-BFGS ask of a Network, of examples that lie on a cluster.

    Parameters
    ----------
    data : ClusterData
    job : Job
    coefs, intercepts : lists of two arrays
        The weights that training begins with.
    """

    def __init__(self, data, job, coefs, intercepts):
        self.dtype, self.n_samples = data.dtype, data.n_samples
        self._data, self._tasks, self._job = data, data.tasks, job
        # replaced as a whole, whenever an interrupt comes
        self._state = State(coefs=self._copies(coefs), intercepts=self._copies(intercepts))

    def _copies(self, arrays):
        return [np.array(array, self.dtype) for array in arrays]

    def weights(self):
        """Return coefs and intercepts, as new arrays."""
        return self._copies(self._state.coefs), self._copies(self._state.intercepts)

    def set_weights(self, coefs, intercepts):
        """Replace the weights."""
        self._state = replace(self._state, coefs=self._copies(coefs), intercepts=self._copies(intercepts))

    def moments(self):
        """Return the optimizer's two moments, each as coefs and intercepts; None before the first epoch."""
        return self._state.moments

    def set_moments(self, moments):
        """Continue with the moments of an earlier training."""
        moments = moments.unpacked() if isinstance(moments, Moments) else moments
        self._state = replace(self._state, moments=moments)

    def finite(self):
        """Return whether all weights are finite."""
        return all(np.isfinite(array).all() for array in self._state.arrays())

    def largest_weight(self):
        """Return the largest absolute value of a weight."""
        return np.max([np.abs(array).max() for array in self._state.arrays()])

    @property
    def updates(self):
        """The number of updates so far."""
        return self._state.updates

    def forget_losses(self):
        """Let ``losses_so_far`` begin anew."""
        self._state = replace(self._state, losses=())

    def losses_so_far(self):
        """Return the loss of the last epoch, if it is complete: the mean over examples of their batches' losses."""
        if not self._state.losses:
            return []
        sums, rows = zip(*self._state.losses, strict=True)
        return [sum(sums) / sum(rows)]

    def train_epochs(self, most, order, generator, rate, step, seen=0):
        """Train for one epoch: the model visits all partitions, in an order that is drawn anew; return its loss.

        Parameters
        ----------
        most, order, generator
            Of no meaning here: an epoch is made at once, and draws its order itself.
        rate : float
            The learning rate.
        step, seen : int
            The number of updates, and of examples, before this epoch.

        Returns
        -------
        losses : list of one float
        """
        job, n_partitions = self._job, len(self._data.partitions)
        before = replace(self._state, updates=step, seen=seen, losses=())
        visits = range(n_partitions)
        if job.hyperparameters.shuffle:
            bits = np.random.MT19937(np.random.SeedSequence([job.seed, before.epoch]))
            visits = np.random.RandomState(bits).permutation(n_partitions).tolist()
        state = before
        for place in visits:
            partition, number = self._data.partitions[place], self._data.numbers[place]
            state = self._tasks.submit_threaded(visit, partition, state, number, rate, job)
        after = self._tasks.result(state)
        if not after.losses:
            raise ValueError(WEIGHTLESS.format("training"))
        self._state = replace(after, epoch=before.epoch + 1)
        return self.losses_so_far()

    def loss_and_gradient(self, coefs, intercepts):
        """Return the loss of all examples at given weights, and its gradient as coefs and intercepts."""
        coefs, intercepts = self._copies(coefs), self._copies(intercepts)
        weights = self._tasks.submit(_together, (coefs, intercepts))
        sums = self._on_all(sums_of, weights)
        found = self._tasks.result(self._tasks.submit(total, sums))
        if found.weight == 0:
            raise ValueError(WEIGHTLESS.format("training"))
        penalty = self._job.hyperparameters.alpha / found.weight
        squares = sum(float((coef.astype(np.float64) ** 2).sum()) for coef in coefs)
        gradient = [array / found.weight for array in found.gradient]
        of_coefs = [array + penalty * coef for array, coef in zip(gradient[:2], coefs, strict=True)]
        return found.loss / found.weight + penalty / 2 * squares, (of_coefs, gradient[2:])

    def outputs_are_finite(self):
        """Return whether the outputs for all examples are finite."""
        weights = self._tasks.submit(_together, self.weights())
        return all(self._tasks.result(self._tasks.submit(_together, self._on_all(is_finite, weights))))

    def _on_all(self, function, weights):
        """Return the futures of a function of each partition and the weights."""
        return [
            self._tasks.submit_threaded(function, partition, weights, self._job) for partition in self._data.partitions
        ]
