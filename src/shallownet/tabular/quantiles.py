"""Quantiles of the columns of a matrix, of which values may be missing."""

import numpy as np


class SortedColumns:
    """The columns of a matrix, sorted.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        NaN is a missing value.

    Attributes
    ----------
    values : ndarray of shape (n_features, n)
        Each column in increasing order, missing values last.
    counts : ndarray of shape (n_features,)
        How many values of each column are not missing.
    """

    def __init__(self, X):
        self.values = np.array(X.T, np.float64, order="C")
        self.values.sort(axis=1)
        self.counts = X.shape[0] - np.isnan(self.values).sum(axis=1)

    def quantiles(self, probabilities):
        """Return these quantiles of each column, (n_features, n_probabilities); NaN for a column without values.

        They are interpolated between the nearest two values, as by default in NumPy.
        """
        positions = np.maximum(self.counts - 1, 0)[:, np.newaxis] * np.asarray(probabilities)
        below = positions.astype(np.intp)
        above = np.minimum(below + 1, np.maximum(self.counts - 1, 0)[:, np.newaxis])
        low, high = (np.take_along_axis(self.values, rank, axis=1) for rank in (below, above))
        share = positions - below
        # clipped, as roundings would otherwise make two quantiles of equal values differ
        return np.clip(low * (1 - share) + high * share, low, high)

    def distinct(self, feature, most):
        """Return the distinct values of a column in increasing order, or None if there are more than ``most``."""
        values = self.values[feature, : self.counts[feature]]
        changes = np.flatnonzero(values[1:] > values[:-1])
        return None if len(changes) >= most else np.concatenate([values[:1], values[changes + 1]])
