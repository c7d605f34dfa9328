"""The inputs of a network, made of a table."""

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from .encoders import PiecewiseLinearEncoder, SmoothClipScaler

MAX_CATEGORIES = 100  # columns of a categorical feature: rarer levels share one
FEWEST_BINS = 4  # where there is no room for more bins than that, features are wide enough without


class TableEncoder:
    """Encodes a Table as a matrix of float32.

    A number has a scaled column and, beside it, piecewise-linear ones; a missing number takes the median, and one more
    column says so if the feature had missing values in the fit. A category has a column for each level. Levels beyond
    the 100 most frequent share a column, with levels that the fit did not see; where there is no such column, the
    latter have 0 in all. A missing category is a level of its own.

    Parameters
    ----------
    n_bins : int
        The most bins of a number; 0 leaves out the piecewise-linear columns.
    max_bins_total : int
        The most bins of all numbers together.
    edges : {'quantiles', 'tree'}, default='quantiles'
        Where bins end.

    Attributes
    ----------
    scaler_ : SmoothClipScaler or None
        None in a table without numbers, as the next.
    bins_ : PiecewiseLinearEncoder or None
        None, too, where there is no room for bins.
    levels_ : OneHotEncoder or None
        None in a table without categories.
    with_missing_ : ndarray of int
        The numbers that have a column for missing values.
    widths_ : list of int
        How many columns the matrix has of each kind: scaled, bins, missing, levels.
    """

    def __init__(self, n_bins, max_bins_total, edges="quantiles"):
        self.n_bins = n_bins
        self.max_bins_total = max_bins_total
        self.edges = edges

    def fit(self, table, y=None):
        """Find medians, scales, bins and levels; y is what a tree predicts that finds edges."""
        n_numbers, n_categorical = table.numbers.shape[1], table.categories.shape[1]
        n_bins = min(self.n_bins, self.max_bins_total // max(1, n_numbers))
        self.scaler_ = SmoothClipScaler().fit(table.numbers) if n_numbers else None
        self.bins_ = None
        if n_numbers and n_bins >= max(1, min(self.n_bins, FEWEST_BINS)):
            self.bins_ = PiecewiseLinearEncoder(n_bins, edges=self.edges, min_bins=2).fit(table.numbers, y)
        self.with_missing_ = np.flatnonzero(np.isnan(table.numbers).any(axis=0))
        self.levels_ = None
        if n_categorical:
            self.levels_ = OneHotEncoder(
                handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, dtype=np.float32
            ).fit(table.categories)
        self.widths_ = [
            n_numbers,
            0 if self.bins_ is None else int(self.bins_.n_bins_.sum()),
            len(self.with_missing_),
            0 if self.levels_ is None else len(self.levels_.get_feature_names_out()),
        ]
        return self

    def transform(self, table):
        """Return the matrix, (n, the sum of the widths)."""
        out = np.empty((len(table), sum(self.widths_)), np.float32)
        scaled, bins, missing, levels = np.split(out, np.cumsum(self.widths_)[:-1], axis=1)
        if self.scaler_ is not None:
            gaps = np.isnan(table.numbers)
            numbers = np.where(gaps, self.scaler_.center_, table.numbers) if gaps.any() else table.numbers
            self.scaler_._transform_into(numbers, scaled)
            if self.bins_ is not None:
                self.bins_._transform_into(numbers, bins)
            missing[:] = gaps[:, self.with_missing_]
        if self.levels_ is not None:
            levels[:] = self.levels_.transform(table.categories).toarray()
        return out
