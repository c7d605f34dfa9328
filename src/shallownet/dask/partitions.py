"""One partition of the data, and what a task does with it. Nothing here knows Dask.

Each function is pure: it may run anywhere, and again after a worker was lost, with the same bits. What it takes and
returns are plain arrays, never a Network, which holds addresses.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier

from ..estimators.input_checks import check_examples
from ..estimators.targets import SINGLE, classes_of
from ..training.fit import attach, make_network, order_of, outputs_are_finite
from ..training.inference import thread_count
from ..training.problem import Examples, NetworkState, Problem


class OfArrays:
    """Says how large its arrays are: Dask decides by that where tasks run, and what is written to disk."""

    def __sizeof__(self):
        return object.__sizeof__(self) + sum(map(_n_bytes, vars(self).values()))


def _n_bytes(value):
    if sparse.issparse(value):
        return value.data.nbytes + value.indices.nbytes + value.indptr.nbytes
    if isinstance(value, list | tuple):
        return sum(map(_n_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


# --- from blocks to examples ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the driver needs to know of a partition."""

    n_samples: int
    first: Any = None  # the first row of X as the user gave it, with its names; None if there are no rows
    dtype: Any = None  # of the checked X
    # y in short: its classes, the first row of an indicator matrix, or the first row of numbers
    y: np.ndarray | None = None
    counts: np.ndarray | None = None  # (n_classes,), rows of each class; None if y has no single labels

    def names(self):
        """Return the names of the features, None if they have none."""
        return list(self.first.columns) if hasattr(self.first, "columns") else None


@dataclass(frozen=True, kw_only=True)
class CheckedRows(OfArrays):
    """The rows of a partition, checked."""

    number: int  # of the partition, by which errors name it
    summary: Summary
    X: Any = None  # (n, n_features), dense or CSR; None if there are no rows, as the next
    y: np.ndarray | None = None
    sample_weight: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Partition(OfArrays, Examples):
    """The examples of a partition, as training takes them."""


@contextmanager
def naming(number):
    """Let errors of a block name the partition."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"Partition {number}: {error}") from error


def check_partition(estimator, number, X, y, sample_weight):
    """Return the CheckedRows of a partition.

    Parameters
    ----------
    estimator : type
        The class of the estimator that the rows are for.
    number : int
        Counts from 0.
    X, y, sample_weight : blocks of a collection
        Arrays, sparse matrices, DataFrames or Series; ``sample_weight`` may be None.

    Raises
    ------
    ValueError
        If the blocks differ in length, or have what no fit accepts; it names the partition.
    """
    lengths = [block.shape[0] for block in (X, y, sample_weight) if block is not None]
    if len(set(lengths)) > 1:
        named = zip(lengths, ("X", "y", "sample_weight"), strict=False)
        raise ValueError(
            f"Partition {number} has {' and '.join(f'{length} rows of {name}' for length, name in named)}:"
            " all must have the same chunks."
        )
    if not lengths[0]:
        return CheckedRows(number=number, summary=Summary(n_samples=0))
    if sparse.issparse(y):
        raise ValueError(
            f"Partition {number}: sparse y is not supported, use y.map_blocks(lambda block: block.toarray())."
        )
    first = (X.iloc[:1] if hasattr(X, "iloc") else X[:1]).copy()  # no view, which would keep all of X
    # all of them may be 0 in a partition, but not in all that a check is given
    weightless = sample_weight is not None and not np.any(np.asarray(sample_weight))
    with naming(number):
        X, y, sample_weight = check_examples(estimator(), X, y, None if weightless else sample_weight, reset=True)
        short, counts = _in_short(y, is_classifier(estimator()))
    summary = Summary(n_samples=X.shape[0], first=first, dtype=X.dtype, y=short, counts=counts)
    X = X.tocsr() if sparse.issparse(X) else X
    sample_weight = np.zeros(X.shape[0], X.dtype) if weightless else sample_weight
    return CheckedRows(number=number, summary=summary, X=X, y=y, sample_weight=sample_weight)


def _in_short(y, has_labels):
    """Return a few rows of y that are of the same task as all of it, and the counts of its classes if it has such."""
    if has_labels:
        classes, kind = classes_of(y)
        if kind == SINGLE:
            return classes, np.unique(y, return_counts=True)[1]
    return y[:1].copy(), None


def summary_of(rows):
    """Return the Summary of CheckedRows."""
    return rows.summary


def encode(rows, task, dtype):
    """Return CheckedRows as the Partition from which a task is learned in a dtype."""
    with naming(rows.number):
        targets = task.encode(rows.y, dtype)
    weights = None if rows.sample_weight is None else rows.sample_weight.astype(dtype, copy=False)
    return Partition(
        X=rows.X.astype(dtype, copy=False),
        targets=targets,
        sample_weight=task.weighted(weights, targets, dtype),
        y=None,
    )


# --- training -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all tasks of a fit know."""

    task: Any  # Task
    hyperparameters: Any  # Hyperparameters, without a random state; n_threads is the most that the user allows
    seed: int  # of the order of rows, and of dropout

    def on(self, partition):
        """Return the Problem that a partition poses."""
        return Problem(examples=partition, held_out=None, task=self.task, scoring=None)

    def with_threads(self, n_threads, **others):
        """Return Hyperparameters for so many threads, or as many as the user and Numba allow."""
        allowed = thread_count(min(n_threads, self.hyperparameters.n_threads))
        return replace(self.hyperparameters, n_threads=allowed, **others)


