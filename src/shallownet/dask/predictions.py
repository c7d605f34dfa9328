"""Lazy predictions of a fitted model for the blocks of a collection; they need no client."""

from copy import copy

import dask
import dask.array
import numpy as np


def predicted(model, method, X, columns=None):
    """Return what a method of a model gives for a collection, as a collection of the same kind, not yet computed.

    Parameters
    ----------
    model : estimator
        A fitted one that is not bound to a cluster.
    method : str
        The name of the method.
    X : Dask Array or DataFrame
    columns : array-like or None
        The names of the columns of a DataFrame with several; None counts them.

    Returns
    -------
    outputs : Dask Array, or DataFrame or Series with the index of X
    """
    model.n_jobs = 1  # a worker computes a block in each of its threads
    nameless = copy(model)
    vars(nameless).pop("feature_names_in_", None)
    with np.errstate(divide="ignore"):  # the logarithm of a probability of 0
        empty = getattr(nameless, method)(np.zeros((1, len(model.coefs_[0])), model.coefs_[0].dtype))[:0]
    options = {"method": method, "empty": empty, "columns": columns}
    delayed = dask.delayed(model)
    if isinstance(X, dask.array.Array):
        if X.ndim != 2:
            raise ValueError(f"X must have 2 dimensions, got {X.ndim}.")
        X = X.rechunk({1: -1}) if X.numblocks[1] > 1 else X
        shape = {"drop_axis": 1} if empty.ndim == 1 else {"chunks": (X.chunks[0], empty.shape[1:])}
        return X.map_blocks(_of_block, delayed, meta=empty, **shape, **options)
    return X.map_partitions(_of_block, delayed, meta=_as_block(empty, X._meta, columns), **options)


def _of_block(block, model, method, empty, columns):
    outputs = getattr(model, method)(block) if block.shape[0] else empty  # len() fails where it is sparse
    return _as_block(outputs, block, columns)


def _as_block(outputs, block, columns):
    """Return outputs with the index of a block, if it has one."""
    if not hasattr(block, "index"):
        return outputs
    import pandas

    if outputs.ndim == 1:
        return pandas.Series(outputs, index=block.index, name="prediction")
    return pandas.DataFrame(outputs, index=block.index, columns=columns)