@dataclass(frozen=True, kw_only=True)
class State(OfArrays):
    """The model that travels from partition to partition, as plain arrays."""

    coefs: list
    intercepts: list
    moments: Any = None  # two moments of the optimizer, each as (coefs, intercepts); None before the first step
    updates: int = 0  # since the optimizer began
    seen: int = 0  # examples
    epoch: int = 0  # epochs before this one
    losses: tuple = ()  # of each partition visited in this epoch: (the loss summed over rows, number of rows)

    def arrays(self):
        """Return all weights."""
        return [*self.coefs, *self.intercepts]


def visit(partition, state, number, rate, job, n_threads):
    """Train on one partition for one epoch.

    The order of its rows, and dropout, are drawn from a generator that is seeded with the fit, the epoch and the
    number of the partition, so that the same visit gives the same bits wherever it is made.

    Parameters
    ----------
    partition : Partition
    state : State
    number : int
        Of the partition.
    rate : float
        The learning rate.
    job : Job
    n_threads : int
        The threads of the worker.

    Returns
    -------
    state : State
    """
    n, weights = partition.X.shape[0], partition.sample_weight
    if weights is not None and not weights.any():  # as if the rows were not there
        return replace(state, seen=state.seen + n)
    bits = np.random.MT19937(np.random.SeedSequence([job.seed, state.epoch, number]))
    hyperparameters = job.with_threads(n_threads, random_state=np.random.RandomState(bits), private_random_state=True)
    start = NetworkState(coefs=state.coefs, intercepts=state.intercepts)
    network = make_network(job.on(partition), hyperparameters, start)
    attach(network, partition, None, hyperparameters)
    if state.moments is not None:
        network.set_moments(state.moments)
    order = order_of(network, None, hyperparameters)
    order.lend(1)
    order.shuffle()
    loss = network.train_epochs(1, order.rows, order.generator, rate, state.updates, state.seen)[0]
    coefs, intercepts = network.weights()
    return replace(
        state,
        coefs=coefs,
        intercepts=intercepts,
        moments=network.moments().unpacked(),
        updates=network.updates,
        seen=state.seen + n,
        losses=(*state.losses, (loss * n, n)),
    )


@dataclass(frozen=True, kw_only=True)
class Sums(OfArrays):
    """The loss and its gradient, without penalty, summed over weighted examples."""

    loss: float
    gradient: list  # of float64, in the shapes of coefs and intercepts
    weight: float  # the sum of the weights


def sums_of(partition, weights, job, n_threads):
    """Return the Sums over a partition at these weights of the network, a pair of coefs and intercepts."""
    coefs, intercepts = weights
    given = partition.sample_weight
    weight = float(partition.X.shape[0] if given is None else given.sum(dtype=np.float64))
    if weight == 0:
        return Sums(loss=0.0, gradient=[np.zeros(array.shape) for array in (*coefs, *intercepts)], weight=0.0)
    hyperparameters = job.with_threads(n_threads, alpha=0.0)
    network = make_network(job.on(partition), hyperparameters, NetworkState(coefs=coefs, intercepts=intercepts))
    attach(network, partition, None, hyperparameters)
    loss, gradient = network.loss_and_gradient(*network.weights())
    arrays = [array.astype(np.float64) * weight for arrays in gradient for array in arrays]
    return Sums(loss=loss * weight, gradient=arrays, weight=weight)


def total(sums):
    """Return the sum of Sums, added in the order of the partitions: always the same bits."""
    gradient = [sum(arrays) for arrays in zip(*(each.gradient for each in sums), strict=True)]
    return Sums(loss=sum(each.loss for each in sums), gradient=gradient, weight=sum(each.weight for each in sums))


def is_finite(partition, weights, job, n_threads):
    """Return whether the outputs for a partition are finite at these weights, a pair of coefs and intercepts."""
    coefs, intercepts = weights
    return outputs_are_finite(coefs, intercepts, job.on(partition), job.with_threads(n_threads))
